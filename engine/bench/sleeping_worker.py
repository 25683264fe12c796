"""A worker whose denoiser sleeps instead of computing: a stand-in for a device, of which a few cores carry many."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

import time
from multiprocessing.connection import Connection
from typing import Any

import torch

from engine.batching.lanes import Stage
from engine.batching.module_proxies import stage_of
from engine.loading.loaded_model import LoadedModel
from engine.loading.model_cache import ModelCache
from engine.settings import EngineSettings
from engine.worker import worker
from engine.worker.prefork import warm as warm

ENTRY = "engine.bench.sleeping_worker:main"
ROW_S = 0.05
"""Seconds that one row of a pass takes: a row of a large picture, for which a larger batch gains nothing."""


class _Sleeping:
    """Mixed into a denoiser's class: an answer of the right shape, after its time."""

    def forward(self, sample: torch.Tensor, *_args: Any, **_kwargs: Any) -> tuple[torch.Tensor]:
        time.sleep(ROW_S * len(sample))
        return (sample.new_zeros(()).expand_as(sample),)


class SleepingCache(ModelCache):
    """Loads models and puts their denoisers to sleep."""

    def load(self, name: str) -> LoadedModel:
        """Read the model from files."""
        model = super().load(name)
        for part in model.parkable.values():
            if stage_of(part) is Stage.DENOISE:
                part.__class__ = type("Sleeping", (_Sleeping, type(part)), {})
        return model


def main(connection: Connection, settings: EngineSettings, device: str) -> None:
    """Be the worker of one stand-in device."""
    worker.main(connection, settings, device, SleepingCache(settings, device))
