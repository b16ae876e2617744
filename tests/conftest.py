pytest_plugins = [
    "s3servers",
    "tiny_models",
    "cluster.fixture",
    "cluster.running_operator",
    "cluster.trainings",
]
