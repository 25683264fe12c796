"""One device's process. Its main thread runs lanes; others receive, send, load models and give signs of life."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

import gc
import logging
import os
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection

import psutil
import torch

from engine.batching.batch_runner import BatchRunner
from engine.errors import EngineError, RequestAborted
from engine.loading.load import quiet
from engine.loading.loaded_model import LoadedModel
from engine.loading.model_cache import ModelCache
from engine.loading.model_queue import ModelQueue
from engine.processes.outbox import Outbox
from engine.processes.protocol import Admit, Beat, Cancel, LaneFailed, LoadModel, ModelsLoaded, Ready, Stop, ToWorker
from engine.settings import EngineSettings
from engine.worker.prefork import warm as warm
from engine.worker.tick_loop import TickLoop

logger = logging.getLogger(__name__)

BEAT_S = 1.0

DeviceTask = Callable[[], None]
"""Something another thread wants done by the device's."""


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
        self._inbox: queue.SimpleQueue[ToWorker | DeviceTask] = queue.SimpleQueue()
        self._activity = Activity()
        self._cache = ModelCache(settings, device)
        self._model_queue = ModelQueue(self._cache, self._lend, self._fail, self._tell_models, self._inbox.put)
        self._tick_loop = TickLoop(
            settings,
            device,
            self._outbox.put,
            self._model_queue.give_back,
            BatchRunner(settings.deterministic, self._free_memory),
            activity=self._activity.begin,
        )

    def run(self) -> None:
        """Receive and tick until told to stop."""
        torch.ones(1, device=self._device).sum().item()
        self._outbox.put(Ready(str(self._device), os.getpid(), _memory_bytes(self._device)))
        for body in (self._receive, self._beat):
            threading.Thread(target=body, name=body.__name__, daemon=True).start()
        while self._take_messages():
            if self._tick_loop.lanes:
                self._tick_loop.tick()
        self._model_queue.close()
        self._tick_loop.close()
        self._outbox.close()

    def _receive(self) -> None:
        try:
            while True:
                self._inbox.put(self._connection.recv())
        except (EOFError, OSError):
            os._exit(1)  # the engine is gone: nobody waits for what the device thread may be stuck in

    def _beat(self) -> None:
        while True:
            activity, since_s = self._activity.name, self._activity.since_s
            if activity == "idle" and (loading := self._model_queue.loading):
                activity, since_s = f"loading {loading.model}", loading.since_s
            self._outbox.put(Beat(activity, time.monotonic() - since_s))
            time.sleep(self._beat_s)

    def _take_messages(self) -> bool:
        """Do what was said since the last tick; without lanes, wait for it. False means stop."""
        if not self._tick_loop.lanes and self._inbox.empty():
            self._activity.begin("idle")
        while not self._tick_loop.lanes or not self._inbox.empty():
            message = self._inbox.get()
            if isinstance(message, Stop):
                return False
            self._take(message)
        return True

    def _take(self, message: ToWorker | DeviceTask) -> None:
        match message:
            case Admit():
                self._model_queue.ask(replace(message, arrived_s=time.monotonic() - message.waited_s))
            case Cancel():
                self._cancel(message)
            case LoadModel():
                self._model_queue.preload(message.model)
            case Stop():
                pass
            case _:
                message()

    def _lend(self, admit: Admit, model: LoadedModel) -> None:
        self._tick_loop.open(admit, model)

    def _tell_models(self) -> None:
        self._outbox.put(ModelsLoaded(self._cache.models()))

    def _fail(self, admit: Admit, error: EngineError) -> None:
        self._outbox.put(LaneFailed(admit.request.id, admit.epoch, error))

    def _cancel(self, cancel: Cancel) -> None:
        if self._model_queue.cancel(cancel.request_id, cancel.epoch):
            self._outbox.put(LaneFailed(cancel.request_id, cancel.epoch, RequestAborted(cancel.reason)))
        else:
            self._tick_loop.cancel(cancel.request_id, cancel.epoch, cancel.reason)

    def _free_memory(self) -> None:
        gc.collect()
        if self._device.type == "cuda":
            torch.cuda.empty_cache()


def _memory_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    return psutil.virtual_memory().total
