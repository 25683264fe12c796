"""Hooks `noise_scheduler.step`: progress, x0 estimates, early stop, and image-to-image for text-to-image pipelines."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

import copy
import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from diffusers.modular_pipelines.modular_pipeline import ModularPipeline
from diffusers.pipelines.pipeline_utils import DiffusionPipeline

from engine.batching.lanes import Lane, ParkedCall, Pipeline
from engine.errors import InvalidRequest
from engine.sampling.possible_steps import refusal_of_steps
from engine.sampling.x0 import predict_x0, without_variance


class FirstAnswer(BaseException):
    """Ends a pipeline at its first denoising step, with what the denoiser answered there.

    A `BaseException`, so that no pipeline catches it.
    """

    def __init__(self, x0: torch.Tensor) -> None:
        self.x0 = x0
        super().__init__("the first answer of the denoiser")


Settle = Callable[[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]
"""Makes clean latents and noise of unit variance agree."""


class Origin(Protocol):
    """A picture to start from, for families whose pipelines start from noise only."""

    strength: float
    """In [0, 1]: 1 ignores the picture, 0 keeps it."""

    def noised(self, like: torch.Tensor, noise: torch.Tensor, noise_scheduler: Any, index: int) -> torch.Tensor:
        """The picture's latents in the shape of `like`, noised to timestep number `index`; past the last one, clean."""
        ...

    def keep(self, latents: torch.Tensor, noised: torch.Tensor) -> torch.Tensor:
        """`latents`, but `noised` outside the mask."""
        ...


class Walk(Protocol):
    """Denoising by other steps than the noise scheduler's: the samples are its own, the answers the denoiser's."""

    strength: float
    """In [0, 1]: at which noise level it begins, as for `Origin`."""

    def begin(self, like: torch.Tensor, noise_scheduler: Any, index: int) -> torch.Tensor:
        """The sample of timestep number `index`, the first that the denoiser is asked about, in the form of `like`."""
        ...

    def step(self, model_output: torch.Tensor, index: int) -> torch.Tensor:
        """The sample of timestep number `index`, past the last one clean, after the denoiser's answer before it."""
        ...

    @property
    def shown(self) -> torch.Tensor:
        """The latents that previews show, one row for each cell."""
        ...


