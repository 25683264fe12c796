"""The whole bot as a process, over a real gateway and REST: what a year on a busy server is made of."""

from __future__ import annotations

import asyncio
import random
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.integration.wired import ask, bot, everything_is_well, was_told
from tests.wire.faults import Fault
from tests.wire.server import buttons, pictures
from tests.wire.world import GUILD_ID

pytestmark = [pytest.mark.wire, pytest.mark.timeout(600)]


async def test_from_the_command_to_the_grid_and_its_buttons(tmp_path: Path, model: Path) -> None:
    async with bot(tmp_path, model) as process:
        discord = process.discord
        asked = await ask(discord, "a red apple --steps 150")
        previews = set[bytes]()

        def look() -> dict[str, Any] | None:
            if reply := discord.reply(asked):
                previews.update(discord.world.files[int(a["id"])] for a in pictures(reply))
            return discord.grid(asked)

        grid = await discord.until(look)
        assert len(previews) >= 2, "at least one preview and the grid"
        assert [b.get("label") or b["emoji"]["name"] for b in buttons(grid)][:9] == [
            "U1", "U2", "U3", "U4", "🔄", "V1", "V2", "V3", "V4",
        ]  # fmt: skip
        assert all(a["description"] for a in pictures(grid)), "alt text"
        cell = await discord.press(grid, "U2", user=12)
        # On a busy machine "thinking…" comes first.
        await discord.until(lambda: (shown := discord.reply(cell)) and shown["attachments"], 120)
        varied = await discord.press(grid, "V3", user=12)
        await discord.until(lambda: discord.grid(varied))
        await everything_is_well(process, jobs=2)
        assert discord.limits.refused == [], "no 429 in a normal run"
        assert max(i.acked_after or 9 for i in discord.world.interactions.values()) < 3.0, "Discord's own limit"


async def test_twenty_at_once_all_end_in_a_grid(tmp_path: Path, model: Path) -> None:
    async with bot(tmp_path, model) as process:
        discord = process.discord
        asked = [await ask(discord, f"thing {n} --steps 4", user=20 + n) for n in range(20)]
        for one in asked:
            await discord.until(lambda one=one: discord.grid(one), 120)
        await everything_is_well(process, jobs=20)


async def test_killed_at_random_moments_it_goes_on_where_it_was(tmp_path: Path, model: Path) -> None:
    dice = random.Random(5)
    async with bot(tmp_path, model) as process:
        discord = process.discord
        asked = []
        for round_ in range(4):
            asked += [await ask(discord, f"thing {round_} {n} --steps 12", user=30 + n) for n in range(2)]
            await asyncio.sleep(dice.random() * 3)
            await process.kill()
            await process.start()
        acknowledged = [one for one in asked if one.acked_after is not None]
        for one in acknowledged:
            await discord.until(lambda one=one: discord.grid(one) or was_told(discord, one), 120)
        (jobs,) = process.rows("select count(*) from jobs")[0]
        told = sum(was_told(discord, one) for one in acknowledged)
        assert len(acknowledged) - told <= jobs <= len(asked) - told
        await everything_is_well(process, jobs)


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_ends_it_in_time_and_the_next_start_picks_up(
    tmp_path: Path, model: Path, by: signal.Signals
) -> None:
    async with bot(tmp_path, model, DARKROOM_OPERATION__STOP_TIMEOUT_S="1") as process:
        discord = process.discord
        asked = [await ask(discord, f"thing {n} --steps 60", user=40 + n) for n in range(3)]
        await discord.until(lambda: process.rows("select count(*) from jobs") == [(3,)])
        workers = process.workers()
        assert workers
        assert await process.stop(by) < 20
        assert process.exit_code == 0
        await discord.until(lambda: not any(worker.is_running() for worker in workers), 20)  # no orphans
        await process.start()
        for one in asked:
            await discord.until(lambda one=one: discord.grid(one), 120)
        await everything_is_well(process, jobs=3)


async def test_a_hundred_that_wait_outlive_a_kill_and_a_stop(tmp_path: Path, model: Path) -> None:
    async with bot(tmp_path, model, DARKROOM_OPERATION__STOP_TIMEOUT_S="0") as process:
        discord = process.discord
        asked = [await ask(discord, f"thing {n} --steps 2", user=1000 + n) for n in range(100)]
        await discord.until(lambda: process.rows("select count(*) from jobs") == [(100,)], 120)
        await process.kill()
        await process.start()
        assert await process.stop() < 20
        await process.start()
        for one in asked:
            await discord.until(lambda one=one: discord.grid(one) or was_told(discord, one), 240)
        await everything_is_well(process, jobs=100)
        assert len(discord.world.shown()) == 100, "one reply each"
        assert process.rows("select count(*) from cells") == [(400,)]
        charged = "select used from quota_counters where scope = 'channel' and unit = 'pictures' and span like 'month%'"
        assert process.rows(charged) == [(400,)]


