"""What the engine's own parts cost, in one process: overhead, previews, cancelling, and the knee of rows."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, field
from typing import Any

import torch

from engine.batching.forward import forward, synchronize
from engine.batching.lanes import Stage
from engine.bench.desk import Desk, requests
from engine.errors import AbortReason
from engine.loading.loaded_model import LoadedModel
from engine.previews.preview_gate import TimeBudget
from engine.processes.protocol import Activity, LaneFailed
from engine.requests import ImageRequest
from engine.settings import EngineSettings

KNEE_ROWS = (1, 2, 4, 8, 16)


@dataclass(frozen=True, slots=True)
class Overhead:
    """Processor milliseconds per request and step with a denoiser that costs nothing; the aim is one."""

    noise_scheduler: str
    engine_ms: float
    """Everything between two forward passes: the pipeline's own Python and the engine's."""
    pipeline_ms: float
    """The stock pipeline alone."""


@dataclass(frozen=True, slots=True)
class Knee:
    """Milliseconds of one forward pass by rows."""

    size: tuple[int, int]
    ms: dict[int, float]


@dataclass
class Ledger(TimeBudget):
    """An allowance that remembers the sum."""

    spent_s: float = field(default=0.0, init=False)

    def spend(self, seconds: float) -> None:
        """Book and remember."""
        self.spent_s += seconds
        super().spend(seconds)


class Free:
    """Mixed into a denoiser's class: an answer without work, of the right shape."""

    def forward(self, sample: torch.Tensor, *_args: Any, **_kwargs: Any) -> tuple[torch.Tensor]:
        """Zeros, which take no memory."""
        return (sample.new_zeros(()).expand_as(sample),)


def overhead(model: LoadedModel, settings: EngineSettings, like: ImageRequest, noise_scheduler: str) -> Overhead:
    """Eight lanes with a denoiser that costs nothing; `model` is of no other use afterwards."""
    denoiser = model.parkable["unet"]
    if not isinstance(denoiser, Free):
        denoiser.__class__ = type("Free", (Free, type(denoiser)), {})
    like = like.model_copy(update={"noise_scheduler": noise_scheduler, "num_inference_steps": 30})
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # or the processor time of others would be missing
    _denoise_s(model, settings, like)  # proofs and sweeps
    engine_s, steps = min(_denoise_s(model, settings, like) for _ in range(3))
    stock_s = _stock_s(model, like)
    torch.set_num_threads(threads)
    return Overhead(noise_scheduler, 1000 * engine_s / steps, 1000 * stock_s)


def _denoise_s(model: LoadedModel, settings: EngineSettings, like: ImageRequest) -> tuple[float, int]:
    """Processor seconds in ticks that denoise, and how many request-steps they made."""
    desk = Desk(model, settings)
    lanes = [desk.open(request, previews=False) for request in requests(like, 8)]
    seconds = 0.0
    while desk.tick_loop.lanes:
        began_s = time.thread_time()
        desk.tick_loop.tick()
        if desk.activities[-1] is Activity.DENOISE:
            seconds += time.thread_time() - began_s
        for opened in list(desk.tick_loop.lanes.values()):
            if opened.lane.parked and opened.lane.parked.stage is Stage.DECODE:  # at 1024 pixels it takes seconds
                desk.tick_loop.cancel(opened.request.id, 1, AbortReason.SHUTDOWN)
    return seconds, len(lanes) * (like.num_inference_steps or 0)


def _stock_s(model: LoadedModel, like: ImageRequest) -> float:
    """Seconds per step of the stock pipeline."""
    pipeline = model.pipeline("text_to_image", like.noise_scheduler)

    def call(steps: int) -> float:
        began_s = time.thread_time()
        pipeline(
            like.prompt,
            num_inference_steps=steps,
            width=like.width,
            height=like.height,
            num_images_per_prompt=like.num_images,
            guidance_scale=like.guidance_scale,
            output_type="latent",
        )
        return time.thread_time() - began_s

    call(2)
    long_s, short_s = (min(call(steps) for _ in range(3)) for steps in (90, 30))
    return max(0.0, long_s - short_s) / 60


def preview_share(model: LoadedModel, settings: EngineSettings, like: ImageRequest) -> float:
    """Part of the time that goes into previews and time-lapse frames while three requests run.

    Processor time of the threads concerned over that of the process, so that a busy machine does not blur it.
    """
    desk, ledger = Desk(model, settings), Ledger(clock=time.process_time)
    desk.open(like.model_copy(update={"num_inference_steps": 2}))  # what comes first pays for what later ones find warm
    desk.finish()
    desk.wait()
    began_s = time.process_time()
    for request in requests(like, 3):
        previews = desk.open(request).previews
        previews.time_budget = ledger
    desk.finish()
    desk.wait()
    return ledger.spent_s / (time.process_time() - began_s)


def cancel_ticks(model: LoadedModel, settings: EngineSettings, like: ImageRequest) -> list[int]:
    """For eight lanes cancelled one after another at random moments: ticks from the cancel to the lane's end."""
    desk = Desk(model, settings)
    lanes = [desk.open(request) for request in requests(like, 8)]
    waited: list[int] = []
    for number, opened in enumerate(lanes):
        for _ in range(number % 3 + 1):
            if desk.tick_loop.lanes:
                desk.tick_loop.tick()
        if opened.request.id not in desk.tick_loop.lanes:
            continue
        desk.tick_loop.cancel(opened.request.id, 1, AbortReason.USER_REQUEST)
        ticks = 0
        while not any(isinstance(word, LaneFailed) and word.request_id == opened.request.id for word in desk.said):
            desk.tick_loop.tick()
            ticks += 1
        waited.append(ticks)
    return waited


def knee(model: LoadedModel, settings: EngineSettings, like: ImageRequest, repeats: int) -> Knee:
    """Time one forward pass at each number of rows."""
    desk = Desk(model, settings)
    opened = desk.open(like.model_copy(update={"num_images": 1}), previews=False)
    while opened.lane.parked is None or opened.lane.parked.stage is not Stage.DENOISE:
        desk.tick_loop.tick()
    layout = desk.tick_loop.batch_runner.lay_out(opened.lane.parked)
    assert layout is not None  # noqa: S101 - every family's denoiser call is understood
    found: dict[int, float] = {}
    for rows in KNEE_ROWS:
        call = layout.part(0, rows).call
        forward(call)
        found[rows] = statistics.median(_timed_ms(model, call) for _ in range(repeats))
    desk.tick_loop.cancel(opened.request.id, 1, AbortReason.SHUTDOWN)
    return Knee((like.width or model.spec.width, like.height or model.spec.height), found)


def _timed_ms(model: LoadedModel, call: Any) -> float:
    began_s = time.perf_counter()
    forward(call)
    synchronize(model.device)
    return (time.perf_counter() - began_s) * 1000
