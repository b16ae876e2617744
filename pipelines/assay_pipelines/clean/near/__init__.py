"""All pairs of similar chats, exactly: words, shingles, a join on rare shingles, and the edit distance of what it finds.

A set similarity join with prefix filtering (Bayardo et al. 2007, All-Pairs; Xiao et al. 2008, PPJoin): two sets of
Jaccard similarity t or more share one of their rarest shingles, so only those are compared. Nothing here knows of steps.
"""
