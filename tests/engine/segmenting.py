"""A tiny segmentation model of a real class, as a host may name one for *Cut out*."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import SegformerConfig, SegformerForSemanticSegmentation, SegformerImageProcessorPil

SIDE = 64


def segmenter(folder: Path, labels: tuple[str, ...] = ("background", "thing", "hair")) -> Path:
    """What `save_pretrained` writes of a SegFormer with random weights, whose answers differ from pixel to pixel."""
    named: dict[str, Any] = {
        "id2label": dict(enumerate(labels)),
        "label2id": {each: i for i, each in enumerate(labels)},
    }
    config = SegformerConfig(
        num_encoder_blocks=2, depths=[1, 1], sr_ratios=[2, 1], hidden_sizes=[8, 16], patch_sizes=[3, 3], strides=[2, 2],
        num_attention_heads=[1, 2], mlp_ratios=[2, 2], decoder_hidden_size=16, **named,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = SegformerForSemanticSegmentation(config)
        for parameter in model.parameters():
            if parameter.ndim > 1:
                torch.nn.init.normal_(parameter, std=0.5)
    model.decode_head.classifier.weight.data *= 0.2
    if len(labels) > 1:  # torn, but never sure of the background
        model.decode_head.classifier.bias.data[0] = -2.0
    model.save_pretrained(folder)
    SegformerImageProcessorPil(size={"height": SIDE, "width": SIDE}).save_pretrained(folder)
    return folder
