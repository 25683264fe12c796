"""A diffusers pipeline as a coroutine.

Each request runs an *unmodified* pipeline in its own greenlet. The modules it shares with others (denoisers, text
encoders, autoencoder) are replaced by views: same class, same weights, but a call *parks* the lane and goes to the hub,
which answers it whenever it likes, together with whatever calls of other lanes fit into the same forward pass.

Forwards run in the hub's greenlet, never inside a lane's; the hub keeps `torch.inference_mode()` on for its whole life.
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
from engine.batching.random_state import RandomState

Pipeline = Any
"""A `DiffusionPipeline` or a `ModularPipeline`: what they can be called with is theirs to say."""


class LaneCancelled(BaseException):
    """Thrown into a lane to unwind its pipeline; a `BaseException`, so that no pipeline swallows it."""


class Stage(enum.StrEnum):
    """Which part of the way from prompt to picture a parked call belongs to."""

    ENCODE = "encode"
    DENOISE = "denoise"
    DECODE = "decode"


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a lane's calls run; only calls that differ in LoRAs alone may share a forward pass."""

    loras: tuple[tuple[str, float], ...] = ()
    """Adapters and their weights."""
    upcast: bool = False
    """In float32: the second try after a broken picture."""
    circular: bool = False
    """Convolutions wrap around, so that the picture repeats without a seam."""


@dataclass(eq=False, slots=True)
class ParkedCall:
    """One call of a shared module that waits for its forward pass: a pure function and its arguments."""

    lane: Lane
    module: torch.nn.Module
    method: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    stage: Stage = Stage.DENOISE
    worn: tuple[tuple[tuple[str, float], ...], ...] = ()
    """The LoRAs of each row, in a call merged of several; () means those of the lane, for all."""

    is_own: bool = True
    """As the lane made it; not a part of that, nor merged of several."""
    laid_out: Any = None
    """Kept by whoever takes the call apart: it may wait for many ticks."""
    content: Hashable = None
    """What an encoder's answer depends on, as it was before the pass; None where nothing is remembered."""

    def replaced(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> ParkedCall:
        """The same call with other arguments."""
        return ParkedCall(self.lane, self.module, self.method, args, kwargs, self.stage, self.worn, is_own=False)


@dataclass(eq=False)
class Lane:
    """A request's work as a coroutine that yields `ParkedCall`s. Hub thread only."""

    id: str
    work: Callable[[Lane], Any]
    options: RunOptions = RunOptions()
    is_alone: bool = False
    """Its calls share no forward pass."""
    parked: ParkedCall | None = None
    """The call that waits for the hub, or None before the start and after the end."""
    result: Any = None
    answers: list[Callable[[ParkedCall], Any]] = field(default_factory=list[Callable[["ParkedCall"], Any]])
    """Each may answer a call without a forward pass, or let it park by `NotImplemented`."""
    listeners: list[Callable[[ParkedCall, Any], None]] = field(
        default_factory=list[Callable[["ParkedCall", Any], None]]
    )
    """Told of every call and its output."""
    last_outputs: dict[torch.nn.Module, Any] = field(default_factory=dict[torch.nn.Module, Any])
    """What each denoiser answered last."""
    random_state: RandomState = field(default_factory=RandomState, repr=False)
    processors: AttentionProcessors | None = field(default=None, repr=False)
    """Of a pipeline that exchanges attention processors; none of its calls can share a forward pass."""
    _greenlet: greenlet = field(init=False, repr=False)
    _tick_loop: greenlet = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._greenlet = greenlet(self.work)

    @property
    def is_finished(self) -> bool:
        """The work has returned, failed or been cancelled."""
        return self._greenlet.dead

    def start(self) -> None:
        """Run up to the first parked call. Raises what the work raises, here and in the methods below."""
        self._tick_loop = getcurrent()
        with self.in_force():
            reply = self._greenlet.switch(self)
        self._settle(reply)

    def resume(self, output: Any) -> None:
        """Answer the parked call and run on to the next one or to the end."""
        self._unpark()
        with self.in_force():
            reply = self._greenlet.switch(output)
        self._settle(reply)

    def fail(self, error: BaseException) -> None:
        """Raise `error` at the parked call, as the pipeline would have seen it from the module itself."""
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
        """What belongs to the process and yet is this lane's own, put in place for a while."""
        with self.random_state.in_force(), self.processors.in_force() if self.processors else contextlib.nullcontext():
            yield

    def park(self, call: ParkedCall) -> Any:
        """Wait for the hub's answer to `call`; outside of the lane's own greenlet the call simply runs."""
        if getcurrent() is not self._greenlet:
            return getattr(call.module, call.method)(*call.args, **call.kwargs)
        for answer in self.answers:
            if (answered := answer(call)) is not NotImplemented:
                return answered
        output = self._tick_loop.switch(call)
        for listener in self.listeners:
            listener(call, output)
        if call.stage is Stage.DENOISE:
            self.last_outputs[call.module] = output
        return output

    def _unpark(self) -> None:
        """Let go of the call at once: it and what was made of it refer to each other, and tensors are large."""
        if self.parked:
            self.parked.laid_out = self.parked = None

    def _settle(self, reply: Any) -> None:
        if self.is_finished:
            self.parked, self.result = None, reply
        else:
            self.parked = reply
