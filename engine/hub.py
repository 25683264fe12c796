"""One device's lanes and its ticks: who runs next, one merged forward pass, what comes of it. Device thread only."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import torch

from engine.allowance import Allowance
from engine.errors import AbortReason, BadOutput, EngineError, InferenceFailed, OutOfMemory, RequestAborted
from engine.events import Preview
from engine.fair_share import Claim, FairShare
from engine.finishing import finish, recipe_of
from engine.forward import is_out_of_memory
from engine.forwards import ADVICE, BUCKET, Batch, Forwards
from engine.glimpses import Glimpses
from engine.lanes import Lane, Manner, ParkedCall, Stage
from engine.merging import Layout
from engine.messages import Admit, FromWorker, LaneCharged, LaneFailed, LaneFinished, LaneProgress, LaneStarted
from engine.models import LoadedModel
from engine.operations import operate
from engine.operations.easel import Easel, Outcome
from engine.operations.tools import Tools
from engine.prompt_memory import PromptMemory
from engine.requests import ImageRequest
from engine.row_budget import RowBudget
from engine.safety import PictureCheck
from engine.settings import EngineSettings
from engine.sizes import drawn_size
from engine.steps import StepWatch
from engine.veil import SAVED_S, SHARE_BESIDE, SHARE_ON_CPU, Lookout, Veil, is_harmless, limit_of

logger = logging.getLogger(__name__)


@dataclass(eq=False)
class OpenLane:
    """A lane with the request it serves."""

    admit: Admit
    model: LoadedModel
    lane: Lane
    easel: Easel
    glimpses: Glimpses
    opened_s: float
    gpu_ms: float = 0.0
    remaining_steps: int = 1
    is_alone: bool = True
    """No forward pass was shared so far."""

    @property
    def request(self) -> ImageRequest:
        """What is asked."""
        return self.admit.request


@dataclass
class Hub:
    """Runs the lanes of one device."""

    settings: EngineSettings
    device: torch.device
    send: Callable[[FromWorker], None]
    closed: Callable[[LoadedModel], None]
    """Told when a lane no longer needs its model."""
    forwards: Forwards
    clock: Callable[[], float] = time.monotonic
    activity: Callable[[str], None] = lambda _: None
    lanes: dict[str, OpenLane] = field(default_factory=dict[str, OpenLane])
    timer: Callable[[], float] = time.perf_counter
    _denoise_ms: float = 0.0
    """How long the latest pass of a denoiser took."""
    _aside_ms: float = 0.0
    """How long prompts and decoding took since then."""

    def __post_init__(self) -> None:
        self.share = FairShare(self.settings.first_preview_share)
        self.budget = RowBudget(self.device)
        self.tools = Tools(self.device, self.settings.upscaler, self.settings.captioner)
        self._allowance, self._prompts = Allowance(), PromptMemory()
        self._finishers = ThreadPoolExecutor(2, thread_name_prefix="finish")
        self._check = PictureCheck() if self.settings.safety else None
        self._lookout = Lookout(self._check, self._spared()) if self._check else None
        self._encoders = ThreadPoolExecutor(1, thread_name_prefix="preview")

    def open(self, admit: Admit, model: LoadedModel, upcast: bool = False, gpu_ms: float = 0.0) -> None:
        """Begin a request's work up to its first parked call."""
        opened = self._prepare(admit, model, upcast)
        opened.gpu_ms = gpu_ms
        self.lanes[admit.request.id] = opened
        if not upcast:
            self.share.join(admit.request.member, admit.request.weight, admit.served_ms)
            self.send(LaneStarted(admit.request.id, admit.epoch))
        self._advance(opened, opened.lane.start)

    def cancel(self, request_id: str, epoch: int, reason: AbortReason) -> None:
        """Unwind a lane now; others do not notice."""
        opened = self.lanes.get(request_id)
        if opened and opened.admit.epoch == epoch:
            opened.lane.cancel()
            self._fail(opened, RequestAborted(reason))

    def tick(self) -> None:
        """One forward pass for whoever deserves it most and those who fit beside, then on to their next calls."""
        head, *others = self._in_order()
        self.activity("forward" if head.stage is Stage.DENOISE else head.stage.value)
        batch = self.forwards.choose(head, others, self._budget)  # may take a sweep of passes
        began_s = self.timer()
        outputs = self.forwards.run(batch)
        self._synchronize()
        self._charge(batch, (self.timer() - began_s) * 1000)
        self._note_company(batch)
        for call, output in zip(batch.calls, outputs, strict=True):
            opened = self.lanes[call.lane.id]
            if isinstance(output, Exception):
                self._advance(opened, lambda lane=call.lane, error=output: lane.fail(error))
            else:
                if len(batch.calls) == 1:  # what came of a shared pass may differ in its last bits
                    self._prompts.keep(call, output)
                self._advance(opened, lambda lane=call.lane, output=output: lane.resume(output))

    def close(self) -> None:
        """Unwind everything."""
        for opened in list(self.lanes.values()):
            self.cancel(opened.request.id, opened.admit.epoch, AbortReason.SHUTDOWN)
        self._encoders.shutdown(cancel_futures=True)
        self._finishers.shutdown(cancel_futures=True)
        if self._check:
            self._check.close()

    def finish(self) -> None:
        """Wait until everything that is drawn has been sent."""
        self._encoders.shutdown()
        self._finishers.shutdown()

    def _prepare(self, admit: Admit, model: LoadedModel, upcast: bool) -> OpenLane:
        request, drawn_by = admit.request, model.for_request(admit.request)
        loras = tuple((lora.name, lora.weight) for lora in request.loras)
        manner = Manner(loras, upcast, request.tile)

        def tell(step: int, steps: int, preview: Preview | None) -> None:
            opened.remaining_steps = steps - step
            self.send(LaneProgress(request.id, admit.epoch, step, steps, preview))

        def draw(lane: Lane) -> Outcome:
            drawn_by.adapters.ensure(lane.manner.loras)
            return operate(opened.easel)

        lane = Lane(request.id, draw, manner, request.alone, processors=model.processors())
        size = drawn_size(request, model.spec)
        veil = Veil(limit_of(request, model.spec), self._lookout)
        seen = size[0] * model.spec.enlarge, size[1] * model.spec.enlarge
        glimpses = Glimpses(model.previewer, size, tell, self._allowance, self._encoders, veil, seen)
        watch = StepWatch(lane, glimpses.wants_x0, glimpses.show, request.stop_at)
        lane.answers.append(watch.answer)
        easel = Easel(request, drawn_by, lane, watch, self.tools)
        opened = OpenLane(admit, model, lane, easel, glimpses, self.clock())
        return opened

    def _spared(self) -> Allowance:
        """What the picture check may take for looking at previews: on a CPU it takes it from the lanes."""
        return Allowance(SHARE_ON_CPU if self.device.type == "cpu" else SHARE_BESIDE, burst_s=SAVED_S)

    def _in_order(self) -> list[ParkedCall]:
        """All parked calls, most deserving first, prompts before all others.

        Prompts and decoding get at most as much time as denoising; jumping the queue costs a request nothing there.
        """
        waiting = [opened for opened in self.lanes.values() if opened.lane.parked]
        claims = [_claim(opened) for opened in waiting]
        first = Stage.DENOISE if self._aside_ms >= self._denoise_ms else Stage.ENCODE
        parked = {opened.request.id: call for opened in waiting if (call := opened.lane.parked)}
        is_prompt = first is Stage.ENCODE and any(call.stage is first for call in parked.values())
        order = (self.share.order if is_prompt else self.share.next_turn)(claims, self.clock())
        return sorted((parked[claim.id] for claim in order), key=lambda call: call.stage is not first)

    def _budget(self, layout: Layout, waiting: int) -> int:
        if self.settings.deterministic:
            return BUCKET if layout.call.stage is Stage.DENOISE else layout.rows
        return self.budget.rows(layout, waiting)

    def _charge(self, batch: Batch, gpu_ms: float) -> None:
        """Divide a tick's device time by rows."""
        if batch.calls[0].stage is Stage.DENOISE:
            self._denoise_ms, self._aside_ms = gpu_ms, 0.0
        else:
            self._aside_ms += gpu_ms
        total = sum(batch.rows)
        for call, rows in zip(batch.calls, batch.rows, strict=True):
            opened, share_ms = self.lanes[call.lane.id], gpu_ms * rows / total
            opened.gpu_ms += share_ms
            self.share.charge(opened.request.member, share_ms, self.clock())
            self.send(LaneCharged(opened.request.id, opened.admit.epoch, opened.request.member, share_ms))

    def _note_company(self, batch: Batch) -> None:
        if len(batch.calls) > 1:
            for call in batch.calls:
                self.lanes[call.lane.id].is_alone = False

    def _advance(self, opened: OpenLane, onward: Callable[[], None]) -> None:
        """Let a lane run on, and see to it when that was the end."""
        try:
            onward()
            while (call := opened.lane.parked) and (known := self._prompts.recall(call)) is not NotImplemented:
                opened.lane.resume(known)
        except BadOutput as error:
            return self._try_again(opened, error)
        except EngineError as error:
            return self._fail(opened, error)
        except Exception as error:
            if is_device_lost(error):
                raise
            if is_out_of_memory(error):
                return self._fail(opened, OutOfMemory(ADVICE))
            logger.exception("lane failed", extra={"action": "lane_failed", "request_id": opened.request.id})
            return self._fail(opened, InferenceFailed(f"{type(error).__name__}: {error}"))
        if opened.lane.is_finished:
            self._leave(opened, opened.gpu_ms)
            self._finishers.submit(self._send_finished, opened, opened.lane.result)
        return None

    def _try_again(self, opened: OpenLane, error: BadOutput) -> None:
        """Once more in float32; what is broken there too fails."""
        if opened.lane.manner.upcast:
            return self._fail(opened, error)
        logger.warning("%s, trying again in float32", error.what, extra={"request_id": opened.request.id})
        return self.open(opened.admit, opened.model, upcast=True, gpu_ms=opened.gpu_ms)

    def _send_finished(self, opened: OpenLane, outcome: Outcome) -> None:
        request = opened.request
        try:
            opened.glimpses.settle()
            recipe = recipe_of(request, opened.easel.model, outcome, alone=opened.is_alone)
            frames, harmless = opened.glimpses.timelapse, is_harmless(request, opened.model.spec)
            finished = finish(request, outcome, recipe, opened.gpu_ms, frames, self._check, harmless)
            self.send(LaneFinished(request.id, opened.admit.epoch, finished))
        except Exception as error:
            logger.exception("finishing failed", extra={"action": "lane_failed", "request_id": request.id})
            failed = InferenceFailed(f"{type(error).__name__}: {error}")
            self.send(LaneFailed(request.id, opened.admit.epoch, failed, opened.gpu_ms))

    def _fail(self, opened: OpenLane, error: EngineError) -> None:
        self._leave(opened)
        self.send(LaneFailed(opened.request.id, opened.admit.epoch, error, opened.gpu_ms))

    def _leave(self, opened: OpenLane, took_ms: float | None = None) -> None:
        del self.lanes[opened.request.id]
        self.share.leave(opened.request.member, took_ms)
        self.closed(opened.model)

    def _synchronize(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        elif self.device.type == "mps":
            torch.mps.synchronize()


def _claim(opened: OpenLane) -> Claim:
    return Claim(
        id=opened.request.id,
        member=opened.request.member,
        arrived_s=opened.opened_s,
        priority=opened.request.priority,
        remaining=opened.remaining_steps * opened.request.num_images,
        first_preview=not opened.glimpses.has_shown,
    )


def is_device_lost(error: BaseException) -> bool:
    """After such an error nothing works in this process any more; a new one has to be started."""
    return isinstance(error, torch.AcceleratorError) or "CUDA error" in str(error)
