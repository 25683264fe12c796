"""Measures the engine beside the way every bot works today: the same pipelines, one whole call after another.

`python -m engine.bench --quick --json FILE`. What the figures mean is in `engine/BENCH.md`.
"""

STAND_IN = "stand-in"
"""The name of the small random model that is made for a run."""
