"""What an edit costs beside the denoiser is measured against a variation."""

from __future__ import annotations

from engine.bench import edit_overhead


def test_an_edit_and_a_variation_are_measured() -> None:
    cost = edit_overhead.measure("EulerDiscreteScheduler", lanes=2, side=64, times=1)
    assert 0.0 < cost.variation_ms < 1000.0
    assert 0.0 < cost.edit_ms < 1000.0
