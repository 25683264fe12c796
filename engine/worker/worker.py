"""One device's process. Its main thread, the device thread, runs lanes; other threads receive, send, load and beat."""

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
from engine.errors import RequestAborted
from engine.loading.load import quiet
from engine.loading.model_cache import ModelCache
from engine.loading.model_queue import ModelQueue
from engine.processes.outbox import Outbox
from engine.processes.protocol import Activity, Admit, Beat, Cancel, LaneFailed, LoadModel, Ready, Stop, ToWorker
from engine.settings import EngineSettings
from engine.worker.tick_loop import TickLoop

logger = logging.getLogger(__name__)

BEAT_S = 1.0

DeviceTask = Callable[[], None]
"""A function that another thread has the device thread call."""


def main(connection: Connection, settings: EngineSettings, device: str, cache: ModelCache | None = None) -> None:
    """Serve one device until told to stop or the engine is gone."""
    if settings.threads:
        torch.set_num_threads(settings.threads)
    quiet()
    with torch.inference_mode():
        at = torch.device(device)
        Worker(connection, settings, at, cache or ModelCache(settings, at)).run()


@dataclass
class ActivityLog:
    """What the device thread does at present, and since when; read by the beat's thread."""

    activity: Activity = Activity.STARTING
    since_s: float = field(default_factory=time.monotonic)

    def begin(self, activity: Activity) -> None:
        """Note that an activity begins now, also if the previous one was of the same kind."""
        self.activity, self.since_s = activity, time.monotonic()


class Worker:
    """Connects the pipe to the engine with the tick loop and the model queue of one device."""

    def __init__(
        self, connection: Connection, settings: EngineSettings, device: torch.device, cache: ModelCache
    ) -> None:
        self._connection, self._device = connection, device
        self._beat_s = min(BEAT_S, settings.stall_timeout_s / 4)
        self._outbox = Outbox(connection)
        self._inbox: queue.SimpleQueue[ToWorker | DeviceTask] = queue.SimpleQueue()
        self._activity = ActivityLog()
        self._tick_loop = TickLoop(
            settings,
            device,
            self._outbox.put,
            lambda model: self._model_queue.give_back(model),
            BatchRunner(settings.deterministic, self._free_memory),
            activity=self._activity.begin,
        )
        self._model_queue = ModelQueue(cache, self._tick_loop.open, self._outbox.put, self._inbox.put)

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
            activity, since_s, model = self._activity.activity, self._activity.since_s, ""
            if activity is Activity.IDLE and (loading := self._model_queue.loading):
                activity, since_s, model = Activity.LOADING, loading.since_s, loading.model
            self._outbox.put(Beat(activity, time.monotonic() - since_s, model))
            time.sleep(self._beat_s)

    def _take_messages(self) -> bool:
        """Do what was said since the last tick; without lanes, wait for it. False means stop."""
        if not self._tick_loop.lanes and self._inbox.empty():
            self._activity.begin(Activity.IDLE)
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
