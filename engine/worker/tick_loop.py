"""One device's lanes and its ticks: each tick is one merged forward pass. Device thread only."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import torch

from engine.base.foreign_errors import reason
from engine.batching.batch_runner import ADVICE, BUCKET, Batch, BatchRunner
from engine.batching.batch_size import BatchSize
from engine.batching.encoder_cache import EncoderCache
from engine.batching.forward import is_device_lost, is_out_of_memory, synchronize
from engine.batching.lanes import ParkedCall, Stage
from engine.batching.row_layout import RowLayout
from engine.errors import AbortReason, BadOutput, EngineError, InferenceFailed, OutOfMemory, RequestAborted
from engine.fair_share import FairShare
from engine.loading.loaded_model import LoadedModel
from engine.operations.outcome import Outcome
from engine.previews.preview_gate import is_harmless
from engine.processes.protocol import Activity, Admit, FromWorker, LaneCharged, LaneFailed, LaneFinished, LaneStarted
from engine.settings import EngineSettings
from engine.worker.lane_factory import LaneFactory, OpenLane
from engine.worker.postprocess import finish, recipe_of

logger = logging.getLogger(__name__)


@dataclass
class Turns:
    """The order of parked calls: by fair share, but encoding and decoding get no more time than denoising."""

    share: FairShare
    _denoise_ms: float = field(default=0.0, init=False)
    """Device time of the latest denoising pass."""
    _aside_ms: float = field(default=0.0, init=False)
    """Device time of encoding and decoding since then."""

    def take(self, lanes: Iterable[OpenLane], now_s: float) -> list[ParkedCall]:
        """Take a turn of fair share: the parked calls in their order for this tick.

        Prompts come first until encoding and decoding took the time of one denoising pass.
        """
        parked = {opened.request.id: call for opened in lanes if (call := opened.lane.parked)}
        claims = [opened.claim for opened in lanes if opened.request.id in parked]
        # A relaxed call waits while any other does: not even beside it in one pass.
        claims = [claim for claim in claims if not claim.relaxed] or claims
        parked = {claim.id: parked[claim.id] for claim in claims}
        first = Stage.DENOISE if self._aside_ms >= self._denoise_ms else Stage.ENCODE
        is_prompt = first is Stage.ENCODE and any(call.stage is first for call in parked.values())
        order = (self.share.order if is_prompt else self.share.take_turn)(claims, now_s)
        return sorted((parked[claim.id] for claim in order), key=lambda call: call.stage is not first)

    def took(self, stage: Stage, gpu_ms: float) -> None:
        """Add the device time of a pass."""
        if stage is Stage.DENOISE:
            self._denoise_ms, self._aside_ms = gpu_ms, 0.0
        else:
            self._aside_ms += gpu_ms


@dataclass
class TickLoop:
    """Runs the lanes of one device."""

    settings: EngineSettings
    device: torch.device
    send: Callable[[FromWorker], None]
    closed: Callable[[LoadedModel], None]
    """Called when a lane no longer needs its model."""
    batch_runner: BatchRunner
    clock: Callable[[], float] = time.monotonic
    activity: Callable[[Activity], None] = lambda _: None
    lanes: dict[str, OpenLane] = field(default_factory=dict[str, OpenLane])
    timer: Callable[[], float] = time.perf_counter

    def __post_init__(self) -> None:
        self.turns = Turns(FairShare(self.settings.first_preview_share))
        self.budget = BatchSize(self.device)
        self._lane_factory = LaneFactory(self.settings, self.device, self.send, self.clock, self.batch_runner)
        self._encoder_cache = EncoderCache()
        self._finishers = ThreadPoolExecutor(2, thread_name_prefix="finish")

    def open(self, admit: Admit, model: LoadedModel) -> None:
        """Open a request's lane and run it to its first parked call."""
        self.turns.share.join(admit.request.account, admit.request.weight, admit.served_ms)
        self.send(LaneStarted(admit.request.id, admit.epoch))
        self._begin(self._lane_factory.make(admit, model))

    def _begin(self, opened: OpenLane) -> None:
        self.lanes[opened.request.id] = opened
        self._advance(opened, opened.lane.start)

    def cancel(self, request_id: str, epoch: int, reason: AbortReason) -> None:
        """Unwind a lane now; other lanes are not touched. A lane of another epoch stays."""
        opened = self.lanes.get(request_id)
        if opened and opened.admit.epoch == epoch:
            opened.lane.cancel()
            self._fail(opened, RequestAborted(reason))

    def tick(self) -> None:
        """Run the first call in order and all compatible ones as one forward pass; run their lanes to the next call."""
        head, *others = self.turns.take(self.lanes.values(), self.clock())
        self.activity(Activity(head.stage.value))
        batch = self.batch_runner.choose(head, others, self._budget)  # may time a sweep of passes
        began_s = self.timer()
        outputs = self.batch_runner.run(batch)
        synchronize(self.device)
        self._charge(batch, (self.timer() - began_s) * 1000)
        self._note_sharing(batch)
        for call, output in zip(batch.calls, outputs, strict=True):
            opened = self.lanes[call.lane.id]
            if isinstance(output, Exception):
                self._advance(opened, lambda lane=call.lane, error=output: lane.fail(error))
            else:
                if len(batch.calls) == 1:  # a shared pass may differ in its last bits
                    self._encoder_cache.keep(call, output)
                self._advance(opened, lambda lane=call.lane, output=output: lane.resume(output))

    def close(self) -> None:
        """Unwind everything."""
        for opened in list(self.lanes.values()):
            self.cancel(opened.request.id, opened.admit.epoch, AbortReason.SHUTDOWN)
        self._finishers.shutdown(cancel_futures=True)
        self._lane_factory.close()

    def finish(self) -> None:
        """Wait until everything that is drawn has been sent."""
        self._lane_factory.finish()
        self._finishers.shutdown()

    def _budget(self, layout: RowLayout, waiting: int) -> int:
        if self.settings.deterministic:
            return BUCKET if layout.call.stage is Stage.DENOISE else layout.rows
        return self.budget.rows(layout, waiting)

    def _charge(self, batch: Batch, gpu_ms: float) -> None:
        """Charge each call its share of the pass's device time, in proportion to its rows."""
        self.turns.took(batch.calls[0].stage, gpu_ms)
        total = sum(batch.rows)
        for call, rows in zip(batch.calls, batch.rows, strict=True):
            opened, share_ms = self.lanes[call.lane.id], gpu_ms * rows / total
            opened.gpu_ms += share_ms
            self.turns.share.charge(opened.request.account, share_ms, self.clock())
            self.send(LaneCharged(opened.request.id, opened.admit.epoch, opened.request.member, share_ms))

    def _note_sharing(self, batch: Batch) -> None:
        if len(batch.calls) > 1:
            for call in batch.calls:
                self.lanes[call.lane.id].has_shared = True

    def _advance(self, opened: OpenLane, onward: Callable[[], None]) -> None:
        """Run a lane up to its next call; send the result or the error of a lane that ends."""
        try:
            onward()
            while (call := opened.lane.parked) and (known := self._encoder_cache.recall(call)) is not NotImplemented:
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
            return self._fail(opened, InferenceFailed(reason(error)))
        if opened.lane.is_finished:
            self._leave(opened, opened.gpu_ms)
            self._finishers.submit(self._send_finished, opened, opened.lane.result)
        return None

    def _try_again(self, opened: OpenLane, error: BadOutput) -> None:
        """Run the request once more in float32; a second broken picture is the lane's error."""
        if opened.lane.options.upcast or not opened.model.can_widen:
            return self._fail(opened, error)
        logger.warning("%s, trying again in float32", error.what, extra={"request_id": opened.request.id})
        again = self._lane_factory.make(opened.admit, opened.model, upcast=True)
        again.gpu_ms, again.arrived_s = opened.gpu_ms, opened.arrived_s  # fair share sees the same request
        return self._begin(again)

    def _send_finished(self, opened: OpenLane, outcome: Outcome) -> None:
        request = opened.request
        try:
            opened.previews.settle()
            alone = opened.lane.has_own_bits and not opened.has_shared
            recipe = recipe_of(request, opened.context.model, outcome, alone=alone)
            frames, harmless = opened.previews.timelapse, is_harmless(request, opened.model.spec)
            finished = finish(request, outcome, recipe, opened.gpu_ms, frames, self._lane_factory.check, harmless)
            self.send(LaneFinished(request.id, opened.admit.epoch, finished))
        except Exception as error:
            logger.exception("finishing failed", extra={"action": "lane_failed", "request_id": request.id})
            failed = InferenceFailed(reason(error))
            self.send(LaneFailed(request.id, opened.admit.epoch, failed, opened.gpu_ms))

    def _fail(self, opened: OpenLane, error: EngineError) -> None:
        self._leave(opened)
        self.send(LaneFailed(opened.request.id, opened.admit.epoch, error, opened.gpu_ms))

    def _leave(self, opened: OpenLane, took_ms: float | None = None) -> None:
        del self.lanes[opened.request.id]
        self.turns.share.leave(opened.request.account, took_ms)
        self.closed(opened.model)
