"""The clean program: sources of chats, through steps, to sorted Parquet and a ledger of everything that was dropped.

`intake` turns files into rows; `steps` judge rows, each a pure function; `flow` runs them on Ray Data; `account` counts;
`output` sorts and writes. A row that falls stays in the working table with its fate, so that nothing can be lost unseen.
"""
