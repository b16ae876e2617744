pytest_plugins = ["s3servers", "cluster.fixture", "cluster.running_operator"]
