pytest_plugins = ["s3servers", "cluster.fixture"]
