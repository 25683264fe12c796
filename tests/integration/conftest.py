"""A model for the bot as a process."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.families import folder


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random Stable Diffusion: the same way through the engine, in a fraction of the time."""
    return folder("stable-diffusion", tmp_path_factory.getbasetemp().parent / "families")
