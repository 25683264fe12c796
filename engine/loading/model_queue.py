"""Requests that wait for a model: served at once if it is in memory, else when it fits and is loaded."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from engine.base.foreign_errors import reason
from engine.errors import EngineError, InferenceFailed
from engine.loading.loaded_model import LoadedModel
from engine.processes.protocol import Admit, LaneFailed, ModelsLoaded

logger = logging.getLogger(__name__)

PATIENCE_S = 20.0
"""A request that waits longer for memory blocks all later ones, so that the models in use become free."""


class Cache(Protocol):
    """What is needed of a `ModelCache`."""

    def is_here(self, name: str) -> bool:
        """Is the model in memory?"""
        ...

    def has_room(self, name: str) -> bool:
        """Would the model fit beside the models in use?"""
        ...

    def make_room(self, name: str) -> None:
        """Drop unused models until this one fits."""
        ...

    def load(self, name: str) -> LoadedModel:
        """Read the model from files: seconds to minutes, on any thread. Raises `EngineError`."""
        ...

    def put(self, model: LoadedModel) -> None:
        """Add a loaded model."""
        ...

    def borrow(self, name: str) -> LoadedModel:
        """Count one more lane that uses the model, and return it."""
        ...

    def give_back(self, model: LoadedModel) -> None:
        """Count one lane less that uses the model."""
        ...

    def models(self) -> tuple[tuple[str, int], ...]:
        """Names and bytes of the models in memory."""
        ...


@dataclass(frozen=True, slots=True)
class _Wait:
    model: str
    admit: Admit | None
    """None for a preload: no lane is opened."""
    since_s: float


@dataclass(frozen=True, slots=True)
class Loading:
    """A load under way."""

    model: str
    since_s: float


class ModelQueue:
    """Requests by the model they wait for. Device thread only; loads run in another thread, one model at a time."""

    def __init__(
        self,
        cache: Cache,
        open_lane: Callable[[Admit, LoadedModel], None],
        send: Callable[[LaneFailed | ModelsLoaded], None],
        wake: Callable[[Callable[[], None]], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`wake` has the device thread call a function; the other callables run on the device thread."""
        self._cache, self._wake, self._clock = cache, wake, clock
        self._open_lane, self._send = open_lane, send
        self._waits: list[_Wait] = []
        self._loader = ThreadPoolExecutor(1, thread_name_prefix="load")
        self._is_serving = False
        self.loading: Loading | None = None
        """What is being loaded now."""

    def ask(self, admit: Admit) -> None:
        """Open the request's lane as soon as its model is in memory."""
        self._join(admit.request.model, admit)

    def preload(self, model: str) -> None:
        """Load a model as soon as it fits in memory."""
        self._join(model, None)

    def cancel(self, request_id: str, epoch: int) -> bool:
        """Remove a waiting request; False when it does not wait here."""
        wanted = [wait for wait in self._waits if not _is_of(wait, request_id, epoch)]
        was_waiting = len(wanted) < len(self._waits)
        self._waits = wanted
        if was_waiting:
            self._serve()  # it may have blocked later ones
        return was_waiting

    def give_back(self, model: LoadedModel) -> None:
        """Note that a lane has ended: its model may be dropped for another one."""
        self._cache.give_back(model)
        self._serve()

    def close(self) -> None:
        """Drop all waiting requests and start no further load."""
        self._waits = []
        self._loader.shutdown(wait=False, cancel_futures=True)

    def _join(self, model: str, admit: Admit | None) -> None:
        self._waits.append(_Wait(model, admit, self._clock()))
        try:
            self._cache.is_here(model)
        except EngineError as error:
            self._refuse(model, error)
        self._serve()

    def _serve(self) -> None:
        """Open the lanes of all whose model is in memory. Called after every change, also from within itself."""
        if self._is_serving:
            return
        self._is_serving = True
        try:
            while wait := self._next_or_load():
                self._waits.remove(wait)
                if wait.admit:
                    self._open_lane(wait.admit, self._cache.borrow(wait.model))
        finally:
            self._is_serving = False

    def _next_or_load(self) -> _Wait | None:
        """Return the first request whose model is in memory; if there is none, begin a load where one fits."""
        queue = self._in_turn()
        for wait in queue:
            if self._cache.is_here(wait.model):
                return wait
        for wait in queue:
            if not self.loading and self._cache.has_room(wait.model):
                self._begin_loading(wait.model)
        return None

    def _in_turn(self) -> list[_Wait]:
        """The requests that may be served now: all up to the first that has waited longer than `PATIENCE_S`."""
        now_s = self._clock()
        for place, wait in enumerate(self._waits):
            is_on_its_way = self.loading is not None and self.loading.model == wait.model
            if now_s - wait.since_s > PATIENCE_S and not is_on_its_way and not self._cache.is_here(wait.model):
                return self._waits[: place + 1]
        return self._waits

    def _begin_loading(self, model: str) -> None:
        self._cache.make_room(model)
        self.loading = Loading(model, self._clock())
        loaded = self._loader.submit(self._cache.load, model)
        loaded.add_done_callback(lambda future: self._wake(lambda: self._loaded(model, future)))

    def _loaded(self, model: str, loaded: Future[LoadedModel]) -> None:
        self.loading = None
        if error := loaded.exception():
            self._refuse(model, _engine_error(error))
        else:
            self._cache.put(loaded.result())
        self._send(ModelsLoaded(self._cache.models()))
        self._serve()

    def _refuse(self, model: str, error: EngineError) -> None:
        """Fail every request that waits for this model."""
        logger.warning("%s", error)
        refused = [wait.admit for wait in self._waits if wait.model == model]
        self._waits = [wait for wait in self._waits if wait.model != model]
        for admit in refused:
            if admit:
                self._send(LaneFailed(admit.request.id, admit.epoch, error))


def _is_of(wait: _Wait, request_id: str, epoch: int) -> bool:
    return wait.admit is not None and (wait.admit.request.id, wait.admit.epoch) == (request_id, epoch)


def _engine_error(error: BaseException) -> EngineError:
    return error if isinstance(error, EngineError) else InferenceFailed(reason(error))
