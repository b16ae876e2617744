"""Programs that stand in for the real ones where only the order of effects is looked at.

Each is a real process under the real program frame, quick because it learns nothing: its output is a digest of its spec
and of the outputs that it read, so a wrong or unfinished input shows in every record after it.
"""
