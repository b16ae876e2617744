"""The clean program: sources of chats, through steps, to sorted Parquet and a ledger of everything that was dropped.

`intake` turns files into rows; `steps` judge rows, each a pure function; `flow` sends rows through them, on Ray Data;
`account` counts; `output` sorts and writes. A row that falls stays in the working table with its fate, so that nothing
can be lost unseen.
"""

import os

# Before Ray is imported, which reads it once: a head that this program starts listens on the network, so whoever joins it
# shows the user's token. A cluster made by others says for itself what it wants.
os.environ.setdefault("RAY_AUTH_MODE", "token")
