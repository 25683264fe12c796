"""The engine over `fake_worker`, for what the real worker cannot be made to do at will."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engine import Engine, EngineSettings, Event, Finished, ImageRequest
from engine.lora_shelf.card import LoRACard
from engine.model_spec import ModelSpec


class Unchecked:
    """Takes every request as it is: the fake worker has no model whose limits could be known."""

    def resolve(self, request: ImageRequest) -> tuple[ImageRequest, tuple[str, ...]]:
        return request, ("as asked",)

    def names(self) -> tuple[str, ...]:
        return ()

    def spec(self, name: str = "") -> ModelSpec:
        raise NotImplementedError(name)

    def loras(self) -> tuple[LoRACard, ...]:
        return ()

    def fitting(self, card: LoRACard, specs: Iterable[ModelSpec]) -> tuple[str, ...]:
        return ()

    def is_offered(self, spec: ModelSpec) -> bool:
        return True


@contextmanager
def importable_by_workers() -> Iterator[None]:
    """The worker's process gets this process's import path."""
    folder = str(Path(__file__).parent)
    sys.path.append(folder)
    try:
        yield
    finally:
        sys.path.remove(folder)


def engine(entry: str = "fake_worker:main", **settings: Any) -> Engine:
    defaults = {"devices": ("cpu",), "stall_timeout_s": 30.0, "stop_timeout_s": 5.0}
    return Engine(EngineSettings(**{**defaults, **settings}), models=Unchecked(), entry=entry)


def request(script: dict[str, Any] | None = None, **fields: Any) -> ImageRequest:
    return ImageRequest(prompt=json.dumps(script or {"steps": 3}), **fields)


async def events_of(engine: Engine, request: ImageRequest) -> list[Event]:
    return [event async for event in engine.submit(request)]


async def finished(engine: Engine, request: ImageRequest) -> Finished:
    last = (await events_of(engine, request))[-1]
    assert isinstance(last, Finished)
    return last
