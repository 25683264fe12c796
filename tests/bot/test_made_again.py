"""A picture made again by default, through the whole bot with the embedded model and somebody else beside."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.domain.model import JobState
from bot.settings import Settings
from bot.ui.content.recipe_card import SAME
from engine.settings import EngineSettings
from tests.bot.whole import last_said, whole


@pytest.mark.timeout(600)
async def test_what_was_drawn_alone_is_drawn_so_again_in_any_company(tmp_path: Path) -> None:
    engine = EngineSettings(devices=("cpu",), threads=1, load_timeout_s=300.0)
    async with whole(Settings(data_dir=tmp_path, engine=engine)) as bot:
        asked = await bot.ada.slash(bot.channel, "imagine", prompt="a red apple --seed 7 --steps 4")
        first, message = await bot.finished(asked)
        card = await bot.ada.click(message, custom_id=f"dr:i:{first.id}:0")
        answer = last_said(card)
        assert answer is not None and answer.embeds[0].footer.text == SAME

        beside = await bot.bo.slash(bot.channel, "imagine", prompt="a fox --steps 300")
        again, _ = await bot.finished(await bot.ada.click(answer, label="Make it again"))
        company, _ = await bot.app.client.services.jobs.at_message(beside.response.id)
        assert company.state is JobState.RUNNING, "it was there all the time"

        for cell in range(4):
            assert await bot.picture(first, cell) == await bot.picture(again, cell)
