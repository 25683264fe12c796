"""LoRA files for the tiny models, as diffusers writes them."""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import StableDiffusionPipeline
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict


def save_lora(folder: Path, name: str, seed: int, alpha: float, *, text: bool = False) -> Path:
    """A LoRA file for the tiny model, as diffusers writes it."""
    pipeline = StableDiffusionPipeline.from_pretrained(folder)
    generator = torch.Generator().manual_seed(seed)
    states, told = {}, {}
    targets = [("unet", pipeline.unet, ["to_q", "to_v", "conv1"])]
    targets += [("text_encoder", pipeline.text_encoder, ["q_proj"])] if text else []
    for part, module, names in targets:
        config = LoraConfig(r=2, lora_alpha=alpha, target_modules=names, init_lora_weights=False)
        module.add_adapter(config)
        for key, parameter in module.named_parameters():
            if "lora_" in key:
                parameter.data = torch.randn(parameter.shape, generator=generator) * 0.3
        states[part] = get_peft_model_state_dict(module)
        told[part] = {"r": 2, "lora_alpha": alpha, "target_modules": names}
    StableDiffusionPipeline.save_lora_weights(
        folder.parent / "loras",
        unet_lora_layers=states["unet"],
        text_encoder_lora_layers=states.get("text_encoder"),
        weight_name=f"{name}.safetensors",
        unet_lora_adapter_metadata=told["unet"],
        text_encoder_lora_adapter_metadata=told.get("text_encoder"),
    )
    return folder.parent / "loras" / f"{name}.safetensors"
