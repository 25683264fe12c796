"""The baseline's worker: the same pipelines, kernels, previews and files, one whole call after another, in order.

Selected with `Engine(settings, entry="engine.bench.whole_calls:main")`.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection

import torch

from engine.batching.lanes import Lane
from engine.errors import InferenceFailed
from engine.events import Preview
from engine.loading.loaded_model import LoadedModel
from engine.loading.model_cache import ModelCache
from engine.operations import operate
from engine.operations.context import OperationContext
from engine.operations.outcome import Outcome
from engine.operations.tools import Tools
from engine.previews.lane_previews import LanePreviews
from engine.previews.preview_gate import TimeBudget
from engine.processes.outbox import Outbox
from engine.processes.protocol import (
    Admit,
    FromWorker,
    LaneFailed,
    LaneFinished,
    LaneProgress,
    LaneStarted,
    ModelsLoaded,
    Ready,
    Stop,
)
from engine.requests import ImageRequest
from engine.sampling.step_watch import StepWatch
from engine.settings import EngineSettings
from engine.worker.postprocess import finish, recipe_of


def main(connection: Connection, settings: EngineSettings, device: str) -> None:
    """Serve admitted requests in the order of their arrival until told to stop."""
    if settings.threads:
        torch.set_num_threads(settings.threads)
    with torch.inference_mode():
        WholeCalls(connection, settings, torch.device(device)).run()


def context_of(
    model: LoadedModel,
    request: ImageRequest,
    wants_x0: Callable[[int], bool] = lambda _: False,
    show: Callable[[int, int, torch.Tensor | None], None] = lambda step, steps, x0: None,
) -> OperationContext:
    """A request's place of work outside of any lane: nothing parks, every call runs where it is made."""
    lane = Lane(request.id, lambda _: None)
    return OperationContext(request, model, lane, StepWatch(lane, wants_x0, show, request.stop_at), Tools(model.device))


class WholeCalls:
    """One device, one call at a time."""

    def __init__(self, connection: Connection, settings: EngineSettings, device: torch.device) -> None:
        self._connection, self._device = connection, device
        self._outbox = Outbox(connection)
        self._cache = ModelCache(settings, device)
        self._time_budget = TimeBudget()
        self._finishers = ThreadPoolExecutor(2)
        self._encoders = ThreadPoolExecutor(1)

    def run(self) -> None:
        """Receive and serve."""
        self._say(Ready(str(self._device), os.getpid(), 0))
        while not isinstance(message := self._connection.recv(), Stop):
            if isinstance(message, Admit):
                self._serve(message)
        self._outbox.close()

    def _say(self, message: FromWorker) -> None:
        self._outbox.put(message)

    def _serve(self, admit: Admit) -> None:
        request = admit.request
        model = self._cache.borrow(request.model)
        self._say(ModelsLoaded(self._cache.models()))
        self._say(LaneStarted(request.id, admit.epoch))

        def tell(step: int, steps: int, preview: Preview | None) -> None:
            self._say(LaneProgress(request.id, admit.epoch, step, steps, preview))

        size = (request.width or model.spec.width, request.height or model.spec.height)
        previews = LanePreviews(model.previewer, size, tell, self._time_budget, self._encoders)
        context = context_of(model, request, previews.wants_x0, previews.show)
        began_s = time.perf_counter()
        try:
            outcome = operate(context)
        except Exception as error:  # noqa: BLE001 - one request fails, the next is served
            self._say(LaneFailed(request.id, admit.epoch, InferenceFailed(f"{type(error).__name__}: {error}")))
        else:
            gpu_ms = (time.perf_counter() - began_s) * 1000
            self._finishers.submit(self._finish, admit, context, outcome, gpu_ms)
        self._cache.give_back(model)

    def _finish(self, admit: Admit, context: OperationContext, outcome: Outcome, gpu_ms: float) -> None:
        recipe = recipe_of(admit.request, context.model, outcome, alone=True)
        finished = finish(admit.request, outcome, recipe, gpu_ms)
        self._say(LaneFinished(admit.request.id, admit.epoch, finished))
