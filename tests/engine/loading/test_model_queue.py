"""Models lent to requests: nobody is forgotten, whatever ends, fails or is cancelled while a model is loading."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from engine.errors import EngineError, ModelLoadFailed
from engine.loading.model_queue import PATIENCE_S, ModelQueue
from engine.processes.protocol import Admit
from engine.requests import ImageRequest


@dataclass
class OneModelShelf:
    """Has room for a single model, and loads it when the test says so."""

    here: str = ""
    in_use: int = 0
    broken: str = ""
    may_load: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    loads: list[str] = field(default_factory=list)

    def is_here(self, name: str) -> bool:
        if name == "unknown":
            raise ModelLoadFailed(name, "nobody knows it")
        return name == self.here

    def has_room(self, name: str) -> bool:
        return name == self.here or not self.in_use

    def make_room(self, name: str) -> None:
        assert not self.in_use
        self.here = ""

    def load(self, name: str) -> Any:
        self.may_load.acquire()
        self.loads.append(name)
        if name == self.broken:
            raise ModelLoadFailed(name, "it is broken")
        return SimpleNamespace(name=name)

    def put(self, model: Any) -> None:
        self.here = model.name

    def borrow(self, name: str) -> Any:
        assert name == self.here
        self.in_use += 1
        return SimpleNamespace(name=name)

    def give_back(self, model: Any) -> None:
        assert model.name == self.here
        self.in_use -= 1


class Desk:
    def __init__(self, broken: str = "") -> None:
        self.cache = OneModelShelf(broken=broken)
        self.now_s = 0.0
        self.lent: list[tuple[str, Any]] = []
        self.failed: dict[str, EngineError] = {}
        self.errands: queue.Queue[Callable[[], None]] = queue.Queue()
        self.model_queue = ModelQueue(
            self.cache,
            lambda admit, model: self.lent.append((admit.request.id, model)),
            lambda admit, error: self.failed.update({admit.request.id: error}),
            lambda: None,
            self.errands.put,
            lambda: self.now_s,
        )

    def __enter__(self) -> Desk:
        return self

    def __exit__(self, *_: object) -> None:
        self.cache.may_load.release(10)  # no thread may be left waiting
        self.model_queue.close()

    def ask(self, request_id: str, model: str) -> None:
        self.model_queue.ask(Admit(ImageRequest(prompt="a fox", id=request_id, model=model), epoch=1))

    def let_load(self) -> None:
        self.cache.may_load.release()
        self.errands.get(timeout=30)()

    def end(self, request_id: str) -> None:
        lent = next(each for each in self.lent if each[0] == request_id)
        self.lent.remove(lent)
        self.model_queue.give_back(lent[1])

    @property
    def served(self) -> list[str]:
        return [request_id for request_id, _ in self.lent]


def test_a_model_cancelled_while_loading_makes_room():
    with Desk() as desk:
        desk.ask("flux", "flux")
        desk.ask("sd", "sd")
        assert desk.model_queue.cancel("flux", 1)
        desk.let_load()
        desk.let_load()
        assert desk.served == ["sd"]
        assert not desk.model_queue.cancel("sd", 1), "it is a lane by now"


def test_requests_without_room_are_served_when_users_leave():
    with Desk() as desk:
        desk.ask("one", "sd")
        desk.let_load()
        desk.ask("two", "flux")
        desk.ask("three", "sd")
        assert desk.served == ["one", "three"]
        desk.end("one")
        assert desk.served == ["three"]
        desk.end("three")
        desk.let_load()
        assert desk.served == ["two"]


def test_a_stream_for_the_warm_model_starves_no_other():
    with Desk() as desk:
        desk.ask("one", "sd")
        desk.let_load()
        desk.ask("patient", "flux")
        desk.ask("two", "sd")
        desk.now_s = PATIENCE_S + 1
        desk.ask("late", "sd")
        assert desk.served == ["one", "two"], "who comes now stands behind"
        desk.end("one")
        desk.end("two")
        desk.let_load()
        assert desk.served == ["patient"]
        desk.end("patient")
        desk.let_load()
        assert desk.served == ["late"]


def test_cancelling_the_impatient_request_lets_others_go_on():
    with Desk() as desk:
        desk.ask("one", "sd")
        desk.let_load()
        desk.ask("patient", "flux")
        desk.now_s = PATIENCE_S + 1
        desk.ask("late", "sd")
        assert desk.model_queue.cancel("patient", 1)
        assert desk.served == ["one", "late"]


def test_warm_requests_do_not_wait_for_the_load_of_another():
    with Desk() as desk:
        desk.ask("one", "sd")
        desk.let_load()
        desk.end("one")
        desk.cache.make_room = lambda name: None  # there is memory for both
        desk.ask("cold", "flux")
        desk.now_s = PATIENCE_S + 1
        desk.ask("two", "sd")
        assert desk.served == ["two"]


def test_an_unloadable_model_fails_only_those_who_wait_for_it():
    with Desk(broken="flux") as desk:
        desk.ask("one", "flux")
        desk.ask("two", "flux")
        desk.ask("three", "sd")
        desk.ask("four", "unknown")
        assert list(desk.failed) == ["four"]
        desk.let_load()
        desk.let_load()
        assert list(desk.failed) == ["four", "one", "two"]
        assert desk.served == ["three"]
        desk.ask("five", "flux")
        assert desk.cache.loads == ["flux", "sd"]


def test_a_preloaded_model_is_lent_to_nobody():
    with Desk() as desk:
        desk.model_queue.preload("sd")
        desk.let_load()
        assert (desk.cache.here, desk.cache.in_use, desk.served) == ("sd", 0, [])
