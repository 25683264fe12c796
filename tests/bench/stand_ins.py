"""Stand-ins for what costs time elsewhere: devices that only take their time, replies and pictures that are let go."""

from __future__ import annotations

import heapq
import itertools
import random
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from bot.domain.model import Cell, Job
from engine.engine import Resolved
from engine.events import Started
from engine.requests import ImageRequest
from tests.bot.domain.scripted import ScriptedStream


class StandInDevices:
    """Draw requests in the order in which they came, each for a random number of simulated seconds."""

    def __init__(self, count: int, mean_s: float, dice: random.Random) -> None:
        self._free, self._mean_s, self._dice = count, mean_s, dice
        self._waiting = deque[ScriptedStream]()
        self._busy: list[tuple[float, int, ScriptedStream, float]] = []
        self._numbers = itertools.count()
        self.busy_s = 0.0

    @property
    def waiting(self) -> int:
        """How many requests wait for a device."""
        return len(self._waiting)

    @property
    def under_way(self) -> int:
        """How many requests wait or are drawn."""
        return len(self._waiting) + len(self._busy)

    def submit(self, resolved: Resolved) -> ScriptedStream:
        """Take a request."""
        stream = ScriptedStream(resolved.request)
        self._waiting.append(stream)
        return stream

    def advance(self, now_s: float) -> None:
        """End what is over by now, and begin what there are devices for."""
        while self._busy and self._busy[0][0] <= now_s:
            _, _, stream, took_s = heapq.heappop(self._busy)
            stream.finish(gpu_ms=1e3 * took_s)
            self._free += 1
        while self._free and self._waiting:
            stream, took_s = self._waiting.popleft(), self._mean_s * self._dice.uniform(0.5, 1.5)
            stream.post(Started("stand-in"))
            heapq.heappush(self._busy, (now_s + took_s, next(self._numbers), stream, took_s))
            self.busy_s += took_s
            self._free -= 1

    async def resolve(self, request: ImageRequest) -> Resolved:
        """Complete a request."""
        update = {"model": request.model or "pocket", "width": 64, "height": 64, "num_inference_steps": 10}
        return Resolved(request.model_copy(update=update))

    def size(self, model: str, aspect: tuple[int, int]) -> tuple[int, int]:
        """Width and height in pixels."""
        return 64, 64

    def references(self, model: str) -> int:
        """No model edits by words."""
        return 0

    def set_served(self, served_ms: Mapping[str, float], weights: Mapping[str, float]) -> None:
        """Nobody was served before."""


class LetGo:
    """Replies and pictures: counted, not kept."""

    def __init__(self) -> None:
        self.delivered = 0

    def show(self, *_: Any) -> None:
        """A preview."""

    async def deliver(self, job: Job, cells: Sequence[Cell]) -> int | None:
        """A grid."""
        self.delivered += 1
        return job.interaction_id

    async def notify(self, *_: Any) -> None:
        """A ping."""

    async def review(self, *_: Any) -> None:
        """A review."""

    async def closed(self, *_: Any) -> None:
        """A closing."""

    async def put(self, *_: Any) -> None:
        """A file."""

    async def keep(self, *_: Any) -> None:
        """A file."""

    async def delete(self, *_: Any) -> None:
        """A file."""

    async def get(self, key: str) -> bytes:
        """Nothing was kept."""
        raise KeyError(key)
