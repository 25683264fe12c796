"""Model folders for every test of the engine, drawn once per run and shared by its processes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.engine.quick_previews import quick_previews as quick_previews


@pytest.fixture(scope="session")
def family_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The tiny model folder of a family by name; see `tests.engine.families.FAMILIES`."""
    from tests.engine import families

    base = tmp_path_factory.getbasetemp()
    cache = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "families"
    return lambda name: families.folder(name, cache)
