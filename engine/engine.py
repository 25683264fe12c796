"""The engine's facade: start, submit, stop. Torch-free; event loop only."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Self

from engine.catalogue.catalogue import Catalogue
from engine.catalogue.models import Models
from engine.catalogue.offer import Offer
from engine.embedding.embedder import Embedder
from engine.errors import AbortReason, EngineNotReady, InvalidRequest
from engine.events import Safety
from engine.fair_share import FairShare
from engine.lora_shelf.card import LoRACard
from engine.model_spec import ModelSpec
from engine.pictures.images import open_picture
from engine.pictures.picture_check import PictureCheck
from engine.pocket import WEIGHTS
from engine.processes.child_main import WORKER
from engine.processes.device_names import device_names
from engine.processes.early_spawner import EarlySpawner
from engine.processes.head_start import HeadStart
from engine.requests import ImageRequest
from engine.serving.dispatcher import Dispatcher
from engine.serving.request_state import RequestState
from engine.serving.stream import RequestStream
from engine.settings import EngineSettings
from engine.snapshot import EngineState, Snapshot

if TYPE_CHECKING:
    from engine.embedding.text_encoder import Floats


@dataclass(frozen=True, slots=True)
class Resolved:
    """A request that was found sound, with every default filled in, and what its member should know."""

    request: ImageRequest
    notes: tuple[str, ...] = ()


class Engine:
    """Makes pictures for many people at once, on every device of this machine.

    `async with Engine(settings) as engine: async for event in engine.submit(request): ...`
    """

    def __init__(
        self, settings: EngineSettings | None = None, *, models: Models | None = None, entry: str = WORKER
    ) -> None:
        self._settings = settings or EngineSettings()
        self._models = models or Catalogue(self._settings)
        self._offer = Offer(self._models)
        self._looking: asyncio.Task[None] | None = None
        self._entry = entry
        # Without a quantum a free lane goes to the least served member; the workers share out the passes.
        self._share = FairShare(quantum_requests=0.0)
        self._state = EngineState.STOPPED
        self._dispatcher: Dispatcher | None = None
        self._embedding: Embedder | None = None
        self._check: PictureCheck | None = None
        """Judges pictures that somebody gave; there from the first one on."""
        self._early = EarlySpawner(entry, self._settings)

    def importing(self, head_start: HeadStart | None = None) -> AbstractContextManager[None]:
        """Let the CPU's workers be imported, in a process of its own, while the caller does other things.

        `head_start` may have begun that before. `start` goes on from there; what was not started by the end is given
        up.
        """
        return self._early.importing(head_start)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop(timeout_s=0.0 if error else None)

    async def start(self) -> None:
        """Start a worker on every device; requests may be submitted at once and wait for them."""
        if self._dispatcher:
            raise EngineNotReady(f"{self._state.value} already")
        names = await device_names(self._settings)
        self._dispatcher = Dispatcher(names, self._settings, self._share, self._entry, self._early.take)
        self._dispatcher.start()
        self._embedding = Embedder(WEIGHTS)
        self._state = EngineState.RUNNING
        try:
            await asyncio.to_thread(self._offer.look)
            # Read once, so that the first who asks does not wait for hundreds of files.
            await asyncio.to_thread(self._models.loras)
        except BaseException:  # `async with` does not call `__aexit__` when this raises
            await self.stop(timeout_s=0.0)
            raise
        self._looking = asyncio.create_task(self._offer.keep_looking(), name="models on offer")

    async def stop(self, timeout_s: float | None = None) -> None:
        """Cancel waiting requests, give running ones `timeout_s` seconds (None: the settings'), end the workers."""
        if not (dispatcher := self._dispatcher):
            return
        self._state = EngineState.STOPPING
        dispatcher.abort_all(dispatcher.waiting, AbortReason.SHUTDOWN)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._settings.stop_timeout_s if timeout_s is None else timeout_s):
                    await dispatcher.empty.wait()
        finally:
            dispatcher.abort_all([*dispatcher.waiting, *dispatcher.running], AbortReason.SHUTDOWN)
            self._end_side_work()
            await dispatcher.stop()
            self._dispatcher, self._state = None, EngineState.STOPPED

    async def resolve(self, request: ImageRequest) -> Resolved:
        """Check and complete a request off the event loop, its pictures included; `submit` takes the result.

        Raises:
            InvalidRequest: naming the field.
        """
        return Resolved(*await asyncio.to_thread(self._models.resolve, request))

    def submit(self, request: ImageRequest | Resolved) -> RequestStream:
        """Queue a request and return its events. A bare request with pictures is checked here, on the event loop.

        Raises:
            InvalidRequest: before anything is queued, naming the field.
            Rejected: not now: `QueueFull`, `MemberQueueFull` or `EngineNotReady`.
        """
        dispatcher = self._ready()
        resolved = request if isinstance(request, Resolved) else Resolved(*self._models.resolve(request))
        if dispatcher.knows(resolved.request.id):
            raise InvalidRequest("id", "a request of this id is under way")
        request_state = RequestState(resolved.request, resolved.notes, time.monotonic())
        dispatcher.accept(request_state)
        return RequestStream(
            resolved.request, resolved.notes, request_state.mailbox, dispatcher.abort, lambda: request_state.charged_ms
        )

    def pause(self) -> None:
        """Start no further request; running ones go on, new ones wait."""
        self._set_paused(True)

    def resume(self) -> None:
        """Begin requests again after `pause`."""
        self._set_paused(False)

    def load(self, model: str = "") -> None:
        """Have a model loaded before its first request. Raises `UnknownModel`."""
        self._ready().device_pool.load(self._models.spec(model).name)

    async def embed(self, texts: Sequence[str]) -> Floats:
        """Texts as unit vectors (n, d) of the embedded text encoder: their dot product says how alike they mean.

        Needs no worker: it answers while they start, are busy or die.

        Raises:
            EngineError: its weights cannot be read (`EngineNotReady`: not started).
        """
        if not self._embedding:
            raise EngineNotReady(self._state.value)
        return await self._embedding.ask(texts)

    async def judge(self, picture: bytes) -> Safety:
        """How unsafe a picture is that somebody gave; empty where the host switched the check off. Needs no worker.

        Raises:
            InvalidRequest: it cannot be decoded.
        """
        if not self._settings.safety:
            return Safety()
        if self._check is None:
            self._check = PictureCheck()
        seen = await asyncio.to_thread(open_picture, picture)
        return await asyncio.wrap_future(self._check.submit(seen))

    @property
    def default_model(self) -> str:
        """The name of the model that draws where a request names none."""
        return self._offer.default_model

    def models(self) -> tuple[ModelSpec, ...]:
        """The models on offer, as they were found up to two seconds ago; what is not there is left out."""
        return self._offer.models()

    async def loras(self) -> tuple[LoRACard, ...]:
        """Every LoRA file as it lies there now, by name; those that cannot be used say why."""
        return await self._offer.loras()

    def fitting(self, card: LoRACard) -> tuple[str, ...]:
        """The names of the models on offer that a LoRA is for; () where nothing says for which."""
        return self._offer.fitting(card)

    def size(self, model: str, aspect: tuple[int, int]) -> tuple[int, int]:
        """Width and height of that aspect ratio at about the model's own pixel count. Raises `UnknownModel`."""
        return self._offer.size(model, aspect)

    def references(self, model: str) -> int:
        """How many pictures the model edits by words; 0 for one that was not made for that, or is not known."""
        return self._offer.references(model)

    def served(self) -> dict[str, float]:
        """Measured device time in ms by member; hand it to `set_served` after a restart."""
        return self._share.served()

    def set_served(self, served_ms: Mapping[str, float], weights: Mapping[str, float] | None = None) -> None:
        """Set each member's device time in ms and weight (default 1) from before a restart."""
        self._share.restore(served_ms, weights)

    def estimate_ms(self, request: ImageRequest) -> float | None:
        """The device time a resolved request will probably need; None before a similar one was measured."""
        return self._dispatcher.estimates.gpu_ms(request) if self._dispatcher else None

    def snapshot(self) -> Snapshot:
        """The present state of requests and devices."""
        dispatcher = self._dispatcher
        return Snapshot(
            state=self._state,
            devices=dispatcher.device_pool.snapshots() if dispatcher else (),
            waiting=dispatcher.positions() if dispatcher else {},
            running=tuple(request_state.request.id for request_state in dispatcher.running) if dispatcher else (),
            served_ms=self.served(),
        )

    def _end_side_work(self) -> None:
        """End what runs beside the workers: the text encoder, the picture check, the looking at models."""
        if self._embedding:
            self._embedding.close()
        if self._check:
            self._check.close()
        if self._looking:
            self._looking.cancel()
        self._embedding = self._check = self._looking = None

    def _set_paused(self, is_paused: bool) -> None:
        if not self._dispatcher or self._state is EngineState.STOPPING:
            raise EngineNotReady(self._state.value)
        self._state = EngineState.PAUSED if is_paused else EngineState.RUNNING
        self._dispatcher.is_paused = is_paused
        self._dispatcher.pump_soon()

    def _ready(self) -> Dispatcher:
        if not self._dispatcher or self._state not in (EngineState.RUNNING, EngineState.PAUSED):
            raise EngineNotReady(self._state.value)
        if self._dispatcher.device_pool.is_lost:
            raise EngineNotReady("without a working device", retry_after_s=60.0)
        return self._dispatcher
