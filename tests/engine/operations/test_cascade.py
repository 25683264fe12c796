"""DeepFloyd IF: what the first stage draws small, the second draws larger, as stock diffusers does it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import DDPMScheduler, IFPipeline, IFSuperResolutionPipeline

from engine.loading.load import load
from engine.model_spec import Source
from tests.engine.families import parts, unets
from tests.engine.local_worker import LocalWorker, ask


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The second stage, without a text encoder of its own."""
    small = unets.deepfloyd().unet.config
    wide = {**small, "in_channels": 6, "sample_size": 32, "class_embed_type": "timestep"}
    second = IFSuperResolutionPipeline(
        tokenizer=None,
        text_encoder=None,
        unet=parts.redraw(type(unets.deepfloyd().unet).from_config(wide), 5),
        scheduler=DDPMScheduler(variance_type="learned_range"),
        image_noising_scheduler=DDPMScheduler(),
        safety_checker=None,
        feature_extractor=None,
        watermarker=None,
        requires_safety_checker=False,
    )
    second.save_pretrained(tmp_path, safe_serialization=True)
    return tmp_path


def test_both_stages_draw_what_stock_pipelines_draw(family_folder, folder):
    first_folder = family_folder("deepfloyd-if")
    worker = LocalWorker(first_folder)
    second = Source("folder", str(folder), shared=("text_encoder", "tokenizer"))
    spec = replace(worker.model.spec, stages=(second,), enlarge=2, width=32, height=32)
    worker.model = load(spec, "cpu", settings=worker.settings)
    (stage,) = worker.model.stages
    assert stage.parkable["text_encoder"] is worker.model.parkable["text_encoder"]

    asked = {"num_inference_steps": 3, "guidance_scale": 4.0}
    drawn = worker.draw(ask(prompt="a red apple", seed=3, num_images=2, width=32, height=32, **asked))
    one, two = IFPipeline.from_pretrained(first_folder), IFSuperResolutionPipeline.from_pretrained(folder)
    two.register_modules(text_encoder=one.text_encoder, tokenizer=one.tokenizer)
    for cell, ours in enumerate(drawn):
        small = one("a red apple", generator=torch.Generator().manual_seed(3 + cell), output_type="np", **asked).images
        large = two(
            "a red apple",
            image=small * 2 - 1,
            height=32,
            width=32,
            generator=torch.Generator().manual_seed(3 + cell),
            output_type="np",
            **asked,
        ).images
        assert ours.shape == (32, 32, 3)
        assert np.abs(ours.astype(int) - (large[0] * 255).round().astype(int)).max() <= 1
