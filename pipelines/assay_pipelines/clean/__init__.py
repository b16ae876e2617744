"""Cleaning on Ray Data: chats from sources, through steps, with every row that goes in a ledger."""

import os

# Before Ray is imported, which reads it once: a head that this program starts listens on the network, so whoever joins it
# shows the user's token. A cluster made by others says for itself what it wants.
os.environ.setdefault("RAY_AUTH_MODE", "token")
