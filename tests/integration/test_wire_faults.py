"""The whole bot as a process: what Discord may answer, send or take away in the middle of a job's life."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
import signal
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from bot.ui.content.error_texts import GENERIC
from tests.integration.bot_process import BotProcess
from tests.integration.wired import ask, bot, everything_is_well
from tests.wire.faults import Fault
from tests.wire.server import is_grid, pictures, running
from tests.wire.world import GUILD_ID, TOKEN

pytestmark = [pytest.mark.wire, pytest.mark.timeout(600)]

LONG = {"retry_after": 40.0, "global": False}
JSON = {"Content-Type": "application/json"}
LOST: tuple[dict[str, Any], ...] = (
    {"took_effect": False},
    {"took_effect": True},
    {"took_effect": True, "status": 200, "text": '{"id": "12', "headers": JSON},
    {"took_effect": True, "status": 200, "text": "<html>hello</html>"},
)
"""Ways in which an answer of Discord gets lost."""


@pytest.mark.parametrize("status", [503, 0])
async def test_a_follow_up_that_arrived_unheard_comes_once(tmp_path: Path, model: Path, status: int) -> None:
    async with bot(tmp_path, model) as process:
        discord = process.discord
        lost = Fault("POST .*/webhooks/[^/]+/[^/]+", status, took_effect=True)
        discord.faults.planned = [lost]
        asked = await ask(discord, "a red apple --steps 8 --repeat 2")
        offer = await discord.until(lambda: discord.reply(asked))
        await discord.press(offer, "Start all")
        done = "select count(*) from jobs where state = 'delivered'"
        await discord.until(lambda: process.rows(done) == [(2,)])
        await everything_is_well(process, 2)
        assert lost.times == 0
        assert len([message for message in discord.world.shown() if pictures(message)]) == 2
        assert len(discord.world.shown()) == 3, "the offer and two results"


async def test_it_comes_up_however_discord_begins(tmp_path: Path, model: Path) -> None:
    async with running() as discord:
        discord.faults.planned = [
            Fault("GET .*/users/@me", 503),
            Fault("GET .*/applications/@me", 0),
            Fault("PUT .*/commands", 429, more=LONG),
            Fault("GET .*/gateway/bot", 503),
            Fault("GET .*/gateway/bot", 429, more=LONG),
        ]
        process = BotProcess(discord, tmp_path / "data", model)
        try:
            await process.start()
            assert sum(one.times for one in discord.faults.planned) == 0
        finally:
            await process.stop()


async def test_it_can_be_stopped_while_discord_does_not_answer(tmp_path: Path, model: Path) -> None:
    async with running() as discord:
        discord.faults.planned = [Fault("GET .*/users/@me", 503, times=10**6)]
        process = BotProcess(discord, tmp_path / "data", model)
        coming_up = asyncio.create_task(process.start())
        await discord.until(lambda: len(discord.faults.heard) > 1)
        assert await process.stop() < 20
        await asyncio.gather(coming_up, return_exceptions=True)
        assert process.exit_code == 0
        assert "Discord cannot be reached (503" in process.said()
        assert "Traceback" not in process.said()


async def test_a_token_that_is_reset_ends_it_with_one_line(tmp_path: Path, model: Path) -> None:
    async with bot(tmp_path, model) as process:
        while process.exit_code is None:  # as Discord does, at every connection
            await process.discord.gateway.drop(4004)
            await asyncio.sleep(0.1)
        assert process.exit_code == 78
        assert process.said().rstrip().splitlines()[-1].startswith("darkroom: DISCORD_TOKEN")


async def test_events_that_nobody_can_read_end_nothing(tmp_path: Path, model: Path) -> None:
    async with bot(tmp_path, model) as process:
        discord = process.discord
        for kind in ("INTERACTION_CREATE", "MESSAGE_DELETE", "GUILD_CREATE", "MESSAGE_REACTION_ADD", "OF_TOMORROW"):
            await discord.gateway.dispatch(kind, {})
        await discord.gateway.dispatch("INTERACTION_CREATE", {"id": "1", "type": 99, "token": "x", "version": 1})
        asked = await ask(discord)
        await discord.until(lambda: discord.grid(asked))
        assert (discord.gateway.identified, discord.gateway.resumed) == (1, 0)
        await everything_is_well(process, jobs=1)


async def test_an_interaction_that_comes_twice_is_done_once(tmp_path: Path, model: Path) -> None:
    async with bot(tmp_path, model) as process:
        discord = process.discord
        asked = await ask(discord)
        await discord.gateway.dispatch("INTERACTION_CREATE", asked.payload)
        grid = await discord.until(lambda: discord.grid(asked))
        pressed = await discord.press(grid, "U1")
        await discord.gateway.dispatch("INTERACTION_CREATE", pressed.payload)
        await discord.until(lambda: (reply := discord.reply(pressed)) and pictures(reply))
        await asyncio.sleep(1)
        assert len(discord.world.shown()) == 2
        await everything_is_well(process, jobs=1)


async def test_a_dropped_connection_leaves_nobody_thinking(tmp_path: Path, model: Path) -> None:
    async with bot(tmp_path, model) as process:
        discord = process.discord
        for where, how in itertools.product(("POST .*/callback", "PATCH .*/@original"), LOST):
            for name in ("queue", "info me", "cancel"):
                discord.faults.planned = [Fault(where, **how)]
                asked = await discord.command(name)
                await discord.until(
                    lambda asked=asked: (r := discord.reply(asked)) and r["content"] and not r["flags"] & 128
                )
            discord.faults.planned = [Fault(where, **how)]
            form = await discord.command("draw")
            await discord.until(lambda form=form: form.modal)
            discord.faults.planned = [Fault(where, **how)]
            wish = await ask(discord)
            await discord.until(lambda wish=wish: discord.grid(wish))
        await everything_is_well(process, jobs=2 * len(LOST))
        assert not [message for message in discord.world.shown() if GENERIC in message["content"]]
        assert "Traceback" not in process.log.read_text()


async def test_a_result_that_discord_refuses_is_not_left_as_it_was(tmp_path: Path, model: Path) -> None:
    async with bot(tmp_path, model) as process:
        discord = process.discord
        asked = await ask(discord, "a red apple --steps 60")
        await discord.until(lambda: (reply := discord.reply(asked)) and pictures(reply))
        discord.faults.planned = [Fault("PATCH .*", 400, 50035)]
        await discord.until(lambda: process.rows("select 1 from jobs where state in ('delivered', 'failed')"), 120)
        await discord.until(lambda: not process.rows("select 1 from outbox"))
        reply = discord.reply(asked)
        assert reply is not None and ("✖️" in reply["content"] or discord.grid(asked))


async def test_what_a_proxy_answers_costs_no_picture(tmp_path: Path, model: Path) -> None:
    answers = ((403, "<html>blocked</html>"), (404, "<html>no</html>"), (429, "<html>slow</html>"), (429, ""))
    through = {"Via": "1.1 proxy"}
    async with bot(tmp_path, model) as process:
        discord = process.discord
        asked = [await ask(discord, "a red apple --steps 8", user=200 + n) for n in range(len(answers))]
        await discord.until(lambda: all(discord.reply(one) for one in asked))
        discord.faults.planned = [
            Fault(f"PATCH .*/{re.escape(one.token)}/.*", status, text=text, headers=through, times=3)
            for one, (status, text) in zip(asked, answers, strict=True)
        ]
        await discord.until(lambda: all(discord.grid(one) for one in asked), 200)
        await everything_is_well(process, jobs=len(asked))
        assert "Traceback" not in process.log.read_text()


async def test_a_database_that_is_locked_for_ten_seconds_loses_nothing(tmp_path: Path, model: Path) -> None:
    async with bot(tmp_path, model) as process:
        discord = process.discord
        asked = [await ask(discord, "a red apple --steps 40")]
        await discord.until(lambda: (reply := discord.reply(asked[0])) and pictures(reply))
        with contextlib.closing(sqlite3.connect(process.data / "darkroom.sqlite3", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            await asyncio.sleep(1)
            asked += [await ask(discord, f"a red apple {n}", user=210 + n) for n in range(4)]
            await asyncio.sleep(9)
        for one in asked:
            await discord.until(lambda one=one: discord.grid(one), 120)
        assert all(one.acked_after < 2.5 for one in asked if one.acked_after)
        await everything_is_well(process, jobs=5)
        assert len(discord.world.shown()) == 5


async def test_the_bot_is_thrown_out_and_its_channel_deleted(tmp_path: Path, model: Path) -> None:
    async with bot(tmp_path, model) as process:
        discord = process.discord
        asked = await ask(discord, "a red apple --steps 300")
        await discord.until(lambda: (reply := discord.reply(asked)) and pictures(reply))
        await discord.gateway.dispatch("CHANNEL_DELETE", discord.world.channel())
        await discord.gateway.dispatch("GUILD_DELETE", {"id": str(GUILD_ID)})
        discord.faults.planned = [Fault(".*/(webhooks|channels)/.*", 404, 10003, times=10**6)]
        await discord.until(lambda: process.rows("select 1 from jobs where state = 'cancelled'"), 120)
        await discord.until(lambda: not process.rows("select 1 from outbox"))
        heard = len(discord.faults.heard)
        await asyncio.sleep(3)
        assert len(discord.faults.heard) == heard, "nothing more is tried"


async def test_a_worker_that_is_killed_or_frozen_costs_no_job(tmp_path: Path, model: Path) -> None:
    async with bot(tmp_path, model, DARKROOM_ENGINE__STALL_TIMEOUT_S="4") as process:
        discord = process.discord
        for number in (signal.SIGKILL, signal.SIGSTOP):
            asked = await ask(discord, "a red apple --steps 200")
            await discord.until(lambda asked=asked: (reply := discord.reply(asked)) and pictures(reply))
            process.workers()[-1].send_signal(number)
            await discord.until(lambda asked=asked: discord.grid(asked), 200)
        await everything_is_well(process, jobs=2)


async def test_no_secret_reaches_the_log(tmp_path: Path, model: Path) -> None:
    async with bot(tmp_path, model, DARKROOM_OPERATION__LOG_LEVEL="debug") as process:
        discord = process.discord
        discord.faults.planned = [
            Fault("POST .*/callback", 0),
            Fault("PATCH .*", 429, more={"retry_after": 0.2, "global": False}),
            Fault("PATCH .*", 500),
            Fault("PATCH .*", 400, 50035),
        ]
        asked = [await ask(discord, f"a secret wish {n}") for n in range(3)]

        def ended() -> int:
            """Also those whose last edit was the one that is refused: they are posted anew."""
            return sum("✖️" in message["content"] or is_grid(message) for message in discord.world.shown())

        await discord.until(lambda: ended() == len(asked))
        await discord.gateway.dispatch("INTERACTION_CREATE", {**asked[0].payload, "id": "5", "data": None})
        await asyncio.sleep(0.5)
        said = process.log.read_text(errors="replace")
        assert TOKEN not in said
        assert not [one for one in discord.world.interactions.values() if one.token in said]
        assert "a secret wish" not in said


async def test_a_crowd_is_acknowledged_in_time(tmp_path: Path, model: Path) -> None:
    async with bot(tmp_path, model) as process:
        discord = process.discord
        asked = [await ask(discord, f"thing {n} --steps 2", user=100 + n) for n in range(60)]
        for one in asked:
            await discord.until(lambda one=one: discord.grid(one), 200)
        assert max(one.acked_after or 9 for one in asked) < 2.5
        await everything_is_well(process, jobs=60)
        assert discord.faults.refused() == []


async def test_a_stop_while_the_gateway_says_nothing_ends_it(tmp_path: Path, model: Path) -> None:
    async with bot(tmp_path, model) as process:
        discord = process.discord
        discord.gateway.is_silent = True
        await discord.gateway.drop()
        await discord.until(lambda: discord.gateway.unheard)  # it connects anew
        assert await process.stop() < 20
        assert process.exit_code == 0
