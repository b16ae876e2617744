"""The object store: bytes under keys, and the one atomic act that everything rests on, create-if-absent.

`store.py` is the port, `folder.py` and `s3.py` are real; `claims.py` and `records.py` speak the layout's language on top.
"""