@dataclass
class StepWatch:
    """Wraps `step` of every noise scheduler of a lane's pipelines; one for each lane."""

    lane: Lane
    wants_x0: Callable[[int], bool]
    """Called before step n (from 1): is its x0 estimate wanted?"""
    on_step: Callable[[int, int, torch.Tensor | None], None]
    """Called with (step, steps, x0) after each step; x0 is None where it was not wanted."""
    stop_at: float = 1.0
    """After this share of the steps the x0 estimate is the result."""
    origin: Origin | None = None
    walk: Walk | None = None
    settle: Settle | None = None
    """What a picture's latents and their noise pass before they are added, in pipelines attached from then on."""
    asks_once: bool = False
    """Whether the first denoising step raises `FirstAnswer` in place of going on."""
    more_steps: int = 0
    """Steps of later pipeline calls of this request, for the total."""
    latents: torch.Tensor | None = None
    """The sample after the latest step."""
    step: int = 0
    _earlier: int = 0
    """Steps of earlier denoising loops of this request (a prior's)."""
    _stage: Any = None
    _hooked: list[Any] = field(default_factory=list[Any], repr=False)
    _steps: int = 0
    _is_idle: bool = False
    """Whether steps pass without denoising: before the start from a picture, and after the early stop."""
    _noise: torch.Tensor | None = field(default=None, repr=False)
    _shape: Any = field(default=None, repr=False)
    """The latest result of `step`: a tuple or an output class, as the pipeline wants it."""

    def attach(self, pipeline: Pipeline) -> None:
        """Hook every noise scheduler of the pipeline and of the pipelines inside it."""
        for part in with_inner(pipeline):
            for value in list(vars(part).values()):
                if hasattr(value, "set_timesteps") and hasattr(value, "step") and "step" not in vars(value):
                    # On the instance, and wrapped: pipelines look at the signature of `noise_scheduler.step`.
                    value.step = self._watched(part, value)
                    value.set_timesteps = _refusing(value)
                    if self.settle is not None:
                        value.add_noise = _settled(value, self.settle)
                    self._hooked.append(value)

    @property
    def noise_scheduler(self) -> Any:
        """The noise scheduler of the present denoising loop; None before its first step, where several are hooked."""
        return self._stage or (self._hooked[0] if len(self._hooked) == 1 else None)

    @property
    def is_at_last(self) -> bool:
        """Is the next step the last one that denoises? False before the first step of a loop."""
        return self._stage is not None and self._stage_step + 1 >= min(self._steps, self._stop_after)

    def restart(self) -> None:
        """Note that a pipeline call begins or has ended: the next step is the first of its loop."""
        self._stage, self._is_idle = None, False

    def answer(self, call: ParkedCall) -> Any:
        """While idle, answer denoiser calls with their latest output: the step ignores it. Else `NotImplemented`."""
        return self.lane.last_outputs.get(call.module, NotImplemented) if self._is_idle else NotImplemented

    def _watched(self, pipeline: Pipeline, noise_scheduler: Any) -> Callable[..., Any]:
        inner = noise_scheduler.step

        def form(*given: Any, **options: Any) -> Any:
            # A copy shows the form of the result; the original must not count this step.
            return type(noise_scheduler).step(copy.deepcopy(noise_scheduler), *given, **options)

        @functools.wraps(inner)
        def step(model_output: Any, timestep: Any, sample: Any, *args: Any, **kwargs: Any) -> Any:
            self._enter(pipeline, noise_scheduler)
            if self.walk is not None and sample.ndim > 2:
                if self._stage_step == 1:
                    self._shape = form(model_output, timestep, sample, *args, **kwargs)
                return self._walked(self.walk, noise_scheduler, model_output, sample)
            begin = self._begin(noise_scheduler, sample)
            if self._is_idle and self._stage_step > begin:
                return _with_latents(self._shape, sample)
            if self._stage_step <= begin:
                return self._skip(form(model_output, timestep, sample, *args, **kwargs), noise_scheduler, sample, begin)
            if self.asks_once and sample.ndim > 2:
                self._answer_once(noise_scheduler, model_output, sample, timestep)
            is_last = sample.ndim > 2 and self.stop_at < 1.0 and self._stage_step >= self._stop_after
            x0 = None
            if is_last or self.wants_x0(self.step):
                x0 = predict_x0(noise_scheduler, model_output, sample, timestep)
            result = inner(model_output, timestep, sample, *args, **kwargs)
            return self._leave(result, noise_scheduler, x0, is_last)

        return step

    def _walked(self, walk: Walk, noise_scheduler: Any, model_output: torch.Tensor, sample: torch.Tensor) -> Any:
        index, begin = self._stage_step, self._steps - max(1, int(self._steps * walk.strength))
        self._is_idle = index < begin
        if self._is_idle:
            return _with_latents(self._shape, sample)
        if index == begin:
            _set_index(noise_scheduler, begin)
            return _with_latents(self._shape, walk.begin(sample, noise_scheduler, begin))
        if begin == 0 and index == 1:
            _set_index(noise_scheduler, 0)
            walk.begin(sample, noise_scheduler, 0)
        _set_index(noise_scheduler, index)
        latents = walk.step(without_variance(model_output, sample), index).to(sample.dtype)
        shown = walk.shown if self.wants_x0(self.step) else None
        if index == self._steps:
            self.latents = walk.shown if shown is None else shown
        self.on_step(self.step, self._earlier + self._steps + self.more_steps, shown)
        return _with_latents(self._shape, latents)

    def _begin(self, noise_scheduler: Any, sample: torch.Tensor) -> int:
        """How many steps to skip, so that the picture enters at the noise level of `strength`."""
        if self.origin is None or sample.ndim <= 2:
            return 0
        if self._stage_step == 1:
            self._noise = sample / float(getattr(noise_scheduler, "init_noise_sigma", 1.0))
        return min(self._steps - 1, int(self._steps - self._steps * self.origin.strength))

    def _answer_once(self, noise_scheduler: Any, model_output: torch.Tensor, sample: torch.Tensor, at: Any) -> None:
        x0 = predict_x0(noise_scheduler, model_output, sample, at)
        if x0 is not None:
            raise FirstAnswer(x0)

    def _skip(self, form: Any, noise_scheduler: Any, sample: torch.Tensor, begin: int) -> Any:
        self._is_idle = self._stage_step < begin
        if self._is_idle or self.origin is None or self._noise is None:
            return _with_latents(form, sample)
        if hasattr(noise_scheduler, "set_begin_index"):
            noise_scheduler._step_index = None
            noise_scheduler.set_begin_index(begin)
        return _with_latents(form, self.origin.noised(sample, self._noise, noise_scheduler, begin))

    @property
    def _stage_step(self) -> int:
        return self.step - self._earlier

    @property
    def _stop_after(self) -> int:
        return math.ceil(round(self.stop_at * self._steps, 6))  # 0.07 of 100 steps are 7.000000000000001

    def _enter(self, pipeline: Pipeline, noise_scheduler: Any) -> None:
        if noise_scheduler is not self._stage:
            self._stage, self._earlier = noise_scheduler, self.step
            self._steps, self._is_idle = _steps(pipeline, noise_scheduler), False
        self.step += 1

    def _leave(self, result: Any, noise_scheduler: Any, x0: torch.Tensor | None, is_last: bool) -> Any:
        latents = result[0]
        if is_last and x0 is not None:
            self._is_idle, latents = True, x0.to(latents.dtype)
        if self.origin is not None and self._noise is not None and latents.ndim > 2:
            index = len(noise_scheduler.timesteps) if self._is_idle else self._stage_step
            latents = self.origin.keep(latents, self.origin.noised(latents, self._noise, noise_scheduler, index))
        if latents is not result[0]:
            result = _with_latents(result, latents)
        self.latents, self._shape = latents, result
        self.on_step(self.step, self._earlier + self._steps + self.more_steps, x0)
        return result


