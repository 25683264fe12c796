"""Components that overflow in float16, whose largest number is 65504. Torch-free."""

from __future__ import annotations

from engine.memory.model_sizes import ComponentSizes

_SAFE_ENCODERS = ("CLIP", "ChineseCLIP", "Bert", "Siglip", "XLMRoberta")
"""How classes of encoders begin that were trained in float16 or stay within its range."""
_WIDE_DENOISERS = ("QwenImage", "ZImage", "Lumina2", "Sana", "HiDream", "Cosmos")
"""How classes of denoisers begin that were trained in bfloat16 and leave float16's range (what their own repositories
and ComfyUI's list of inference dtypes say)."""


def overflows(component: ComponentSizes) -> bool:
    """Must it be computed in float32 where there is no bfloat16?"""
    match component.role:
        case "autoencoder":
            return True  # SDXL's and all of 16 channels do; it is small
        case "encoder":
            return not component.class_name.startswith(_SAFE_ENCODERS)
        case "denoiser":
            return component.class_name.startswith(_WIDE_DENOISERS)
