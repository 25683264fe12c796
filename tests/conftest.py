"""For every test: examples are judged by what they show, never by how fast a busy machine makes them."""

from hypothesis import HealthCheck, settings

settings.register_profile("darkroom", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("darkroom")
