"""Where a request is in its denoising, as the step cache sees it."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

import math
from typing import Any, NamedTuple

from engine.sampling.step_watch import StepWatch
from engine.sampling.x0 import noise_level

_FURTHEST = 10.0
"""The clock's limits: noise of a first step has no signal, and the logarithm would be infinite."""


class Moment(NamedTuple):
    """One moment of a denoising loop."""

    step: int
    """How many steps were made."""
    time: float
    """A clock that only goes forward: the logarithm of the signal-to-noise ratio, else the number of steps."""
    is_last: bool
    """Whether the next step is the last."""


def moment_of(watch: StepWatch) -> Moment:
    """The present moment of a request."""
    time = _log_ratio(watch.noise_scheduler)
    return Moment(watch.step, float(watch.step) if time is None else time, watch.is_at_last)


def _log_ratio(noise_scheduler: Any) -> float | None:
    """Of the sample that the next step is given; None where the noise scheduler has no table of sigmas."""
    if noise_scheduler is None or not hasattr(noise_scheduler, "sigmas") or len(noise_scheduler.timesteps) == 0:
        return None
    level = noise_level(noise_scheduler, noise_scheduler.timesteps[0])
    if level is None:
        return None
    ratio = math.log(max(level.alpha, 1e-9) / max(level.sigma, 1e-9))
    return min(max(ratio, -_FURTHEST), _FURTHEST)
