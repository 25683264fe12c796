"""Results to swipe through, over a real gateway and REST that know the rules of Components V2."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.integration.bot_process import BotProcess
from tests.integration.wired import ask, bot, everything_is_well
from tests.wire.components import is_v2
from tests.wire.faults import Fault
from tests.wire.server import buttons, pictures, text

pytestmark = [pytest.mark.wire, pytest.mark.timeout(600)]
ALBUMS = {"DARKROOM_DISCORD__RESULTS": "album"}


async def album(process: BotProcess, asked: Any) -> dict[str, Any]:
    shown = await process.discord.until(lambda: process.discord.grid(asked), 120)
    assert is_v2(shown) and not shown["content"] and not shown["attachments"], "nothing stands beside the components"
    return shown


def kept(process: BotProcess) -> set[bytes]:
    """The pictures in the store."""
    return {file.read_bytes() for file in (process.data / "pictures").rglob("*.png")}


async def test_from_the_command_to_the_album_and_its_buttons(tmp_path: Path, model: Path) -> None:
    async with bot(tmp_path, model, **ALBUMS) as process:
        discord = process.discord
        asked = await ask(discord, "a red apple --steps 150")
        preview = await discord.until(lambda: (r := discord.reply(asked)) and pictures(r) and dict(r))
        assert not is_v2(preview) and len(pictures(preview)) == 1, "previews stay one small picture"
        shown = await album(process, asked)
        assert "a red apple" in text(shown)
        files = [discord.world.files[int(one["attachment_id"])] for one in pictures(shown)]
        assert len(files) == len(set(files)) == 4 and set(files) <= kept(process), "four full pictures"
        said = [one["description"] for one in pictures(shown)]
        assert [alt[:9] for alt in said] == [f"Picture {n}" for n in range(1, 5)], "alt text each"
        assert [b.get("label") for b in buttons(shown)][:4] == ["U1", "U2", "U3", "U4"]
        cell = await discord.press(shown, "U2", user=12)
        await discord.until(lambda: (r := discord.reply(cell)) and pictures(r), 120)
        varied = await discord.press(shown, "V3", user=12)
        await album(process, varied)
        listed = await discord.menu("Darkroom: upscale", shown, user=11)
        await discord.until(lambda: (r := discord.reply(listed)) and "this is a grid" in text(r))
        await everything_is_well(process, jobs=2)


async def test_hidden_and_shown_again_an_album_stays_one(tmp_path: Path, model: Path) -> None:
    async with bot(tmp_path, model, **ALBUMS) as process:
        discord = process.discord
        asked = await ask(discord)
        shown = await album(process, asked)
        ((job_id,),) = process.rows("select id from jobs")
        await discord.command("mod quarantine add", user=12, moderator=True, job=job_id)
        await discord.until(lambda: not pictures(shown))
        assert is_v2(shown) and "🙈" in text(shown) and not buttons(shown)
        await discord.command("mod quarantine lift", user=12, moderator=True, job=job_id)
        await discord.until(lambda: len(pictures(shown)) == 4)
        assert [b.get("label") for b in buttons(shown)][:4] == ["U1", "U2", "U3", "U4"]
        await discord.until(lambda: not discord.world.thinking())
        await everything_is_well(process, jobs=1)


async def test_killed_while_it_is_delivered_there_is_one_album(tmp_path: Path, model: Path) -> None:
    async with bot(tmp_path, model, **ALBUMS) as process:
        discord = process.discord
        discord.faults.planned = [Fault("PATCH .*", 0, took_effect=True, times=999)]
        asked = await ask(discord, "a red apple --steps 4")
        await discord.until(lambda: discord.grid(asked), 120)  # it arrived, and nobody heard so
        await process.kill()
        discord.faults.calm()
        await process.start()
        await discord.until(lambda: process.rows("select 1 from jobs where state = 'delivered'"), 120)
        shown = await album(process, asked)
        assert len(pictures(shown)) == 4
        assert len(discord.world.shown()) == 1, "one reply"
        await everything_is_well(process, jobs=1)


async def test_when_the_token_has_died_the_bot_makes_the_album(tmp_path: Path, model: Path) -> None:
    async with bot(tmp_path, model, **ALBUMS) as process:
        discord = process.discord
        asked = await ask(discord, "slow --steps 300")
        await discord.until(lambda: (r := discord.reply(asked)) and pictures(r))
        discord.world.token_s = 0.0
        assert len(pictures(await album(process, asked))) == 4
        await everything_is_well(process, jobs=1)


async def test_members_and_moderators_choose_the_form(tmp_path: Path, model: Path) -> None:
    async with bot(tmp_path, model, **ALBUMS) as process:
        discord = process.discord
        set_here = await discord.command("mod results", user=12, moderator=True, form="grid")
        await discord.until(lambda: (r := discord.reply(set_here)) and "as one picture" in text(r))
        asked = await ask(discord, user=21)
        shown = await discord.until(lambda: discord.grid(asked), 120)
        assert not is_v2(shown) and len(pictures(shown)) == 1
        mine = await discord.command("settings", user=22, results="album")
        await discord.until(lambda: (r := discord.reply(mine)) and "to swipe through" in text(r))
        await album(process, await ask(discord, user=22))
        await everything_is_well(process, jobs=2)
