"""Models for the requests that wait for them: at once where it is here, else when it is loaded and has room."""

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
from engine.processes.protocol import Admit

logger = logging.getLogger(__name__)

PATIENCE_S = 20.0
"""Whoever waits longer for room goes before all who came later, so that the models in use can run out."""


class Cache(Protocol):
    """What is needed of a `ModelCache`."""

    def is_here(self, name: str) -> bool:
        """Is it loaded?"""
        ...

    def has_room(self, name: str) -> bool:
        """Could it be loaded beside what is in use?"""
        ...

    def make_room(self, name: str) -> None:
        """Drop what nobody uses until it fits."""
        ...

    def load(self, name: str) -> LoadedModel:
        """Read it; slow, and from any thread."""
        ...

    def put(self, model: LoadedModel) -> None:
        """Keep it."""
        ...

    def borrow(self, name: str) -> LoadedModel:
        """Take it for a lane."""
        ...

    def give_back(self, model: LoadedModel) -> None:
        """A lane is done with it."""
        ...


@dataclass(frozen=True, slots=True)
class _Wait:
    model: str
    admit: Admit | None
    """None: it should only be loaded."""
    since_s: float


@dataclass(frozen=True, slots=True)
class Loading:
    """A load under way."""

    model: str
    since_s: float


class ModelQueue:
    """Who waits for which model. Device thread only; `load` runs in a thread of its own, one model at a time."""

    def __init__(
        self,
        cache: Cache,
        lend: Callable[[Admit, LoadedModel], None],
        fail: Callable[[Admit, EngineError], None],
        changed: Callable[[], None],
        wake: Callable[[Callable[[], None]], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`changed` is told when other models are on the shelf; `wake` makes the device thread call something."""
        self._cache, self._wake, self._clock = cache, wake, clock
        self._lend, self._fail, self._changed = lend, fail, changed
        self._waits: list[_Wait] = []
        self._loader = ThreadPoolExecutor(1, thread_name_prefix="load")
        self._is_serving = False
        self.loading: Loading | None = None
        """What is being loaded now."""

    def ask(self, admit: Admit) -> None:
        """Have the request's model lent to it."""
        self._join(admit.request.model, admit)

    def preload(self, model: str) -> None:
        """Have a model loaded, as soon as there is room for it."""
        self._join(model, None)

    def cancel(self, request_id: str, epoch: int) -> bool:
        """Forget a request; False when it does not wait here."""
        wanted = [wait for wait in self._waits if not _is_of(wait, request_id, epoch)]
        was_waiting = len(wanted) < len(self._waits)
        self._waits = wanted
        if was_waiting:
            self._serve()  # it may have been the one for whom others had to stand back
        return was_waiting

    def give_back(self, model: LoadedModel) -> None:
        """A lane has ended: its model may make room for another."""
        self._cache.give_back(model)
        self._serve()

    def close(self) -> None:
        """Lend nothing more."""
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
        """Everybody whose turn it is; called whenever anything has changed, also by those who are served."""
        if self._is_serving:
            return
        self._is_serving = True
        try:
            while wait := self._next():
                self._waits.remove(wait)
                if wait.admit:
                    self._lend(wait.admit, self._cache.borrow(wait.model))
        finally:
            self._is_serving = False

    def _next(self) -> _Wait | None:
        """The first whose model is here; if there is none, a load may begin."""
        queue = self._in_turn()
        for wait in queue:
            if self._cache.is_here(wait.model):
                return wait
        for wait in queue:
            if not self.loading and self._cache.has_room(wait.model):
                self._begin_loading(wait.model)
        return None

    def _in_turn(self) -> list[_Wait]:
        """Those who may be served now: all up to the first who has lost patience."""
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
        self._changed()
        self._serve()

    def _refuse(self, model: str, error: EngineError) -> None:
        """Nobody who waits for this model gets it."""
        logger.warning("%s", error)
        refused = [wait.admit for wait in self._waits if wait.model == model]
        self._waits = [wait for wait in self._waits if wait.model != model]
        for admit in refused:
            if admit:
                self._fail(admit, error)


def _is_of(wait: _Wait, request_id: str, epoch: int) -> bool:
    return wait.admit is not None and (wait.admit.request.id, wait.admit.epoch) == (request_id, epoch)


def _engine_error(error: BaseException) -> EngineError:
    return error if isinstance(error, EngineError) else InferenceFailed(reason(error))
