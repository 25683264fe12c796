"""The engine as the studio sees it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Protocol

from engine import AbortReason, Event, ImageRequest, Resolved


class Stream(Protocol):
    """A running request: its events, until `Finished` or an `engine.EngineError`."""

    def __aiter__(self) -> AsyncIterator[Event]: ...

    async def aclose(self) -> None:
        """Leave; what still runs is cancelled."""
        ...

    def cancel(self, reason: AbortReason = ...) -> None:
        """End with `RequestAborted(reason)` at the next tick."""
        ...

    @property
    def gpu_ms(self) -> float:
        """Device time measured so far."""
        ...


class EnginePort(Protocol):
    """The engine as the studio sees it."""

    def submit(self, request: Resolved) -> Stream:
        """Run a request. Raises `engine.EngineError`s, here or while its events are read."""
        ...

    async def resolve(self, request: ImageRequest) -> Resolved:
        """Check and complete a request. Raises `InvalidRequest`."""
        ...

    def size(self, model: str, aspect: tuple[int, int]) -> tuple[int, int]:
        """Pixels for an aspect ratio; "" is the default model. Raises `UnknownModel`."""
        ...

    def set_served(self, served_ms: Mapping[str, float], weights: Mapping[str, float]) -> None:
        """Begin fair share with what members were given before, and by which weights."""
        ...


class Estimates(Protocol):
    """What a job will cost, learnt from measured ones."""

    async def estimate_ms(self, request: ImageRequest) -> float:
        """Device time in ms."""
        ...

    async def learn(self, request: ImageRequest, gpu_ms: float) -> None:
        """Remember what it cost."""
        ...
