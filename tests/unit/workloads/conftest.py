"""Properties over whole profiles: drawing one takes as long as the machine lets it."""

from hypothesis import HealthCheck, settings

settings.register_profile("workloads", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("workloads")
