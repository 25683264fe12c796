"""An engine and replies that do what a test says, when it says so: for faults the real ones cannot time."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.domain.model import Ask, Cell, Job, Member, Place, Verdict
from bot.domain.ports import Shown
from engine.engine import Resolved
from engine.errors import AbortReason, RequestAborted
from engine.events import Event, Finished, GeneratedImage, Progress, Queued, Safety, Started
from engine.requests import ImageRequest
from tests.patience import until

PNG = b"\x89PNG picture "


def finished(request: ImageRequest, **more: Any) -> Finished:
    """Pictures that depend on the seed alone, as the engine's do."""
    safety = more.pop("safety", Safety(0.01))
    images = tuple(
        GeneratedImage(PNG + str(request.seed + i).encode(), 64, 64, request.seed + i, safety)
        for i in range(request.num_images)
    )
    return Finished(images=images, gpu_ms=more.pop("gpu_ms", 800.0), **more)


class ScriptedStream:
    def __init__(self, request: ImageRequest) -> None:
        self.request, self.gpu_ms, self.closed = request, 0.0, False
        self._events: asyncio.Queue[Event | Exception] = asyncio.Queue()

    def post(self, *events: Event | Exception) -> None:
        for event in events:
            self._events.put_nowait(event)

    def step(self, step: int, gpu_ms: float) -> None:
        self.gpu_ms = gpu_ms
        self.post(Progress(step, 10))

    def finish(self, **more: Any) -> None:
        self.post(finished(self.request, **more))

    def __aiter__(self) -> ScriptedStream:
        return self

    async def __anext__(self) -> Event:
        event = await self._events.get()
        if isinstance(event, Exception):
            raise event
        return event

    def cancel(self, reason: AbortReason = AbortReason.USER_REQUEST) -> None:
        self.post(RequestAborted(reason))

    async def aclose(self) -> None:
        self.closed = True


class ScriptedEngine:
    """Runs nothing by itself; with `auto` each request starts and finishes at once."""

    def __init__(self, *, auto: bool = False) -> None:
        self.auto = auto
        self.streams: list[ScriptedStream] = []
        self.refusals: list[Exception] = []
        self.served: dict[str, float] = {}
        self.weights: dict[str, float] = {}

    def submit(self, request: Resolved) -> ScriptedStream:
        if self.refusals:
            raise self.refusals.pop(0)
        stream = ScriptedStream(request.request)
        self.streams.append(stream)
        stream.post(Queued(0))
        if self.auto:
            stream.post(Started("cpu"))
            stream.step(1, 80.0)
            stream.finish()
        return stream

    async def resolve(self, request: ImageRequest) -> Resolved:
        update = {"model": request.model or "pocket", "width": 64, "height": 64, "num_inference_steps": 10}
        return Resolved(request.model_copy(update=update))

    def references(self, model: str) -> int:
        return 0

    def size(self, model: str, aspect: tuple[int, int]) -> tuple[int, int]:
        return 16 * aspect[0], 16 * aspect[1]

    def set_served(self, served_ms: Mapping[str, float], weights: Mapping[str, float]) -> None:
        self.served, self.weights = dict(served_ms), dict(weights)

    async def stream(self, index: int = 0) -> ScriptedStream:
        """The request number `index`, as soon as it was submitted."""
        await until(lambda: len(self.streams) > index)
        return self.streams[index]


class ReplyWall:
    """Replies that are written on a wall: one message for each job, as on Discord."""

    def __init__(self) -> None:
        self.shown: list[tuple[str, Shown]] = []
        self.messages: dict[str, str] = {}
        self.delivered: list[str] = []
        self.notified: list[str] = []
        self.troubles: list[Exception] = []

    def show(self, job: Job, event: Shown) -> None:
        self.shown.append((job.id, event))
        self.messages[job.id] = type(event).__name__

    async def deliver(self, job: Job, cells: Sequence[Cell]) -> int | None:
        self._trouble()
        self.messages[job.id] = f"grid of {len(cells)}"
        self.delivered.append(job.id)
        return 900

    async def notify(self, job: Job, message_id: int) -> None:
        self.notified.append(job.id)

    async def review(self, job: Job, cells: Sequence[Cell]) -> None:
        self._trouble()
        self.messages[job.id] = "review"

    async def closed(self, job: Job, error: Exception) -> None:
        self._trouble()
        self.messages[job.id] = f"{job.state}: {type(error).__name__}"

    def _trouble(self) -> None:
        if self.troubles:
            raise self.troubles.pop(0)


class OpenRules:
    """Everything is allowed, unless a test says otherwise."""

    def __init__(self) -> None:
        self.refusal: Exception | None = None
        self.word = Verdict.DELIVER
        self.share = 1.0
        self.checked: list[Ask] = []

    async def check(self, ask: Ask, texts: Iterable[str] = ()) -> None:
        self.checked.append(ask)
        if self.refusal:
            raise self.refusal

    async def check_entry(self, member: Member, place: Place) -> None:
        if self.refusal:
            raise self.refusal

    async def check_post(self, job: Job, cells: Sequence[Cell], by: Member, place: Place) -> None:
        await self.check_entry(member=by, place=place)

    async def weight(self, ask: Ask) -> float:
        return self.share

    async def verdict(self, job: Job, cells: Sequence[Cell]) -> Verdict:
        return self.word

    async def preview_limit(self, job: Job) -> float | None:
        return None


class HandClock:
    """Time that passes when somebody sleeps, or when a test says so."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
        self.slept: list[float] = []
        self._moved = asyncio.Event()

    def __call__(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> Coroutine[Any, Any, None]:
        """Return when the test has moved time that far, counted from this call and not from its first step."""
        self.slept.append(seconds)
        return self._until(self.now + timedelta(seconds=seconds))

    async def _until(self, until: datetime) -> None:
        while self.now < until:
            await self._moved.wait()

    def move(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()
