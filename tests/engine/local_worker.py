"""A worker in the test's own process: a model and a tick loop, without the pipe and its threads."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from engine.batching.batch_runner import BatchRunner
from engine.batching.batch_size import BatchSize
from engine.batching.row_layout import RowLayout
from engine.catalogue.catalogue import Catalogue
from engine.errors import EngineError
from engine.events import Finished
from engine.loading.load import load
from engine.loading.loaded_model import LoadedModel
from engine.pictures.images import encode_png
from engine.processes.protocol import Admit, LaneFailed, LaneFinished
from engine.requests import ImageRequest
from engine.settings import EngineSettings, ModelSettings
from engine.worker.tick_loop import TickLoop

SIDE = 64
SIZE = {"width": SIDE, "height": SIDE}


class AtOnceSized(BatchSize):
    """A sweep of one pass, after which 16 rows are the batch size: a whole sweep takes up to a second of each test."""

    def _sweep(self, layout: RowLayout) -> dict[int, float]:
        if self._time(layout, 2) is None:
            return {layout.rows: 0.0}
        return {1: 1.0, 16: 0.1}


class LocalWorker:
    """One model and the tick loops that run it."""

    def __init__(self, folder: Path, device: str = "cpu", keys: Any = None, **settings: Any) -> None:
        """`keys` are the model's in the configuration."""
        models = {"model": ModelSettings(source=str(folder), **(keys or {}))}
        self.settings = EngineSettings(default_model="model", models=models, safety=False, **settings)
        self.catalogue = Catalogue(self.settings)
        self.model: LoadedModel = load(self.catalogue.spec("model"), device, settings=self.settings)

    @contextlib.contextmanager
    def running(self) -> Generator[tuple[TickLoop, list[Any]]]:
        """A fresh tick loop, and the messages it sends."""
        said = list[Any]()
        tick_loop = TickLoop(
            self.settings,
            self.model.device,
            said.append,
            lambda _: None,
            BatchRunner(self.settings.deterministic),
        )
        tick_loop.budget = AtOnceSized(self.model.device)
        yield tick_loop, said
        tick_loop.finish()

    def admit(self, request: ImageRequest) -> Admit:
        return Admit(self.catalogue.resolve(request)[0], epoch=0)

    def run(self, *requests: ImageRequest) -> list[list[Any]]:
        """All messages about each request."""
        with self.running() as (tick_loop, said), torch.inference_mode():
            for request in requests:
                tick_loop.open(self.admit(request), self.model)
            while tick_loop.lanes:
                tick_loop.tick()
        return [[message for message in said if message.request_id == request.id] for request in requests]

    def tokens(self, text: str) -> torch.Tensor:
        tokenizer = self.model.base.tokenizer
        length = tokenizer.model_max_length
        return tokenizer(text, padding="max_length", max_length=length, return_tensors="pt").input_ids

    def refuse(self, request: ImageRequest) -> EngineError:
        """The error with which the request ends, or for which it is not even taken."""
        try:
            (messages,) = self.run(request)
        except EngineError as error:
            return error
        assert isinstance(messages[-1], LaneFailed)
        return messages[-1].error

    def finish(self, request: ImageRequest) -> Finished:
        """The result of a request that succeeds."""
        (messages,) = self.run(request)
        assert isinstance(messages[-1], LaneFinished), messages[-1]
        return messages[-1].finished

    def draw(self, request: ImageRequest) -> list[np.ndarray]:
        """The finished cells."""
        return [as_array(image.png) for image in self.finish(request).images]


class PocketWorker(LocalWorker):
    """The built-in model, whose small pictures a network enlarges after the loop."""

    def __init__(self, **settings: Any) -> None:
        self.settings = EngineSettings(safety=False, **settings)
        self.catalogue = Catalogue(self.settings)
        self.model = load(self.catalogue.spec("pocket"), "cpu", settings=self.settings)


def as_array(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def png(picture: np.ndarray) -> bytes:
    return encode_png(Image.fromarray(picture))


def ask(kind: type[ImageRequest] = ImageRequest, **fields: Any) -> Any:
    return kind(**{"prompt": "a red apple", "seed": 7, "num_inference_steps": 4, "num_images": 2} | fields)
