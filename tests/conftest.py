"""What all tests share: property tests are never timed, since other work may share the machine."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "bailiwick", deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)
settings.load_profile("bailiwick")
