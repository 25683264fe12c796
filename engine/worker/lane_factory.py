"""Makes lanes: a request's pipeline as a coroutine, with its operation context, step watch and previews."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch

from engine.batching.lanes import Lane, RunOptions
from engine.events import Preview
from engine.fair_share import Claim
from engine.loading.loaded_model import LoadedModel
from engine.operations import operate
from engine.operations.context import OperationContext
from engine.operations.outcome import Outcome
from engine.operations.tools import Tools
from engine.pictures.picture_check import PictureCheck
from engine.previews.lane_previews import LanePreviews
from engine.previews.preview_gate import (
    SAVED_S,
    SHARE_BESIDE,
    SHARE_ON_CPU,
    PreviewChecker,
    PreviewGate,
    TimeBudget,
    limit_of,
)
from engine.processes.protocol import Admit, FromWorker, LaneProgress
from engine.requests import ImageRequest
from engine.sampling.moment import moment_of
from engine.sampling.step_cache import TOLERANCES, Rows, StepCache
from engine.sampling.step_watch import StepWatch
from engine.settings import EngineSettings

_HURRIED_STEPS = 2
"""A request without a preview may jump the queue only up to this step, also where its preview is late."""


@dataclass(eq=False)
class OpenLane:
    """A lane with the request it serves."""

    admit: Admit
    model: LoadedModel
    lane: Lane
    context: OperationContext
    previews: LanePreviews
    arrived_s: float
    """When the request arrived at the engine, in seconds of this worker's clock."""
    gpu_ms: float = 0.0
    step: int = 0
    """The latest step that was sent."""
    step_cache: StepCache | None = None
    """None for a request whose every output is computed."""
    has_shared: bool = False
    """Whether any forward pass was shared with another lane."""

    @property
    def request(self) -> ImageRequest:
        """The lane's request."""
        return self.admit.request

    @property
    def claim(self) -> Claim:
        """This lane as fair share sees it."""
        return Claim(
            id=self.request.id,
            member=self.request.account,
            arrived_s=self.arrived_s,
            charged_ms=self.gpu_ms,
            work=self.request.work,
            relaxed=self.request.relax,
            first_preview=not self.previews.has_shown and self.step < _HURRIED_STEPS,
        )


class LaneFactory:
    """Makes a device's lanes and holds what they share: tools, the previews' time budget, encoder thread and check."""

    def __init__(
        self,
        settings: EngineSettings,
        device: torch.device,
        send: Callable[[FromWorker], None],
        clock: Callable[[], float] = time.monotonic,
        rows: Rows | None = None,
    ) -> None:
        self._tools = Tools(
            device, settings.upscaler, settings.captioner, settings.cutout, settings.writer, settings.depth,
            settings.pose,
        )  # fmt: skip
        self._send, self._clock, self._rows = send, clock, rows
        self._time_budget = TimeBudget()
        self._encoders = ThreadPoolExecutor(1, thread_name_prefix="preview")
        self.check = PictureCheck() if settings.safety else None
        """None if the settings switch the check off."""
        # On a CPU the check takes its time from the lanes.
        spared = TimeBudget(SHARE_ON_CPU if device.type == "cpu" else SHARE_BESIDE, burst_s=SAVED_S)
        self._checker = PreviewChecker(self.check, spared) if self.check else None

    def make(self, admit: Admit, model: LoadedModel, upcast: bool = False) -> OpenLane:
        """Make a lane and do not start it. `upcast` runs its modules in float32."""
        request, drawn_by = admit.request, model.for_request(admit.request)
        named = tuple((lora.name, lora.weight) for lora in request.loras)
        loras = drawn_by.adapters.keyed(named) if named else ()

        def tell(step: int, steps: int, preview: Preview | None) -> None:
            opened.step = step
            self._send(LaneProgress(request.id, admit.epoch, step, steps, preview))

        def draw(lane: Lane) -> Outcome:
            if loras:
                opened.context.notes += drawn_by.adapters.attach(loras)
            return operate(opened.context)

        options = RunOptions((*loras, *drawn_by.own_adapters(request)), upcast, request.tile)
        lane = Lane(request.id, draw, options, request.alone, processors=model.processors())
        previews = self._previews_of(request, model, tell)
        watch = StepWatch(lane, previews.wants_x0, previews.show, request.stop_at)
        lane.answers.append(watch.answer)
        cache = self._step_cache(request, watch)
        if cache:
            lane.around = cache.answer
        context = OperationContext(
            request, drawn_by, lane, watch, self._tools, control_flaw=model.control_flaw(request)
        )
        arrived_s = self._clock() - admit.waited_s if admit.arrived_s is None else admit.arrived_s
        opened = OpenLane(admit, model, lane, context, previews, arrived_s, step_cache=cache)
        return opened

    def _step_cache(self, request: ImageRequest, watch: StepWatch) -> StepCache | None:
        tolerance = TOLERANCES.get(request.step_cache or "off")
        return StepCache(tolerance, lambda: moment_of(watch), self._rows) if tolerance and self._rows else None

    def _previews_of(
        self, request: ImageRequest, model: LoadedModel, tell: Callable[[int, int, Preview | None], None]
    ) -> LanePreviews:
        width, height = model.drawn_size(request)
        seen = width * model.spec.enlarge, height * model.spec.enlarge
        gate = PreviewGate(limit_of(request, model.spec), self._checker)
        return LanePreviews(model.previewer, (width, height), tell, self._time_budget, self._encoders, gate, seen)

    def finish(self) -> None:
        """Wait until every preview was sent."""
        self._encoders.shutdown()

    def close(self) -> None:
        """Cancel the previews that wait to be encoded or checked."""
        self._encoders.shutdown(cancel_futures=True)
        if self.check:
            self.check.close()
