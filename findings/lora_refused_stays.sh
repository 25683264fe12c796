#!/usr/bin/env bash
# diffusers' `load_lora_weights` raises, and half of the refused LoRA stays active: the same call with the same weights
# answers differently afterwards, and neither `unload_lora_weights` was called nor any adapter accepted.
#
# A file whose UNet part fits and whose text-encoder part does not (other shapes) is refused with an error, as it should
# be. The UNet part was injected before that; nothing takes it out. A pipeline that is shared goes on drawing with it.
# Exits 0 while that is so, 1 when the refused LoRA leaves nothing behind.
set -euo pipefail

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check \
    diffusers==0.42.1 peft==0.21.2 transformers==5.23.0 accelerate torch==2.13.0

HF_HUB_OFFLINE=1 HF_HUB_DISABLE_PROGRESS_BARS=1 "$place/venv/bin/python" -W ignore - <<'PYTHON'
import logging
import sys

import diffusers
import peft
import torch
import transformers
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

diffusers.utils.logging.set_verbosity_error()
transformers.utils.logging.set_verbosity_error()
logging.disable(logging.WARNING)
print("diffusers", diffusers.__version__, "peft", peft.__version__, "transformers", transformers.__version__)
torch.manual_seed(0)
unet = UNet2DConditionModel(
    block_out_channels=(8, 16),
    layers_per_block=1,
    sample_size=8,
    down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
    up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
    norm_num_groups=4,
    cross_attention_dim=16,
    attention_head_dim=2,
).eval()
text = CLIPTextModel(
    CLIPTextConfig(hidden_size=16, intermediate_size=32, num_attention_heads=2, num_hidden_layers=2, vocab_size=64)
).eval()
pipeline = StableDiffusionPipeline(
    vae=AutoencoderKL(block_out_channels=(8,), norm_num_groups=4),
    text_encoder=text,
    tokenizer=None,
    unet=unet,
    scheduler=DDIMScheduler(clip_sample=False),
    safety_checker=None,
    feature_extractor=None,
    requires_safety_checker=False,
)


def ask() -> torch.Tensor:
    source = torch.Generator().manual_seed(1)
    sample, words = torch.randn(1, 4, 8, 8, generator=source), torch.randn(1, 5, 16, generator=source)
    with torch.no_grad():
        return unet(sample, 10, words).sample


lora = {}
for name, layer in unet.named_modules():
    if name.endswith((".to_q", ".to_v")):
        lora[f"unet.{name}.lora_A.weight"] = torch.randn(4, layer.in_features)
        lora[f"unet.{name}.lora_B.weight"] = torch.randn(layer.out_features, 4)
place = "text_encoder.text_model.encoder.layers.0.self_attn.q_proj"
lora |= {f"{place}.lora_A.weight": torch.randn(4, 24), f"{place}.lora_B.weight": torch.randn(24, 4)}

before = ask()
try:
    pipeline.load_lora_weights(lora, adapter_name="refused")
except Exception as error:
    print("load_lora_weights:", type(error).__name__, str(error).splitlines()[0][:100])
else:
    sys.exit("the LoRA was not refused at all")
after = ask()
wrapped = sum(isinstance(layer, peft.tuners.lora.LoraLayer) for layer in unet.modules())
print("LoRA layers left in the UNet:", wrapped)
print("active adapters:", getattr(unet, "active_adapters", list)() if wrapped else [])
print(f"the same call before and after differs by up to {(before - after).abs().max():.3f}")
sys.exit(int(torch.equal(before, after)))
PYTHON
