"""The process of `try_out`: tries out its arguments, models, and what the settings on its standard input name."""

# pyright: reportUnknownMemberType=false

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from dataclasses import replace

import psutil
import torch

from engine.batching.attention_kernels import is_quantised
from engine.catalogue.catalogue import Catalogue
from engine.errors import DeviceMissing, EngineError, ModelLoadFailed
from engine.loading.attention_setting import AUTO, attention_kernels
from engine.loading.load import load, prove_plan, quiet, usual_dtype
from engine.loading.saved_precision import is_for_cuda
from engine.operations.tools import Tools
from engine.processes.device_names import devices_here
from engine.realesrgan import NAME as REALESRGAN
from engine.settings import EngineSettings
from engine.trial.trial import VERDICTS, Verdict

logger = logging.getLogger(__name__)

_CPU = torch.device("cpu")


def main() -> None:
    """Say the verdicts as one line of JSON, the last of the output."""
    settings = EngineSettings.model_validate_json(sys.stdin.buffer.read())
    quiet()
    verdicts = [*(_device(name) for name in settings.devices), _attention(settings)]
    for model in sys.argv[1:]:
        verdicts += _model(Catalogue(settings), model, settings)
    tools = Tools(
        _CPU, settings.upscaler, settings.captioner, settings.cutout, settings.writer, settings.depth, settings.pose
    )
    verdicts.append(
        _tried("upscaler", lambda: f"{settings.upscaler or REALESRGAN} enlarges {tools.upscaler.scale} times")
    )
    if settings.captioner is not None:
        verdicts.append(_tried("captioner", lambda: tools.captioner.name if tools.captioner else ""))
    if settings.cutout is not None:
        verdicts.append(_tried("cutout", lambda: tools.segmenter.name if tools.segmenter else ""))
    if settings.writer is not None:
        verdicts.append(_tried("writer", lambda: tools.writer.name if tools.writer else ""))
    if settings.depth is not None:
        verdicts.append(_tried("depth", lambda: tools.depth.name if tools.depth else ""))
    if settings.pose is not None:
        verdicts.append(_tried("pose", lambda: tools.pose.name if tools.pose else ""))
    sys.stdout.buffer.write(VERDICTS.dump_json(tuple(verdicts)) + b"\n")


def _device(name: str) -> Verdict:
    here = devices_here(torch.cuda.device_count(), torch.backends.mps.is_available())
    if name == "auto":
        name = here[0]
    kind, _, number = name.partition(":")
    if not any(each == name or (not number and each.partition(":")[0] == kind) for each in here):
        return _refused(f"device {name}", DeviceMissing(name, here))
    try:
        torch.ones(1, device=name).sum().item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        first = str(error).partition("\n")[0]
        return Verdict(f"device {name}", f"{name} is there, but cannot compute: {first}", "mend its driver")
    return Verdict(f"device {name}", "computes")


def _attention(settings: EngineSettings) -> Verdict:
    try:
        device = _first_device(settings)
        kernels = attention_kernels(settings, device, usual_dtype(device))
    except ModelLoadFailed as error:
        return Verdict("attention", error.why, error.remedy)
    except (AssertionError, RuntimeError) as error:
        return Verdict("attention", f"not tried: {str(error).partition(chr(10))[0]}")  # the device's verdict says more
    if not kernels:
        return Verdict("attention", "torch's own")
    kind = "changes pictures" if any(map(is_quantised, kernels)) else "where it is proved equal while models draw"
    return Verdict("attention", f"{', '.join(kernels)}: {kind}")


def _model(catalogue: Catalogue, name: str, settings: EngineSettings) -> list[Verdict]:
    spec = catalogue.spec(name)
    try:
        prove_plan(spec, _first_device(settings), settings)
    except ModelLoadFailed as error:
        return [_refused(f"model {name}", error)]
    except (AssertionError, RuntimeError) as error:
        logger.debug("no plan for %s: %s", settings.devices[0], error)  # its own verdict says what is wrong with it
    if torch.cuda.is_available() and is_for_cuda(spec, settings.models_dir):
        return [Verdict(f"model {name}", "its files are whole; not loaded, for they are read on the GPU")]
    needed, free = 2 * spec.memory_gb * 1e9, psutil.virtual_memory().available
    if needed > free:
        found = f"its files are whole; not loaded, for it needs {needed / 1e9:.0f} GB and {free / 1e9:.0f} are free"
        return [Verdict(f"model {name}", found)]
    flaws: list[Verdict] = []

    def loads() -> str:
        # Half of what a CPU would draw with, for the sake of memory.
        half = replace(spec, precision="bfloat16") if spec.precision in ("auto", "nf4") else spec
        model = load(half, _CPU, settings=settings.model_copy(update={"attention": AUTO}))  # that has its own verdict
        if flaw := model.previewer.flaw:
            flaws.append(Verdict(f"previews of {name}", flaw, "correct taesd in the settings"))
        for type_, why in model.control_flaws.items():
            flaws.append(Verdict(f"control pictures of {name}", f"{type_}: {why}", "correct controls in the settings"))
        for task in ("text_to_image", "image_to_image", "inpaint", "edit"):
            if model.supports(task):
                model.pipeline(task, spec.noise_scheduler)
        return f"{name} ({spec.licence})"

    return [_tried(f"model {name}", loads), *flaws]


def _first_device(settings: EngineSettings) -> torch.device:
    name = settings.devices[0]
    return torch.device(
        devices_here(torch.cuda.device_count(), torch.backends.mps.is_available())[0] if name == "auto" else name
    )


def _tried(name: str, does: Callable[[], str]) -> Verdict:
    try:
        return Verdict(name, does())
    except EngineError as error:
        return _refused(name, error)


def _refused(name: str, error: EngineError) -> Verdict:
    remedy = error.remedy if isinstance(error, ModelLoadFailed) else ""
    return Verdict(name, str(error), remedy or "correct it in the configuration")
