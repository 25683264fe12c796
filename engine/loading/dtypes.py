"""In which number format a model computes on a device."""

from __future__ import annotations

import torch

from engine.model_spec import ModelSpec

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def choose_dtype(spec: ModelSpec, device: torch.device) -> torch.dtype:
    """What the model's settings say, else bfloat16 where the GPU computes it natively, else float32."""
    if spec.dtype != "auto":
        return _DTYPES[spec.dtype]
    is_native = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.bfloat16 if is_native else torch.float32
