"""The map from latents to RGB is fitted to one picture instead of eight: a fifth of what loading a tiny model takes."""

from __future__ import annotations

import sys

import pytest

_FITTING = "engine.sampling.latent_rgb"


@pytest.fixture(autouse=True)
def quick_previews(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where previews themselves are looked at, an empty fixture of this name stands in for it."""
    if _FITTING in sys.modules:  # or nothing has imported torch yet
        monkeypatch.setattr(sys.modules[_FITTING], "_FIT_PICTURES", 1)
