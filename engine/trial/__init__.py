"""Devices, models and tools tried out in a process of its own, for `darkroom check`."""
