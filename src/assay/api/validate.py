def check(experiment): return []
