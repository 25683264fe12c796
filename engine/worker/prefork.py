"""Imports in the fork server, once for all workers that are forked later.

No tensor is computed here and no library that starts threads is imported: threads do not survive a fork.
"""

from __future__ import annotations

import contextlib
import importlib

import diffusers

from engine.catalogue.catalogue import Catalogue
from engine.errors import EngineError
from engine.settings import EngineSettings


def warm(settings: EngineSettings) -> None:
    """Import the worker and the classes of the default model's pipeline; a missing model is reported by the worker."""
    importlib.import_module("engine.worker.worker")
    with contextlib.suppress(EngineError):
        spec = Catalogue(settings).spec()
        for name in (spec.pipeline, *spec.noise_schedulers):
            getattr(diffusers, name, None)  # diffusers imports lazily, on the first look
