"""A diffusers pipeline as a coroutine.

Each request runs an *unmodified* pipeline in its own greenlet. The modules that lanes share (denoisers, text encoders,
autoencoder) are replaced by views of the same class with the same weights. A call of a view *parks* the lane: control
switches to the tick loop's greenlet, which answers the call later, merged with compatible calls of other lanes.

Forward passes run in the tick loop's greenlet, never in a lane's. The tick loop runs under `torch.inference_mode()`.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

import contextlib
import enum
from collections.abc import Callable, Generator, Hashable
from dataclasses import dataclass, field
from typing import Any

import torch
from greenlet import getcurrent, greenlet

from engine.batching.attention_processors import AttentionProcessors

Pipeline = Any
"""A `DiffusionPipeline` or a `ModularPipeline`; their arguments differ by class."""


class LaneCancelled(BaseException):
    """Raised in a lane to unwind its pipeline; a `BaseException`, so that no pipeline catches it."""


class Stage(enum.StrEnum):
    """The stage of a parked call: text encoder, denoiser or autoencoder."""

    ENCODE = "encode"
    DENOISE = "denoise"
    DECODE = "decode"


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a lane's calls run. Calls share a forward pass only if their options differ in nothing but LoRAs."""

    loras: tuple[tuple[str, float], ...] = ()
    """Adapters by name with their weights: LoRAs, and the style adapter where it acts."""
    upcast: bool = False
    """Run modules in float32: the second try after a broken picture."""
    circular: bool = False
    """Pad convolutions circularly, so that the picture repeats without a seam (`ImageRequest.tile`)."""


