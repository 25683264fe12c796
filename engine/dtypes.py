"""In which number format a model computes on a device."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (torch and diffusers have gaps in their types)

from __future__ import annotations

import copy
import json
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter

from engine.model_spec import ModelSpec
from engine.settings import EngineSettings

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
_WORTH_IT = 0.8
"""bfloat16 is chosen when a step takes at most this share of float32's time."""

Read = Callable[[torch.dtype], Any]


def choose_dtype(
    spec: ModelSpec, device: torch.device, settings: EngineSettings, identity: str, read: Read
) -> torch.dtype:
    """What the host's settings say, else bfloat16 where the GPU computes it natively, else float32.

    A model that allows it (`spec.timing`) is timed on a CPU; the choice is kept in `models_dir`, because pictures
    depend on it.
    """
    if spec.dtype != "auto":
        return _DTYPES[spec.dtype]
    if device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.bfloat16
    if device.type != "cpu" or not spec.timing:
        return torch.float32
    kept = settings.models_dir / "dtypes.json"
    key = "/".join((identity, platform.processor() or platform.machine(), torch.__version__))
    known = _read(kept)
    if key not in known:
        known[key] = "bfloat16" if is_bfloat16_faster(read, spec) else "float32"
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(known, indent=1, sort_keys=True), "utf-8")
    return _DTYPES[known[key]]


def _read(path: Path) -> dict[str, str]:
    return TypeAdapter(dict[str, str]).validate_json(path.read_bytes()) if path.is_file() else {}


def is_bfloat16_faster(read: Read, spec: ModelSpec) -> bool:
    """Time one step of four pictures in each format."""
    seconds = [_step_seconds(read(dtype), spec) for dtype in (torch.float32, torch.bfloat16)]
    return seconds[1] <= _WORTH_IT * seconds[0]


@torch.inference_mode()
def _step_seconds(pipeline: Any, spec: ModelSpec) -> float:
    pipeline.set_progress_bar_config(disable=True)
    noise_scheduler = pipeline.scheduler
    times: list[float] = []
    for _ in range(3):
        pipeline.scheduler = copy.deepcopy(noise_scheduler)
        # This thread's own work, so that a busy machine does not decide.
        begin = time.thread_time()
        pipeline(
            "warm up",
            num_inference_steps=1,
            num_images_per_prompt=4,
            width=spec.width // spec.enlarge,
            height=spec.height // spec.enlarge,
            output_type="latent",
        )
        times.append(time.thread_time() - begin)
    return min(times)
