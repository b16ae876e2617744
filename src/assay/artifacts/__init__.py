"""What a stage leaves behind: its identity, its attempts, its record, and where each lies in a store.

Values only: nothing here reads or writes. Every document is a closed, frozen Pydantic model.
"""
