pytest_plugins = [
    "s3servers",
    "tiny_models",
    "lm_eval_runs",
    "cluster.fixture",
    "cluster.running_operator",
    "cluster.trainings",
]