@dataclass(eq=False, slots=True)
class ParkedCall:
    """One call of a shared module that waits for its forward pass. It is a pure function of its arguments."""

    lane: Lane
    module: torch.nn.Module
    method: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    stage: Stage = Stage.DENOISE
    adapters: tuple[tuple[tuple[str, float], ...], ...] = ()
    """The LoRAs of each row of a merged call; () means those of the lane for all rows."""

    is_own: bool = True
    """Whether it is the very call that the lane made: no rows of it, and not merged."""
    laid_out: Any = None
    """The `RowLayout` of this call once it is known, in a tuple; None before. A call may wait for many ticks."""
    content: Hashable = None
    """The key of an encoder call in the `EncoderCache`, computed before the pass; None for calls not cached."""

    def replaced(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> ParkedCall:
        """The same call with other arguments."""
        return ParkedCall(self.lane, self.module, self.method, args, kwargs, self.stage, self.adapters, is_own=False)


class RandomState:
    """The global random state of the processor and of the accelerator in use, as one lane has left it.

    Some pipelines and modules call `torch.randn` without a generator. With one state for all lanes, such numbers would
    depend on which lanes run; with its own state a lane draws the numbers that it would draw alone.
    """

    def __init__(self, seed: int = 0) -> None:
        self._sources = _sources()
        self._states = [_seeded(source, seed) for source in self._sources]

    @contextlib.contextmanager
    def in_force(self) -> Generator[None]:
        """Make this the process's random state for a while."""
        outer = [source.get_state() for source in self._sources]
        _restore(self._sources, self._states)
        try:
            yield
        finally:
            self._states = [source.get_state() for source in self._sources]
            _restore(self._sources, outer)


@dataclass(eq=False)
class Lane:
    """A request's pipeline as a coroutine that yields `ParkedCall`s. Device thread only."""

    id: str
    work: Callable[[Lane], Any]
    """Runs the pipeline in the lane's greenlet; its return value becomes `result`."""
    options: RunOptions = RunOptions()
    alone: bool = False
    """Its calls share no forward pass with other lanes: `ImageRequest.alone`."""
    has_own_bits: bool = True
    """False once compiled code or another attention kernel than torch's own computed a pass of it, which a lane that
    is drawn alone never runs with."""
    parked: ParkedCall | None = None
    """The call that waits for its output; None before the start and after the end."""
    result: Any = None
    answers: list[Callable[[ParkedCall], Any]] = field(default_factory=list[Callable[["ParkedCall"], Any]])
    """Each may return an output in place of a forward pass, or `NotImplemented` to let the call park."""
    listeners: list[Callable[[ParkedCall, Any], None]] = field(
        default_factory=list[Callable[["ParkedCall", Any], None]]
    )
    """Called with every parked call and its output."""
    changes: list[Callable[[ParkedCall, Any], Any]] = field(default_factory=list[Callable[["ParkedCall", Any], Any]])
    """Each returns what the pipeline gets in place of a call's output; listeners hear the output itself."""
    around: Callable[[ParkedCall, Callable[[ParkedCall], Any]], Any] | None = None
    """Stands between a call and its forward pass, which the second argument runs (`StepCache.answer`)."""
    last_outputs: dict[torch.nn.Module, Any] = field(default_factory=dict[torch.nn.Module, Any])
    """The latest output of each denoiser."""
    random_state: RandomState = field(default_factory=RandomState, repr=False)
    processors: AttentionProcessors | None = field(default=None, repr=False)
    """Set for pipelines that replace attention processors; their calls share no forward pass."""
    _greenlet: greenlet = field(init=False, repr=False)
    _tick_loop: greenlet = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._greenlet = greenlet(self.work)

    @property
    def is_finished(self) -> bool:
        """Has the pipeline returned, raised or been cancelled?"""
        return self._greenlet.dead

    def start(self) -> None:
        """Run to the first parked call. This and the methods below raise what the pipeline raises."""
        self._tick_loop = getcurrent()
        with self.in_force():
            reply = self._greenlet.switch(self)
        self._settle(reply)

    def resume(self, output: Any) -> None:
        """Return `output` from the parked call and run to the next call or to the end."""
        self._unpark()
        with self.in_force():
            reply = self._greenlet.switch(output)
        self._settle(reply)

    def fail(self, error: BaseException) -> None:
        """Raise `error` from the parked call, as if the module itself had raised it."""
        self._unpark()
        with self.in_force():
            reply = self._greenlet.throw(error)
        self._settle(reply)

    def cancel(self) -> None:
        """Unwind the pipeline; the lane is finished when this returns."""
        self._unpark()
        if not self._greenlet:
            return  # not begun, or over: a throw would run nothing but raise here
        with self.in_force(), contextlib.suppress(LaneCancelled):
            self._greenlet.throw(LaneCancelled())

    @contextlib.contextmanager
    def in_force(self) -> Generator[None]:
        """Put the lane's own random state and attention processors in place of the process's for a while.

        Whether gradients are recorded is the caller's own again afterwards: a pipeline that parks is still inside its
        `no_grad`, which would otherwise hold for the whole thread.
        """
        processors = self.processors.in_force() if self.processors else contextlib.nullcontext()
        with torch.set_grad_enabled(torch.is_grad_enabled()), self.random_state.in_force(), processors:
            yield

    def park(self, call: ParkedCall) -> Any:
        """Park until the output of `call` is there. Outside of the lane's own greenlet the call runs at once."""
        if getcurrent() is not self._greenlet:
            return getattr(call.module, call.method)(*call.args, **call.kwargs)
        for answer in self.answers:
            if (answered := answer(call)) is not NotImplemented:
                return self._changed(call, answered)
        output = self.around(call, self._wait) if self.around else self._wait(call)
        for listener in self.listeners:
            listener(call, output)
        if call.stage is Stage.DENOISE:
            self.last_outputs[call.module] = output
        return self._changed(call, output)

    def _changed(self, call: ParkedCall, output: Any) -> Any:
        for change in self.changes:
            output = change(call, output)
        return output

    def _wait(self, call: ParkedCall) -> Any:
        """Switch to the tick loop until the call's forward pass is done."""
        return self._tick_loop.switch(call)

    def _unpark(self) -> None:
        """Drop the call and its layout at once: they refer to each other, and their tensors are large."""
        if self.parked:
            self.parked.laid_out = self.parked = None

    def _settle(self, reply: Any) -> None:
        if self.is_finished:
            self.parked, self.result = None, reply
        else:
            self.parked = reply


def _sources() -> list[torch.Generator]:
    """The generators that `torch.randn` draws from."""
    is_on_cuda = torch.cuda.is_available() and torch.cuda.is_initialized()
    accelerators: Any = torch.cuda.default_generators if is_on_cuda else ()
    return [torch.default_generator, *accelerators]


def _seeded(source: torch.Generator, seed: int) -> torch.Tensor:
    return torch.Generator(source.device).manual_seed(seed).get_state()


def _restore(sources: list[torch.Generator], states: list[torch.Tensor]) -> None:
    for source, state in zip(sources, states, strict=True):
        source.set_state(state)
