"""What all tests share: fixtures, and that no property is held to a time, which other work on the machine decides."""

from hypothesis import HealthCheck, settings

settings.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")

pytest_plugins = [
    "s3servers",
    "bare_cluster",
    "tiny_models",
    "lm_eval_runs",
    "cluster.fixture",
    "cluster.running_operator",
    "cluster.trainings",
]
