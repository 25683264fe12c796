"""The engine's facade: start, submit, stop. Torch-free; event loop only."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Self

from engine.base.logs import current
from engine.catalogue.catalogue import Catalogue
from engine.catalogue.models import Models
from engine.catalogue.sizes import fit_area
from engine.embedding.embedder import Embedder
from engine.errors import AbortReason, EngineError, EngineNotReady, InvalidRequest, UnknownModel
from engine.events import Safety
from engine.fair_share import FairShare
from engine.lora_shelf.card import LoRACard
from engine.model_spec import ModelSpec
from engine.pictures.images import open_picture
from engine.pictures.picture_check import PictureCheck
from engine.pocket import WEIGHTS
from engine.processes.child_main import WORKER, LaunchOptions
from engine.processes.device_names import device_names, is_cpu
from engine.processes.head_start import HeadStart
from engine.processes.spawning import Spawner, spawner
from engine.requests import ImageRequest
from engine.serving.device_supervisor import DeviceSupervisor
from engine.serving.dispatcher import Dispatcher
from engine.serving.request_state import RequestState
from engine.serving.stream import RequestStream
from engine.settings import EngineSettings
from engine.snapshot import DeviceSnapshot, EngineState, Snapshot

if TYPE_CHECKING:
    from engine.embedding.text_encoder import Floats

log = logging.getLogger(__name__)


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
        self._entry = entry
        # Lanes are given out to the least served; their ticks take care of the rest.
        self._share = FairShare(quantum_requests=0.0)
        self._state = EngineState.STOPPED
        self._dispatcher: Dispatcher | None = None
        self._embedding: Embedder | None = None
        self._check: PictureCheck | None = None
        """Judges pictures that somebody gave; there from the first one on."""
        self._begun: Spawner | None = None
        self._readable: tuple[ModelSpec, ...] = ()

    @contextmanager
    def importing(self, head_start: HeadStart | None = None) -> Generator[None]:
        """Let the CPU's workers be imported, in a process of its own, while the caller does other things.

        `head_start` may have begun that before. `start` goes on from there; what was not started by the end is given
        up.
        """
        if is_cpu(self._settings):
            self._begun = spawner(LaunchOptions(self._entry, self._settings, "cpu", current()), head_start)
            with suppress(OSError):  # `start` will try again, and say so
                self._begun.begin()
        if head_start:
            head_start.close()  # not what these settings need
        try:
            yield
        finally:
            if self._begun:
                self._begun.close()

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
        self._dispatcher = Dispatcher(names, self._settings, self._share, self._entry, self._spawner)
        self._dispatcher.start()
        self._embedding = Embedder(WEIGHTS)
        self._state = EngineState.RUNNING
        try:
            await asyncio.to_thread(self._read_models)
        except BaseException:  # interrupted: whoever was not let in does not close the door behind them
            await self.stop(timeout_s=0.0)
            raise

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
            self._end_embedding()
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
        return self._models.spec().name

    def models(self) -> tuple[ModelSpec, ...]:
        """The models on offer; what is configured but not there is left out."""
        if not self._readable:
            self._read_models()
        return tuple(spec for spec in self._readable if self._models.is_offered(spec))

    async def loras(self) -> tuple[LoRACard, ...]:
        """Every LoRA file as it lies there now, by name; those that cannot be used say why."""
        return await asyncio.to_thread(self._models.loras)

    def fitting(self, card: LoRACard) -> tuple[str, ...]:
        """The names of the models on offer that a LoRA is for; () where nothing says for which."""
        return self._models.fitting(card, self.models())

    def size(self, model: str, aspect: tuple[int, int]) -> tuple[int, int]:
        """Width and height of that aspect ratio at about the model's own pixel count. Raises `UnknownModel`."""
        try:
            return fit_area(aspect, self._models.spec(model))
        except UnknownModel as error:
            raise UnknownModel(error.name, tuple(spec.name for spec in self.models())) from None

    def references(self, model: str) -> int:
        """How many pictures the model edits by words; 0 for one that was not made for that, or is not known."""
        try:
            references = self._models.spec(model).references
        except EngineError:
            return 0
        return references.most if references else 0

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
            devices=tuple(_picture(device) for device in dispatcher.device_pool.devices) if dispatcher else (),
            waiting=dispatcher.positions() if dispatcher else {},
            running=tuple(request_state.request.id for request_state in dispatcher.running) if dispatcher else (),
            served_ms=self.served(),
        )

    def _read_models(self) -> None:
        """Read every model's files now, off the event loop, so that no request has to wait for that on it."""
        specs: list[ModelSpec] = []
        for name in self._models.names():
            try:
                specs.append(self._models.spec(name))
            except EngineError as error:
                log.warning("model %s is not offered: %s", name, error, extra={"action": "model_refused"})
        self._readable = tuple(specs)
        self._models.loras()  # read once, so that the first who asks does not wait for hundreds of files

    def _spawner(self, launch: LaunchOptions) -> Spawner:
        begun = self._begun if launch.device == "cpu" else None
        if begun:
            self._begun = None
        return begun or spawner(launch)

    def _end_embedding(self) -> None:
        if self._embedding:
            self._embedding.close()
        self._embedding = None
        if self._check:
            self._check.close()
        self._check = None

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


def _picture(device: DeviceSupervisor) -> DeviceSnapshot:
    return DeviceSnapshot(
        name=device.name,
        state=device.state.value,
        pid=device.pid,
        running=tuple(device.lanes),
        models=dict(device.models),
        memory_bytes=device.memory_bytes,
        activity=str(device.health.beat),
        failures=device.backoff.failures,
        refused_messages=device.refused,
    )
