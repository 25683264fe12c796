"""Where guidance turns round: a guider mixes `uncond + scale * (cond - uncond)`: below 1 it draws the negative prompt.

Stock pipelines guide above 1 only; those with guiders (Modular Diffusers, HunyuanImage) do so at every other scale.
Torch-free.
"""

from __future__ import annotations

from engine.errors import InvalidRequest
from engine.model_spec import ModelSpec


def prove_guidance(spec: ModelSpec, guidance_scale: float, negative_prompt: str) -> None:
    """Raise `InvalidRequest` where the negative prompt would be drawn instead of avoided."""
    if negative_prompt and guidance_scale < 1.0:
        why = f"below 1 {spec.name} draws what shall not be there; take 1 or more, or leave the negative prompt out"
        raise InvalidRequest("guidance_scale", why)
