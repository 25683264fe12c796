"""Tries a model's noise scheduler out: some say only in the middle of a picture that they cannot do what they are told.

An odd `prediction_type` is heard of at the first step, an odd `timestep_spacing` before it.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (diffusers has hardly any types)

from __future__ import annotations

from typing import Any

import torch

from engine.errors import ModelLoadFailed
from engine.model_files.diffusers_folder import REMEDY
from engine.model_spec import FLOW_NOISE_SCHEDULERS, NOISE_SCHEDULERS

_KNOWN = frozenset({*NOISE_SCHEDULERS, *FLOW_NOISE_SCHEDULERS})
_CHANNELS = 3
_STEPS = (4, 20, 50)
"""Tried in turn: not every scheduler takes every number of steps."""


def prove_noise_scheduler(model: str, noise_scheduler: Any) -> None:
    """Raises `ModelLoadFailed` where it takes no step; one of a class with arguments of its own is not tried."""
    if type(noise_scheduler).__name__ not in _KNOWN:
        return
    refused: Exception | None = None
    for steps in _STEPS:
        try:
            _step(type(noise_scheduler).from_config(noise_scheduler.config), steps)
        except (ValueError, NotImplementedError, TypeError, LookupError, ArithmeticError, RuntimeError) as error:
            refused = refused or error
        else:
            return
    said = " ".join(f"{refused}".split())[:200]
    why = f"scheduler/scheduler_config.json does not work, its {type(noise_scheduler).__name__} says: {said}"
    raise ModelLoadFailed(model, why, REMEDY) from refused


def _step(trial: Any, steps: int) -> None:
    shift = {"mu": 1.0} if trial.config.get("use_dynamic_shifting") else {}
    trial.set_timesteps(steps, **shift)
    sample, timestep = torch.zeros(1, _CHANNELS, 2, 2), trial.timesteps[0]
    has_variance = str(trial.config.get("variance_type")).startswith("learned")  # DeepFloyd IF: beside the noise
    if hasattr(trial, "scale_model_input"):
        trial.scale_model_input(sample, timestep)
    trial.step(torch.zeros(1, _CHANNELS * (1 + has_variance), 2, 2), timestep, sample)
