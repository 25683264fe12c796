"""One device's process. Its main thread runs lanes; others receive, send, load models and give signs of life."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

import gc
import logging
import os
import queue
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

import psutil
import torch

from engine.errors import EngineError, InferenceFailed, RequestAborted
from engine.forwards import Forwards
from engine.hub import Hub
from engine.loading import quiet
from engine.messages import Admit, Beat, Cancel, LaneFailed, LoadModel, ModelsLoaded, Ready, Stop, ToWorker
from engine.models import LoadedModel
from engine.outbox import Outbox
from engine.settings import EngineSettings
from engine.shelf import ModelShelf
from engine.warming import warm as warm

logger = logging.getLogger(__name__)

BEAT_S = 1.0

Borrowed = Future[LoadedModel | None]
"""A model on its way; None means that it has no room beside those in use, yet."""


def main(connection: Connection, settings: EngineSettings, device: str) -> None:
    """Serve one device until told to stop or the engine is gone. The entry point of a spawned process."""
    if settings.threads:
        torch.set_num_threads(settings.threads)
    quiet()
    with torch.inference_mode():
        Worker(connection, settings, torch.device(device)).run()


@dataclass
class Activity:
    """What the device thread is at, for the beat."""

    name: str = "starting"
    since_s: float = field(default_factory=time.monotonic)

    def begin(self, name: str) -> None:
        """A new activity begins now, also if it has the same name."""
        self.name, self.since_s = name, time.monotonic()


class Worker:
    """Wires the pipe to the hub."""

    def __init__(self, connection: Connection, settings: EngineSettings, device: torch.device) -> None:
        self._connection, self._device = connection, device
        self._beat_s = min(BEAT_S, settings.stall_timeout_s / 4)
        self._outbox = Outbox(connection)
        self._inbox: queue.SimpleQueue[ToWorker | Borrowed] = queue.SimpleQueue()
        self._activity = Activity()
        self._loading = Activity("")
        self._shelf = ModelShelf(settings, device)
        self._loader = ThreadPoolExecutor(1, thread_name_prefix="load")
        self._waiting: dict[str, tuple[Admit, Borrowed]] = {}
        self._without_room: dict[str, Admit] = {}
        self._hub = Hub(
            settings,
            device,
            self._outbox.put,
            self._give_back,
            Forwards(settings.deterministic, self._free_memory),
            activity=self._activity.begin,
        )

    def run(self) -> None:
        """Receive and tick until told to stop."""
        torch.ones(1, device=self._device).sum().item()
        self._outbox.put(Ready(str(self._device), os.getpid(), _memory_bytes(self._device)))
        for body in (self._receive, self._beat):
            threading.Thread(target=body, name=body.__name__, daemon=True).start()
        while self._take_messages():
            if self._hub.lanes:
                self._hub.tick()
        self._hub.close()
        self._outbox.close()

    def _receive(self) -> None:
        try:
            while True:
                self._inbox.put(self._connection.recv())
        except (EOFError, OSError):
            os._exit(1)  # the engine is gone: nobody waits for what the device thread may be stuck in

    def _beat(self) -> None:
        while True:
            activity = self._loading if self._loading.name and self._activity.name == "idle" else self._activity
            self._outbox.put(Beat(activity.name, time.monotonic() - activity.since_s))
            time.sleep(self._beat_s)

    def _take_messages(self) -> bool:
        """Do what was said since the last tick; without lanes, wait for it. False means stop."""
        if not self._hub.lanes and self._inbox.empty():
            self._activity.begin("idle")
        while not self._hub.lanes or not self._inbox.empty():
            message = self._inbox.get()
            if isinstance(message, Stop):
                return False
            self._take(message)
        return True

    def _take(self, message: ToWorker | Borrowed) -> None:
        match message:
            case Admit():
                self._admit(message)
            case Cancel():
                self._cancel(message)
            case LoadModel():
                self._loader.submit(self._preload, message.model)
            case Future():
                self._open_loaded()
            case Stop():
                pass

    def _admit(self, admit: Admit) -> None:
        borrowed = self._loader.submit(self._borrow, admit.request.model)
        self._waiting[admit.request.id] = admit, borrowed
        borrowed.add_done_callback(self._inbox.put)

    def _open_loaded(self) -> None:
        for request_id, (admit, borrowed) in list(self._waiting.items()):
            if not borrowed.done():
                continue
            del self._waiting[request_id]
            if error := borrowed.exception():
                self._outbox.put(LaneFailed(request_id, admit.epoch, _engine_error(error)))
            elif model := borrowed.result():
                self._hub.open(admit, model)
            else:
                self._without_room[request_id] = admit

    def _cancel(self, cancel: Cancel) -> None:
        admit, borrowed = self._waiting.get(cancel.request_id, (None, None))
        admit = admit or self._without_room.get(cancel.request_id)
        if admit is None or admit.epoch != cancel.epoch:
            return self._hub.cancel(cancel.request_id, cancel.epoch, cancel.reason)
        if borrowed:
            borrowed.add_done_callback(self._give_back_unused)
        self._waiting.pop(cancel.request_id, None)
        self._without_room.pop(cancel.request_id, None)
        self._outbox.put(LaneFailed(cancel.request_id, cancel.epoch, RequestAborted(cancel.reason)))
        return None

    def _borrow(self, name: str) -> LoadedModel | None:
        """Loader thread only, as all that touches the shelf."""
        if not self._shelf.has_room(name):
            return None
        self._loading.begin(f"loading {name}")
        try:
            model = self._shelf.borrow(name)
            self._outbox.put(ModelsLoaded(self._shelf.models()))
            return model
        finally:
            self._loading.begin("")

    def _preload(self, name: str) -> None:
        try:
            if model := self._borrow(name):
                self._shelf.give_back(model)
        except EngineError as error:
            logger.warning("%s", error)

    def _give_back(self, model: LoadedModel) -> None:
        self._loader.submit(self._shelf.give_back, model)
        while self._without_room:
            self._admit(self._without_room.pop(next(iter(self._without_room))))

    def _give_back_unused(self, borrowed: Borrowed) -> None:
        if not borrowed.exception() and (model := borrowed.result()):
            self._loader.submit(self._shelf.give_back, model)

    def _free_memory(self) -> None:
        gc.collect()
        if self._device.type == "cuda":
            torch.cuda.empty_cache()


def _engine_error(error: BaseException) -> EngineError:
    if isinstance(error, EngineError):
        return error
    return InferenceFailed(f"{type(error).__name__}: {error}")


def _memory_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    return psutil.virtual_memory().total
