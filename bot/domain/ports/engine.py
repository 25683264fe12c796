"""The part of the engine that the job service uses."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Protocol

from engine import AbortReason, Event, ImageRequest, Resolved


class Stream(Protocol):
    """A running request: yields its events, until `Finished` or an `engine.EngineError`."""

    def __aiter__(self) -> AsyncIterator[Event]: ...

    async def aclose(self) -> None:
        """Stop reading; a request that still runs is cancelled."""
        ...

    def cancel(self, reason: AbortReason = ...) -> None:
        """End the request with `RequestAborted(reason)` at the next tick."""
        ...

    @property
    def gpu_ms(self) -> float:
        """Device time so far, in ms."""
        ...


class EnginePort(Protocol):
    """The part of the engine that the job service uses."""

    def submit(self, request: Resolved) -> Stream:
        """Run a request. Raises `engine.EngineError`s, here or while its events are read."""
        ...

    async def resolve(self, request: ImageRequest) -> Resolved:
        """Check and complete a request. Raises `InvalidRequest`."""
        ...

    def size(self, model: str, aspect: tuple[int, int]) -> tuple[int, int]:
        """Width and height in pixels for an aspect ratio; "" is the default model. Raises `UnknownModel`."""
        ...

    def references(self, model: str) -> int:
        """How many pictures a model edits by words; 0 for one that was not made for that, or is not known."""
        ...

    def set_served(self, served_ms: Mapping[str, float], weights: Mapping[str, float]) -> None:
        """Start fair share from earlier use: by member key the device time in ms, and the weights."""
        ...


class Estimates(Protocol):
    """Estimates of what a job will cost, learnt from measured jobs."""

    async def estimate_ms(self, request: ImageRequest) -> float:
        """The expected device time in ms."""
        ...

    async def learn(self, request: ImageRequest, gpu_ms: float) -> None:
        """Add a measurement: the device time in ms that the request took."""
        ...
