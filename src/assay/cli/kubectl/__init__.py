"""`kubectl assay`: the commands that look at an experiment in a cluster; they change nothing there, nor in the store."""
