"""Darkroom's Discord side: everything that faces people. Never imports torch."""
