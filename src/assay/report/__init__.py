"""What an experiment showed, as data and as a page: `data.py` and `page.py` are pure functions of plan, records and verdicts.

`write.py` is the edge: it reads them from the store and keeps the page there.
"""
