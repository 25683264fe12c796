"""Measures the engine beside the way every bot works today: the same pipelines, one whole call after another.

`python -m engine.bench --quick --json FILE`. What the figures mean is in `engine/BENCH.md`.
"""
