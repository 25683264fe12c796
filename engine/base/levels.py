"""Levels that settings and requests both speak of. Torch-free."""

from typing import Literal

StepCacheLevel = Literal["off", "careful", "fast"]
"""How readily denoiser outputs are foretold from earlier ones: never, where it can hardly be seen, more often."""
