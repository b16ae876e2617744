"""Finding long token spans that stand in more than one place, without bringing texts together.

`tokens` turns messages into numbers, `windows` those into fingerprints and keys, `equal` finds equal keys, `cut` takes spans
out of chats, `rounds` does it over blocks. What is decided about repeats is in `steps/duplicate_substrings.py`.
"""
