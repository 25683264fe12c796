"""Full-size models on a GPU: pictures per second and useful MFU of stock diffusers, whole calls and the engine.

B0 is stock diffusers as installed; B1 the same pipelines with the engine's kernels (channels_last, `torch.compile`).
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from engine.batching.attention_kernels import choose_attention
from engine.batching.forward import ATTENTION, synchronize
from engine.batching.lanes import Stage
from engine.batching.module_proxies import stage_of
from engine.bench.desk import Desk, requests
from engine.bench.full_size import load_full_size
from engine.bench.gpu_report import Exactness, GpuReport, Throughput
from engine.bench.parts import knee
from engine.bench.report import Machine
from engine.bench.whole_calls import context_of
from engine.loading.attention_setting import kernel_flaw
from engine.loading.load import quiet
from engine.loading.loaded_model import LoadedModel
from engine.operations import operate
from engine.pictures.images import open_picture
from engine.processes.protocol import LaneFinished
from engine.requests import ImageRequest
from engine.settings import EngineSettings

MODELS = ("sdxl", "z-image")
SIDES = (512, 768, 1024)
KERNELS = ("_flash_3", "flash", "xformers", "_native_cudnn", "sage")
PEAK_TFLOPS = {"H100": 989.4, "H200": 989.4, "A100": 312.0, "4090": 165.2, "L4": 121.0}
"""Dense bfloat16, from the vendors' data sheets."""

Pictures = list[np.ndarray[Any, Any]]


def measure(
    say: Callable[[str], None], queue: int = 6, miniature: bool = False, models: Sequence[str] = MODELS
) -> GpuReport:
    """Run everything; needs a CUDA device with about 40 GB, in `miniature` none, and then the figures say nothing."""
    if not torch.cuda.is_available() and not miniature:
        raise SystemExit(
            "the gpu suite needs a CUDA device; with --quick it runs in miniature anywhere, to be tried out"
        )
    quiet()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "no GPU"
    report = GpuReport(f"{name}, in miniature" if miniature else name, Machine.here(), {}, [], [], {})
    with torch.inference_mode():
        for model in models:
            say(f"drawing {model}")
            _measure_model(load_full_size(model, device, miniature), report, queue, miniature, say)
            gc.collect()
            torch.cuda.empty_cache()
    return report


def _measure_model(
    model: LoadedModel, report: GpuReport, queue: int, miniature: bool, say: Callable[[str], None]
) -> None:
    name, settings = model.spec.name, EngineSettings(safety=False)
    asked = requests(_like(model, model.spec.width), queue)
    with FlopCounterMode(display=False) as counter:
        _whole_call(model, asked[0].model_copy(update={"num_images": 1}))
    report.tflop_per_image[name] = counter.get_total_flops() / 1e12
    ways: dict[str, Callable[[], Pictures]] = {
        "whole calls": lambda: [cell for request in asked for cell in _whole_call(model, request)],
        "engine": lambda: _engine(model, settings, asked),
    }
    pictures = {
        way: _measure_way(model, f"B0 {way}" if way != "engine" else way, run, False, report, say)
        for way, run in ways.items()
    }
    report.exactness.append(_exactness(name, pictures["whole calls"], pictures["engine"]))
    for kernel in ("_native_math",) if miniature else KERNELS:
        _measure_kernel(model, kernel, ways["engine"], report, say)
    sides = (model.spec.width,) if miniature else SIDES
    report.knees[name] = [knee(model, settings, _like(model, side), 5) for side in sides]
    for part in model.parkable.values():
        cast(Any, part).to(memory_format=torch.channels_last)
    _measure_way(model, "B1 whole calls", ways["whole calls"], False, report, say)
    _measure_way(model, "engine", ways["engine"], False, report, say)
    for component in ("unet", "transformer"):
        if component in model.parkable:
            model.parkable[component].compile(dynamic=None, backend="eager" if miniature else "inductor")
    _measure_way(model, "B1 whole calls", ways["whole calls"], True, report, say)
    _measure_way(model, "engine", ways["engine"], True, report, say)


def _measure_kernel(
    model: LoadedModel, kernel: str, run: Callable[[], Pictures], report: GpuReport, say: Callable[[str], None]
) -> None:
    """The engine with another attention kernel, where it is installed and the model's family has a choice."""
    for part in model.parkable.values() if not kernel_flaw(kernel, model.device, model.dtype)[0] else ():
        if stage_of(part) is Stage.DENOISE and choose_attention(part, (kernel,), is_asked=True):
            _measure_way(model, f"engine, attention by {kernel}", run, False, report, say)
            del vars(part)[ATTENTION]


def _measure_way(
    model: LoadedModel,
    way: str,
    run: Callable[[], Pictures],
    compiled: bool,
    report: GpuReport,
    say: Callable[[str], None],
) -> Pictures:
    name = model.spec.name
    say(f"{name}: {way}, {'compiled' if compiled else 'eager'}")
    run()
    synchronize(model.device)
    began_s = time.perf_counter()
    pictures = run()
    synchronize(model.device)
    rate = len(pictures) / (time.perf_counter() - began_s)
    peak = next((tflops for key, tflops in PEAK_TFLOPS.items() if key in report.device), None)
    mfu = None if peak is None else rate * report.tflop_per_image[name] / peak
    report.throughput.append(Throughput(name, way, compiled, rate, mfu))
    return pictures


def _like(model: LoadedModel, side: int) -> ImageRequest:
    return ImageRequest(
        prompt="a lighthouse in a storm, oil painting",
        model=model.spec.name,
        width=side,
        height=side,
        num_inference_steps=model.spec.num_inference_steps,
        guidance_scale=model.spec.guidance_scale,
        num_images=4 if model.spec.width == SIDES[-1] else 1,
    )


def _whole_call(model: LoadedModel, request: ImageRequest) -> Pictures:
    outcome = operate(context_of(model, request))
    return [(cell.clip(0, 1) * 255).round() for cell in outcome.cells]


def _engine(model: LoadedModel, settings: EngineSettings, asked: list[ImageRequest]) -> Pictures:
    desk = Desk(model, settings)
    for request in asked:
        desk.open(request)
    desk.finish()
    desk.wait()
    done = {word.request_id: word.finished for word in desk.said if isinstance(word, LaneFinished)}
    files = [image.png for request in asked for image in done[request.id].images]
    return [np.asarray(open_picture(file), dtype=np.float32) for file in files]


def _exactness(model: str, stock: Pictures, engine: Pictures) -> Exactness:
    differences = [np.abs(one.astype(np.float64) - other) for one, other in zip(stock, engine, strict=True)]
    mean_square = float(np.mean([np.square(each).mean() for each in differences]))
    psnr = 20 * math.log10(255) - 10 * math.log10(mean_square) if mean_square else math.inf
    return Exactness(model, float(max(each.max() for each in differences)), psnr)
