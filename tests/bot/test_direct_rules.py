"""Outside servers the host's rules hold: in direct messages, and where members carry the bot along to."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.direct_rules import direct_rules
from bot.domain.model import Ask, Job, Member, Place
from bot.domain.moderation.access import QueueState
from bot.domain.moderation.rule_checker import RuleChecker
from bot.domain.quotas.quota import Unit
from bot.domain.quotas.windows import Window
from bot.errors import Banned, ConfigError, Paused, PromptRejected, QuotaExceeded, TooManyJobs
from bot.settings import DirectMessageSettings
from bot.store.database import Database
from bot.store.guilds.guild_rules import GuildRulesStore
from bot.store.guilds.quota_ledger import Quotas
from bot.store.jobs.jobs import JobStore
from tests.bot.store.asks import ask

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DIRECT = Place(channel_id=10)
CARRIED = Place(guild_id=77, channel_id=11, bot_present=False)


class Desk:
    """The stores and the judge under a host's settings."""

    def __init__(self, database: Database, settings: DirectMessageSettings) -> None:
        rules_store = GuildRulesStore(database, direct_rules(settings))
        self.quotas = Quotas(database, rules_store)
        self.jobs = JobStore(database, self.quotas)
        self.rule_checker = RuleChecker(rules_store, self.quotas, lambda: NOW)
        self.asked = 0

    async def accept(self, place: Place, member_id: int = 1) -> Job:
        self.asked += 1
        wish = asked_at(place, member_id, self.asked)
        await self.rule_checker.check(wish)
        return await self.jobs.accept(wish, model="pocket", weight=1.0, estimate_ms=1000.0, now=NOW)


def asked_at(place: Place, member_id: int, number: int) -> Ask:
    wish = ask(member=member_id)
    reply = wish.reply.model_copy(update={"bot_present": place.bot_present})
    return wish.model_copy(update={"place": place, "interaction_id": number, "reply": reply})


@pytest.fixture
async def database(tmp_path: Path):
    opened = await Database.open(tmp_path / "darkroom.sqlite3")
    yield opened
    await opened.close()


async def test_one_limit_counts_wherever_the_bot_is_no_member(database: Database) -> None:
    desk = Desk(database, DirectMessageSettings(limits=("8 pictures a day",)))
    await desk.accept(DIRECT)
    await desk.accept(CARRIED)
    for place in (DIRECT, CARRIED, Place(guild_id=78, channel_id=12, bot_present=False)):
        with pytest.raises(QuotaExceeded):
            await desk.accept(place)
    (use,) = await desk.quotas.uses(Member(id=1, name="ada"), DIRECT, NOW)
    assert (use.used, use.limit) == (8, 8)
    await desk.accept(Place(guild_id=5, channel_id=10))  # a server has rules of its own
    await desk.accept(DIRECT, member_id=2)


async def test_the_cap_on_jobs_at_once_holds_there_too(database: Database) -> None:
    desk = Desk(database, DirectMessageSettings(max_live_jobs=1))
    await desk.accept(Place(guild_id=5, channel_id=10))
    await desk.accept(DIRECT)
    with pytest.raises(TooManyJobs):
        await desk.accept(CARRIED)


@pytest.mark.parametrize(
    ("settings", "refusal"),
    [
        ({"allowed": False}, Paused),
        ({"banned": (1,)}, Banned),
        ({"words": ("fox",)}, PromptRejected),
    ],
)
async def test_the_hosts_other_rules(database: Database, settings: dict[str, object], refusal: type[Exception]) -> None:
    desk = Desk(database, DirectMessageSettings.model_validate(settings))
    for place in (DIRECT, CARRIED):
        with pytest.raises(refusal):
            await desk.accept(place)
    await desk.accept(Place(guild_id=5, channel_id=10))


def test_limits_are_read() -> None:
    rules = direct_rules(DirectMessageSettings(limits=("40 pictures a day", "0.5 GPU-seconds each hour")))
    assert [(limit.amount, limit.unit, limit.window) for limit in rules.limits] == [
        (40, Unit.PICTURES, Window.DAY),
        (0.5, Unit.GPU_SECONDS, Window.HOUR),
    ]
    assert direct_rules(DirectMessageSettings()).gate is QueueState.OPEN


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"limits": ("40 a day",)}, "direct_messages.limits: '40 a day' is no limit; write it as in"),
        ({"limits": ("-1 pictures a day",)}, "is no limit"),
        ({"limits": ("1 pictures a fortnight",)}, "is no limit"),
        ({"timezone": "Europe/Berln"}, "did you mean Europe/Berlin"),
        ({"words": ("…",)}, "at least one letter or digit"),
    ],
)
def test_what_is_wrong_is_named(settings: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigError, match="direct_messages") as failed:
        direct_rules(DirectMessageSettings.model_validate(settings))
    assert told in str(failed.value)
