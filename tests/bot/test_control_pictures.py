"""A control picture through the whole bot: drawn, shown, varied and made again, by an adapter of the host's."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import T2IAdapter
from PIL import Image, ImageDraw

from bot.settings import Settings
from engine.settings import EngineSettings, ModelSettings
from tests.bot.scripted import png
from tests.bot.whole import last_said, whole


def adapter(folder: Path) -> Path:
    """Random weights in the sizes that the built-in model takes."""
    torch.manual_seed(4)
    T2IAdapter(1, [64, 32, 128], 1, downscale_factor=2).save_pretrained(folder)
    return folder


def circle() -> bytes:
    canvas = Image.new("RGB", (256, 256), "white")
    ImageDraw.Draw(canvas).ellipse((60, 60, 200, 200), fill="navy")
    buffer = io.BytesIO()
    canvas.save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.timeout(600)
async def test_a_control_picture_from_the_command_to_its_variations(tmp_path: Path) -> None:
    named = ModelSettings(source="pocket", controls={"edges": str(adapter(tmp_path / "edges"))})
    engine = EngineSettings(
        devices=("cpu",), threads=1, load_timeout_s=300.0, default_model="house", models={"house": named}
    )
    async with whole(Settings(data_dir=tmp_path / "data", engine=engine)) as bot:
        given = {"prompt": "a red apple --steps 2 --seed 5", "control": ("c.png", circle())}
        job, message = await bot.finished(await bot.ada.slash(bot.channel, "imagine", **given))
        *pictures, seen = message.attachments
        assert seen.filename == f"darkroom-{job.id}-control.png" and pictures
        lines = np.asarray(Image.open(io.BytesIO(await seen.read())).convert("L"))
        assert lines.shape == (64, 64) and lines.max() == 255 and not lines[28:36, 28:36].any()

        again, other = await bot.finished(await bot.bo.click(message, custom_id=f"dr:r:{job.id}:0"))
        assert again.spec.control == job.spec.control and other.attachments[-1].filename.endswith("-control.png")
        post = last_said(await bot.ada.click(message, custom_id=f"dr:u:{job.id}:1"))
        varied, _ = await bot.finished(await bot.ada.click(post, label="Vary (strong)"))
        assert varied.spec.control == job.spec.control

        blank = {**given, "control": ("blank.png", png("white"))}
        refused = last_said(await bot.ada.slash(bot.channel, "imagine", **blank, control_type="pose"))
        assert refused.ephemeral and "does not follow pose; choose edges" in refused.content


async def test_the_built_in_model_follows_edges_with_nothing_set_up(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data", engine=EngineSettings(devices=("cpu",), load_timeout_s=300.0))
    async with whole(settings) as bot:
        shown = await bot.ada.slash(
            bot.channel, "imagine", prompt="red apple, flat --seed 3", control=("c.png", circle())
        )
        job, message = await bot.finished(shown)
        assert message.attachments[-1].filename == f"darkroom-{job.id}-control.png"
        for cell in range(4):
            drawn = Image.open(io.BytesIO(await bot.picture(job, cell))).convert("RGB").resize((64, 64))
            far = np.abs(np.asarray(drawn, dtype=int) - 255).max(axis=2) > 32
            wanted = np.asarray(Image.open(io.BytesIO(circle())).convert("L").resize((64, 64))) < 128
            assert (far & wanted).sum() / (far | wanted).sum() > 0.7
