"""Two bots over one database: killed and stopped at random moments, they deliver every job once, and books balance."""

from __future__ import annotations

import asyncio
import os
import random
from pathlib import Path

import pytest

from tests.integration.crew import Crew, crew
from tests.integration.wired import was_told
from tests.wire.server import brief, is_grid
from tests.wire.world import Interaction

KILLS = int(os.environ.get("DARKROOM_TEST_CREW_KILLS", "3"))
SEED = int(os.environ.get("DARKROOM_TEST_SEED", "12"))
EACH_ROUND = 6
PAUSES_S = (0.1, 1.0, 4.0)
"""While it is acknowledged; while it is accepted; while it is drawn and shown."""

pytestmark = [pytest.mark.wire, pytest.mark.postgres, pytest.mark.timeout(400 + 90 * KILLS)]


async def test_killed_at_random_two_bots_deliver_each_job_once(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dice, asked, user = random.Random(SEED), list[Interaction](), 1000
    async with crew(tmp_path, model) as those:
        discord = those.discord
        for _ in range(KILLS):
            await those.until_each_shard_has_one()
            for _ in range(EACH_ROUND):
                user += 1
                where = dice.choice(("server", "other server"))
                asked.append(await discord.command("imagine", user, where=where, prompt=f"a fox {user} --steps 2"))
                await asyncio.sleep(dice.choice((0.0, 0.02, 0.2)))
            await asyncio.sleep(dice.choice(PAUSES_S) * dice.random())
            ended = dice.choice(those.bots)
            await (ended.kill() if dice.random() < 0.75 else ended.stop())
            if dice.random() < 0.5:
                await those.until_each_shard_has_one()  # the other one has taken over
            discord.gateway.ready.clear()
            await ended.start()
        acknowledged = [one for one in asked if one.acked_after is not None]
        for one in acknowledged:
            await discord.until(lambda one=one: discord.grid(one) or was_told(discord, one), 100)
        await those.until_none("select 1 from outbox")
        await those.until_none("select 1 from pending_answers")
        wrong = await judged(those, acknowledged)
        changes = await those.rows("select sum(epoch) from shards")
        assert not any(wrong.values()), (wrong, those.said())
        assert discord.world.thinking() == [], [brief(message) for message in discord.world.shown()]
        assert discord.world.violations == []
    with capsys.disabled():
        print(
            f"\n{KILLS} ends, {len(asked)} asked, {len(acknowledged)} acknowledged, shards dealt {changes[0][0]} times"
        )


async def judged(those: Crew, acknowledged: list[Interaction]) -> dict[str, list[str]]:
    """What became of the wishes, by what must not have."""
    discord = those.discord
    jobs = await those.rows(
        "select interaction_id, count(*), sum(case when state = 'delivered' then 1 else 0 end) from jobs group by 1"
    )
    delivered = {interaction_id: (total, well) for interaction_id, total, well in jobs}
    shown = [message for message in discord.world.shown() if is_grid(message)]
    charged = await those.rows(
        "select j.id, r.state, r.pictures, j.count from jobs j left join reservations r on r.job_id = j.id"
        " where j.state = 'delivered' and (r.state is distinct from 'settled' or r.pictures <> j.count)"
    )
    used = await those.rows(
        "select (select coalesce(sum(count), 0) from jobs where state = 'delivered'), (select coalesce(sum(used), 0)"
        " from quota_counters where scope = 'channel' and unit = 'pictures' and span like 'month%')"
    )
    kept = await those.rows("select key from cells")
    pictures = those.bots[0].data.parent / "pictures"
    return {
        "lost": [str(one.id) for one in acknowledged if was_told(discord, one)],
        "not delivered once": [str(one.id) for one in acknowledged if delivered.get(one.id) != (1, 1)],
        "doubled": [str(key) for key, (total, _) in delivered.items() if total != 1],
        "shown twice": ["grid"] * (len(shown) - sum(well for _, well in delivered.values())),
        "charged wrongly": [str(row) for row in charged],
        "counted wrongly": [str(row) for row in used if row[0] != row[1]],
        "file missing": [key for (key,) in kept if not (pictures / key).is_file()],
    }
