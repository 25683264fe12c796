"""*Cut out*, then *Use as emoji / sticker*, through the whole bot, by a tiny segmentation model."""

from __future__ import annotations

import io
from pathlib import Path

import discord
import numpy as np
import pytest
from PIL import Image

from bot.domain.model import Verb
from bot.settings import Settings
from engine.settings import EngineSettings
from tests.bot.scripted import png
from tests.bot.whole import last_said, whole
from tests.bot.world import World, labels
from tests.engine.segmenting import segmenter


@pytest.mark.timeout(600)
async def test_a_picture_is_cut_out_and_becomes_a_sticker(tmp_path: Path) -> None:
    folder = segmenter(tmp_path / "segformer")
    engine = EngineSettings(devices=("cpu",), threads=1, load_timeout_s=300.0, cutout=folder)
    async with whole(Settings(data_dir=tmp_path / "data", engine=engine)) as bot:
        first, grid = await bot.finished(await bot.ada.slash(bot.channel, "imagine", prompt="a red apple --steps 4"))
        post = last_said(await bot.ada.click(grid, custom_id=f"dr:u:{first.id}:1"))
        job, message = await bot.finished(await bot.ada.click(post, label="Cut out"))
        made = Image.open(io.BytesIO(await bot.picture(job)))
        assert job.spec.verb is Verb.CUT_OUT and job.parent_id == first.id and made.mode == "RGBA"
        colours, seen = np.asarray(made)[..., :3], np.asarray(made)[..., 3] > 0
        before = np.asarray(Image.open(io.BytesIO(await bot.picture(first, 1))).convert("RGB"))
        assert (colours == before)[seen].all() and seen.any() and np.asarray(made)[..., 3].std() > 1
        [shown] = message.attachments
        assert Image.open(io.BytesIO(await shown.read())).tobytes() == made.tobytes()
        assert "Cut out" not in labels(message)

        upload = ("mine.png", await bot.picture(first, 2))
        own, _ = await bot.finished(await bot.ada.slash(bot.channel, "cutout", picture=upload))
        alpha = Image.open(io.BytesIO(await bot.picture(own))).mode
        assert (own.spec.verb, own.spec.count, alpha) == (Verb.CUT_OUT, 1, "RGBA")

        role = bot.channel.guild.create_role("artists", permissions=discord.Permissions(create_expressions=True))
        cy = bot.channel.guild.add_member(bot.env.create_user("cy"), roles=[role])
        form = await cy.click(message, label="Use as emoji / sticker")
        said = last_said(await cy.submit_modal(form, {"prompt": "apple", "kind": "sticker"}))
        assert "1 of 5 stickers" in said.content

        await bot.ada.slash(bot.channel, "privacy consent", share="me")
        refused = last_said(await bot.bo.slash(bot.channel, "cutout", picture=upload))
        assert refused.ephemeral and "keeps this to themselves" in refused.content


async def test_without_a_model_for_it_an_upload_is_refused_uncharged(tmp_path: Path) -> None:
    async with whole(Settings(data_dir=tmp_path, engine=EngineSettings(devices=("cpu",), threads=1))) as bot:
        refused = last_said(await bot.ada.slash(bot.channel, "cutout", picture=("a.png", png("red"))))
        assert refused.ephemeral and "`cutout`: nothing is set up here that cuts out" in refused.content
        assert await bot.app.services.jobs.recent(bot.ada.id, 10) == []


async def test_without_a_model_for_it_there_is_no_button(world: World) -> None:
    await world.ada.slash(world.channel, "imagine", prompt="a fox")
    await world.job_service.done()
    post = (await world.ada.click(world.messages[-1], label="U1")).response
    assert post is not None and "Edit" in labels(post.message) and "Cut out" not in labels(post.message)
