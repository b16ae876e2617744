"""`kubectl assay`: the commands that look at an experiment in a cluster, and those that ask for something by its objects.

What they ask for goes through the API server alone, and its rights decide; none writes to the store.
"""
