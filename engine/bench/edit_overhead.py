"""What an edit costs beside the denoiser, against a variation: processor time per request and step."""

# pyright: reportUnknownMemberType=false

from __future__ import annotations

import io
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from engine.batching.forward import forward
from engine.batching.lanes import Lane, ParkedCall, Stage
from engine.bench.desk import Desk, requests
from engine.bench.parts import Free
from engine.bench.stand_in import save_stand_in
from engine.catalogue.catalogue import Catalogue
from engine.errors import AbortReason
from engine.loading.load import load
from engine.loading.loaded_model import LoadedModel
from engine.processes.protocol import Activity
from engine.requests import Edit, ImageRequest, ImageToImage
from engine.settings import EngineSettings, ModelSettings

_SHORT, _LONG = 20, 80
"""Steps of two runs: their difference leaves out what happens once."""


@dataclass(frozen=True, slots=True)
class EditOverhead:
    """Processor milliseconds per request and step with a denoiser that costs nothing, four requests at once."""

    noise_scheduler: str
    variation_ms: float
    edit_ms: float
    """An edit by the difference of two answers, with its mask given; each step has two rows for each picture."""


def measure(noise_scheduler: str, lanes: int = 4, side: int = 512, times: int = 10) -> EditOverhead:
    """Load a small random model and measure both ways in turn, several times; the least of each counts.

    `noise_scheduler` is the name of a class of diffusers. An edit does not use its steps, a variation does.
    """
    with tempfile.TemporaryDirectory() as scratch, torch.inference_mode():
        source = ModelSettings(source=str(save_stand_in(Path(scratch) / "stand-in")), guidance_scale=5.0)
        settings = EngineSettings(devices=("cpu",), models={"small": source}, default_model="small", safety=False)
        model = load(Catalogue(settings).spec("small"), "cpu", settings=settings)
        denoiser = model.parkable["unet"]
        denoiser.__class__ = type("Free", (Free, type(denoiser)), {})
        picture, mask = (_png(colour, side) for colour in ("red", "white"))
        common: dict[str, Any] = {"prompt": "a lighthouse", "image": picture, "num_images": 1}
        common["noise_scheduler"] = noise_scheduler
        variation = ImageToImage(**common, strength=0.9)
        edit = Edit(**common, description="a boat", mask=mask)
        whole = [Catalogue(settings).resolve(each)[0] for each in (variation, edit)]
        runs = [each.model_copy(update={"num_inference_steps": steps}) for each in whole for steps in (_SHORT, _LONG)]
        rounds = [[_denoise_s(model, settings, each, lanes) for each in runs] for _ in range(times + 1)][1:]
    # The least of each run, not of their difference: others on the machine only ever add.
    short, long, edit_short, edit_long = (min(column) for column in zip(*rounds, strict=True))
    return EditOverhead(noise_scheduler, _step_ms(short, long), _step_ms(edit_short, edit_long))


def _step_ms(short: tuple[float, int], long: tuple[float, int]) -> float:
    return 1000 * (long[0] - short[0]) / (long[1] - short[1])


def _denoise_s(model: LoadedModel, settings: EngineSettings, like: ImageRequest, lanes: int) -> tuple[float, int]:
    """Processor seconds in ticks that denoise, and how many request-steps they made."""
    desk, calls, steps = Desk(model, settings), Counter[Lane](), like.num_inference_steps or 0

    def count(call: ParkedCall, _output: object) -> None:
        calls[call.lane] += call.stage is Stage.DENOISE

    for request in requests(like, lanes):
        lane = desk.open(request, previews=False).lane
        lane.listeners.append(count)
        _bring_to_denoising(lane, calls)
    seconds, threads = 0.0, torch.get_num_threads()
    torch.set_num_threads(1)  # or the processor time of others would be missing
    while desk.tick_loop.lanes:
        began_s = time.thread_time()
        desk.tick_loop.tick()
        if desk.activities[-1] is Activity.DENOISE:
            seconds += time.thread_time() - began_s
        for opened in list(desk.tick_loop.lanes.values()):
            parked = opened.lane.parked
            # What decodes is not measured. Calls of the autoencoder before the steps encode the picture.
            if calls[opened.lane] >= steps // 2 and parked is not None and parked.stage is Stage.DECODE:
                desk.tick_loop.cancel(opened.request.id, 1, AbortReason.SHUTDOWN)
    torch.set_num_threads(threads)
    return seconds, calls.total()


def _bring_to_denoising(lane: Lane, calls: Counter[Lane]) -> None:
    """Run a lane alone up to its second step, so that all meet there: else those that encode would miss the others."""
    while (call := lane.parked) and (not calls[lane] or call.stage is not Stage.DENOISE):
        lane.resume(forward(call))


def _png(colour: str, side: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(buffer, "PNG")
    return buffer.getvalue()