def with_inner(pipeline: Pipeline) -> list[Pipeline]:
    """The pipeline and those it is combined from (Kandinsky's prior and decoder, Würstchen's, ...)."""
    found: list[Pipeline] = [pipeline]
    for part in found:
        inner = (value for value in vars(part).values() if isinstance(value, DiffusionPipeline | ModularPipeline))
        found.extend(value for value in inner if all(value is not known for known in found))
    return found


def _set_index(noise_scheduler: Any, index: int) -> None:
    """Set the number of the next step, in place of counting calls of `step`."""
    if hasattr(noise_scheduler, "_step_index"):
        noise_scheduler._step_index = min(index, len(noise_scheduler.timesteps) - 1)


def _settled(noise_scheduler: Any, settle: Settle) -> Callable[..., torch.Tensor]:
    """`add_noise` for latents and noise that agree."""
    inner = noise_scheduler.add_noise

    def add_noise(original_samples: torch.Tensor, noise: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
        return inner(*settle(original_samples, noise), timesteps)

    return add_noise


def _refusing(noise_scheduler: Any) -> Callable[..., Any]:
    """`set_timesteps` that raises `InvalidRequest` for a refused number of steps (PNDM wants four, LCM at most 50)."""
    inner = noise_scheduler.set_timesteps

    @functools.wraps(inner)
    def set_timesteps(*args: Any, **kwargs: Any) -> Any:
        try:
            return inner(*args, **kwargs)
        except (IndexError, ValueError) as error:
            raise InvalidRequest("num_inference_steps", refusal_of_steps(noise_scheduler, args, kwargs)) from error

    return set_timesteps


def _steps(pipeline: Pipeline, noise_scheduler: Any) -> int:
    """How many steps the loop runs: image-to-image begins in the middle of the timesteps."""
    begun = getattr(noise_scheduler, "begin_index", None) or 0
    return getattr(pipeline, "_num_timesteps", 0) or len(noise_scheduler.timesteps) - begun


def _with_latents(result: Any, latents: torch.Tensor) -> Any:
    """A result of `step` with other latents, also in place of other tensors of their shape (LCM's `denoised`)."""
    if isinstance(result, tuple):
        if len(result) == 1:
            return (latents,)
        same = (isinstance(part, torch.Tensor) and part.shape == latents.shape for part in result)
        return tuple(latents if is_same else part for is_same, part in zip(same, result, strict=True))
    for name, part in list(result.items()):
        if isinstance(part, torch.Tensor) and part.shape == latents.shape:
            result[name] = latents
    return result


def noise_scheduler_of(pipeline: Any) -> Any | None:
    """The noise scheduler of a pipeline, or of the last of its stages; None where it denoises nothing."""
    parts = [value for part in with_inner(pipeline) for value in vars(part).values()]
    return next((value for value in reversed(parts) if hasattr(value, "set_timesteps")), None)
