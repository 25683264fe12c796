"""Requests that wait for models: all are served or fail, whatever ends, fails or is cancelled during a load."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from engine.errors import EngineError, ModelLoadFailed
from engine.loading.model_queue import PATIENCE_S, ModelQueue
from engine.processes.protocol import Admit, LaneFailed, ModelsLoaded
from engine.requests import ImageRequest


@dataclass
class OneModelCache:
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

    def models(self) -> tuple[tuple[str, int], ...]:
        return ((self.here, 1),)

    def give_back(self, model: Any) -> None:
        assert model.name == self.here
        self.in_use -= 1


class Device:
    def __init__(self, broken: str = "") -> None:
        self.cache = OneModelCache(broken=broken)
        self.now_s = 0.0
        self.lent: list[tuple[str, Any]] = []
        self.failed: dict[str, EngineError] = {}
        self.calls: queue.Queue[Callable[[], None]] = queue.Queue()
        self.model_queue = ModelQueue(
            self.cache,
            lambda admit, model: self.lent.append((admit.request.id, model)),
            self.hear,
            self.calls.put,
            lambda: self.now_s,
        )

    def __enter__(self) -> Device:
        return self

    def __exit__(self, *_: object) -> None:
        self.cache.may_load.release(10)  # no thread may be left waiting
        self.model_queue.close()

    def hear(self, message: LaneFailed | ModelsLoaded) -> None:
        if isinstance(message, LaneFailed):
            self.failed[message.request_id] = message.error

    def ask(self, request_id: str, model: str) -> None:
        self.model_queue.ask(Admit(ImageRequest(prompt="a fox", id=request_id, model=model), epoch=1))

    def let_load(self) -> None:
        self.cache.may_load.release()
        self.calls.get(timeout=30)()

    def end(self, request_id: str) -> None:
        lent = next(each for each in self.lent if each[0] == request_id)
        self.lent.remove(lent)
        self.model_queue.give_back(lent[1])

    @property
    def served(self) -> list[str]:
        return [request_id for request_id, _ in self.lent]


def test_a_model_cancelled_while_loading_makes_room():
    with Device() as device:
        device.ask("flux", "flux")
        device.ask("sd", "sd")
        assert device.model_queue.cancel("flux", 1)
        device.let_load()
        device.let_load()
        assert device.served == ["sd"]
        assert not device.model_queue.cancel("sd", 1), "it is a lane by now"


def test_requests_without_room_are_served_when_users_leave():
    with Device() as device:
        device.ask("one", "sd")
        device.let_load()
        device.ask("two", "flux")
        device.ask("three", "sd")
        assert device.served == ["one", "three"]
        device.end("one")
        assert device.served == ["three"]
        device.end("three")
        device.let_load()
        assert device.served == ["two"]


def test_a_stream_for_the_warm_model_starves_no_other():
    with Device() as device:
        device.ask("one", "sd")
        device.let_load()
        device.ask("patient", "flux")
        device.ask("two", "sd")
        device.now_s = PATIENCE_S + 1
        device.ask("late", "sd")
        assert device.served == ["one", "two"], "who comes now stands behind"
        device.end("one")
        device.end("two")
        device.let_load()
        assert device.served == ["patient"]
        device.end("patient")
        device.let_load()
        assert device.served == ["late"]


def test_cancelling_the_impatient_request_lets_others_go_on():
    with Device() as device:
        device.ask("one", "sd")
        device.let_load()
        device.ask("patient", "flux")
        device.now_s = PATIENCE_S + 1
        device.ask("late", "sd")
        assert device.model_queue.cancel("patient", 1)
        assert device.served == ["one", "late"]


def test_warm_requests_do_not_wait_for_the_load_of_another():
    with Device() as device:
        device.ask("one", "sd")
        device.let_load()
        device.end("one")
        device.cache.make_room = lambda name: None  # there is memory for both
        device.ask("cold", "flux")
        device.now_s = PATIENCE_S + 1
        device.ask("two", "sd")
        assert device.served == ["two"]


def test_an_unloadable_model_fails_only_those_who_wait_for_it():
    with Device(broken="flux") as device:
        device.ask("one", "flux")
        device.ask("two", "flux")
        device.ask("three", "sd")
        device.ask("four", "unknown")
        assert list(device.failed) == ["four"]
        device.let_load()
        device.let_load()
        assert list(device.failed) == ["four", "one", "two"]
        assert device.served == ["three"]
        device.ask("five", "flux")
        assert device.cache.loads == ["flux", "sd"]


def test_a_preloaded_model_is_lent_to_nobody():
    with Device() as device:
        device.model_queue.preload("sd")
        device.let_load()
        assert (device.cache.here, device.cache.in_use, device.served) == ("sd", 0, [])
