"""What can be done before a worker exists, once for all workers that are forked later: imports, and nothing else.

No tensor is computed here and no library that starts threads is imported: threads do not survive a fork.
"""

from __future__ import annotations

import contextlib

import diffusers

from engine.catalogue.catalogue import Catalogue
from engine.errors import EngineError
from engine.settings import EngineSettings


def warm(settings: EngineSettings) -> None:
    """Import what the default model's pipeline will need; a model that is not there is the worker's to report."""
    with contextlib.suppress(EngineError):
        spec = Catalogue(settings).spec()
        for name in (spec.pipeline, *spec.noise_schedulers):
            getattr(diffusers, name, None)  # diffusers imports lazily, on the first look