async def test_a_storm_of_errors_resets_and_limits(tmp_path: Path, model: Path) -> None:
    async with bot(tmp_path, model) as process:
        discord = process.discord
        discord.faults.server_error, discord.faults.reset, discord.faults.rate_limited = 0.2, 0.1, 0.1
        asked = [await ask(discord, f"thing {n} --steps 6", user=50 + n) for n in range(6)]
        await asyncio.sleep(12)
        discord.faults.calm()
        assert sum(discord.faults.seen.values()) > 3
        reached = [one for one in asked if one.acked_after is not None]
        for one in reached:
            await discord.until(lambda one=one: discord.grid(one), 120)
        (jobs,) = process.rows("select count(*) from jobs")[0]
        await everything_is_well(process, jobs)


async def test_a_slow_network_loses_nothing(tmp_path: Path, model: Path) -> None:
    async with bot(tmp_path, model) as process:
        discord = process.discord
        discord.faults.late_s = 1.0
        asked = [await ask(discord, f"thing {n} --steps 6", user=70 + n) for n in range(4)]
        for one in asked:
            await discord.until(lambda one=one: discord.grid(one), 120)
        assert all(one.acked_after is not None for one in asked)
        discord.faults.late_s = 0.0
        discord.faults.planned = [Fault("POST .*/callback", 200, late_s=2.5)]
        done_before_it_is_acknowledged = await ask(discord, "a red apple --steps 1", user=79)
        await discord.until(lambda: discord.grid(done_before_it_is_acknowledged), 120)
        await everything_is_well(process, jobs=5)
        assert len(discord.world.shown()) == 5, "one reply each"


async def test_in_a_direct_message_and_as_a_members_own_app(tmp_path: Path, model: Path) -> None:
    async with bot(tmp_path, model) as process:
        discord = process.discord
        for where in ("direct message", "carried"):
            asked = await ask(discord, "a red apple --steps 12", where=where)
            grid = await discord.until(lambda asked=asked: discord.grid(asked), 120)
            assert pictures(grid)
        await everything_is_well(process, jobs=2)


async def test_a_dropped_a_resumed_and_an_invalid_session(tmp_path: Path, model: Path) -> None:
    async with bot(tmp_path, model) as process:
        discord = process.discord
        first = await ask(discord, "one --steps 12")
        await discord.until(lambda: first.acked_after)
        await discord.gateway.drop()
        await asyncio.wait_for(discord.gateway.ready.wait(), 120)
        second = await ask(discord, "two --steps 6")
        await discord.until(lambda: second.acked_after)
        await discord.gateway.ask_to_reconnect()
        await asyncio.sleep(1)
        await asyncio.wait_for(discord.gateway.ready.wait(), 120)
        for may_resume in (True, False, False):
            before = discord.gateway.identified + discord.gateway.resumed
            await discord.gateway.invalidate(may_resume=may_resume)
            await discord.until(lambda before=before: discord.gateway.identified + discord.gateway.resumed > before)
        await discord.gateway.dispatch("GUILD_DELETE", {"id": str(GUILD_ID), "unavailable": True})
        third = await ask(discord, "three --steps 6")
        for one in (first, second, third):
            await discord.until(lambda one=one: discord.grid(one), 120)
        assert discord.gateway.resumed >= 1
        await everything_is_well(process, jobs=3)


async def test_a_token_that_dies_early_does_not_lose_the_picture(tmp_path: Path, model: Path) -> None:
    async with bot(tmp_path, model) as process:
        discord = process.discord
        asked = await ask(discord, "slow --steps 300")
        await discord.until(lambda: (reply := discord.reply(asked)) and pictures(reply))
        discord.world.token_s = 0.0
        await discord.until(lambda: discord.grid(asked), 120)
        await everything_is_well(process, jobs=1)


async def test_a_deleted_reply_cancels_the_job(tmp_path: Path, model: Path) -> None:
    async with bot(tmp_path, model) as process:
        discord = process.discord
        asked = await ask(discord, "unwanted --steps 500")
        await discord.until(lambda: process.rows("select 1 from jobs where state = 'running'"))
        reply = await discord.until(lambda: discord.reply(asked))
        discord.world.deleted.add(int(reply["id"]))
        deleted = {"id": reply["id"], "channel_id": reply["channel_id"], "guild_id": "800000000000000001"}
        await discord.gateway.dispatch("MESSAGE_DELETE", deleted)
        await discord.until(lambda: process.rows("select 1 from jobs where state = 'cancelled'"), 120)
        await everything_is_well(process, jobs=1)
