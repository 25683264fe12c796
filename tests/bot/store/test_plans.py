"""No query of the store reads a table that grows from one end to the other, with SQLite's statistics or without."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bot.domain.games.bluff import Bluff
from bot.domain.games.player import Player
from bot.domain.model import CellRef, Charge, JobState, Member, Place, Preferences, Verb
from bot.domain.moderation.audit_entry import AuditEntry
from bot.domain.prompting.derivation import derive
from bot.domain.quotas.cost_estimates import CostClass
from bot.domain.quotas.quota import Limit, Scope, Unit
from bot.domain.quotas.windows import Window, last_days
from bot.domain.rounds.entry import Entry, EntryRole
from bot.domain.rounds.fame import Fame
from bot.domain.rounds.round import Round, RoundKind, RoundState
from bot.domain.rounds.show_plan import ShowPlan, show_of
from bot.shards import HeldShards
from bot.store.connections import is_sqlite
from bot.store.database import Database
from bot.store.gallery.candidates import Candidates
from bot.store.gallery.candidates import Place as Posted
from bot.store.gallery.choices import GalleryChoiceStore
from bot.store.gallery.exhibits import ExhibitReads
from bot.store.gallery.open_channels import OpenChannelStore
from bot.store.guilds.audit_log import AuditLog
from bot.store.guilds.guild_rules import GuildRulesStore
from bot.store.guilds.quota_ledger import Quotas
from bot.store.jobs.admission import AdmissionLimits
from bot.store.jobs.fingerprints import FingerprintStore
from bot.store.jobs.jobs import JobStore
from bot.store.jobs.outbox import OutboxStore
from bot.store.jobs.quarantines import Quarantines
from bot.store.jobs.timings import TimingStore
from bot.store.jobs.told_hints import HintStore
from bot.store.members.grants import GrantStore
from bot.store.members.kept_styles import KeptStyleStore, StylePicture
from bot.store.members.member_records import MemberRecordStore
from bot.store.members.members import MemberStore
from bot.store.members.retention import Retention
from bot.store.members.statistics import Statistics
from bot.store.pictures import PictureStore
from bot.store.rounds.entries import EntryStore
from bot.store.rounds.games import GameStore
from bot.store.rounds.hall import Hall
from bot.store.rounds.rounds import RoundStore
from bot.store.rounds.show_candidates import ShowCandidates
from bot.store.rounds.show_plans import ShowStore
from engine.errors import OutOfMemory
from tests.bot.store.asks import NOW, ask, kept
from tests.bot.store.plans import Walked, noted, scans, without_seq_scans
from tests.bot.store.year_stats import pretend_a_year

ADA, PLACE = Member(id=1, name="ada"), Place(guild_id=5, channel_id=10)
ENTRY = AuditEntry(at=NOW, guild_id=5, actor_id=9, action="quota set")
FINGERPRINT = f"{'0f' * 8}-{'0f' * 32}"
READS_ALL_OF_A_MEMBER = {"MemberRecordStore.export", "GuildRulesStore.all"}
"""An export, once in a while, and the rules of servers, which are few."""


@pytest.fixture(params=["without statistics", "with those of a year"])
async def year(request: pytest.FixtureRequest, url: str) -> AsyncIterator[Database]:
    opened = await Database.open(url)
    if request.param == "with those of a year":
        if not is_sqlite(opened.url):
            await opened.close()
            pytest.skip("PostgreSQL keeps its own")
        async with opened.write() as connection:
            await pretend_a_year(connection)
        await opened.close()
        opened = await Database.open(url)
    yield opened
    await opened.close()


class Stores:
    """All of them, on one database."""

    def __init__(self, database: Database, folder: Path) -> None:
        rules_store, pictures = GuildRulesStore(database), PictureStore.open(folder)
        quotas = Quotas(database, rules_store)
        self.jobs: Any = Walked(JobStore(database, quotas, limits=AdmissionLimits(99)))
        self.quotas: Any = Walked(quotas)
        self.outbox: Any = Walked(OutboxStore(database))
        self.log: Any = Walked(AuditLog(database))
        self.members: Any = Walked(MemberStore(database, lambda: NOW))
        self.hints: Any = Walked(HintStore(database))
        self.timings: Any = Walked(TimingStore(database, lambda: NOW))
        self.rules: Any = Walked(rules_store)
        self.numbers: Any = Walked(Statistics(database))
        self.records: Any = Walked(MemberRecordStore(database, pictures))
        self.retention: Any = Walked(Retention(database, pictures))
        self.rounds: Any = Walked(RoundStore(database))
        self.games: Any = Walked(GameStore(database))
        self.entries: Any = Walked(EntryStore(database))
        self.grants: Any = Walked(GrantStore(database))
        self.kept_styles: Any = Walked(KeptStyleStore(database, pictures, lambda: NOW))
        self.fingerprints: Any = Walked(FingerprintStore(database))
        self.quarantines: Any = Walked(Quarantines(database))
        self.channels: Any = Walked(OpenChannelStore(database))
        self.choices: Any = Walked(GalleryChoiceStore(database))
        self.candidates: Any = Walked(Candidates(database))
        self.exhibits: Any = Walked(ExhibitReads(database))
        self.shows: Any = Walked(ShowStore(database))
        self.show_candidates: Any = Walked(ShowCandidates(database))
        self.hall: Any = Walked(Hall(database, pictures))

    @property
    def left_out(self) -> set[str]:
        return {name for store in vars(self).values() for name in store.left_out} - READS_ALL_OF_A_MEMBER


async def accepted(stores: Stores, **more: Any) -> Any:
    asked = ask(**more)
    return await stores.jobs.accept(asked, model="pocket", weight=1.0, estimate_ms=1000.0, now=NOW)


async def work(stores: Stores) -> None:
    """The lives of some jobs."""
    limit = Limit(scope=Scope.EVERYONE, unit=Unit.PICTURES, window=Window.DAY, amount=100)
    await stores.rules.change(lambda rules: rules.model_copy(update={"limits": (limit,), "max_live_jobs": 50}), ENTRY)
    job = await stores.jobs.park(await stores.jobs.started(await stores.jobs.claim(await accepted(stores)), NOW))
    await stores.jobs.reply_at(job.id, 77)
    job = await stores.jobs.delivered(await stores.jobs.keep(job, kept(job), NOW), 77, NOW)
    await stores.jobs.posted(job.id, 0, 10, 78)
    await stores.jobs.share(job.id, "ask")
    await stores.grants.allow(1, 2, NOW)
    await stores.grants.withdraw(1)
    for name in ("fog", "ink"):
        await stores.kept_styles.save(name, [StylePicture("uploads/s.png", 1.0, 9)], 1)
    await stores.kept_styles.remove("ink", 1)
    await stores.jobs.extracted([job.id], 10, 79)
    child = await stores.jobs.claim(await accepted(stores, spec=derive(job, Verb.VARY_STRONG, 0, seed=1)))
    held = await stores.jobs.keep(child, kept(child, state=JobState.REVIEW), NOW)
    await stores.jobs.approve(held, NOW)
    await stores.quarantines.hide(job.id, NOW)
    await stores.quarantines.lift(job.id, NOW)
    for charge in (None, Charge(300.0)):
        closing = await stores.jobs.claim(await accepted(stores))
        await stores.jobs.close(closing, JobState.CANCELLED, OutOfMemory("less"), NOW, charge=charge)
    await accepted(stores, spec_fields={"images": ("uploads/a.png",)})
    [entry, *_] = (await stores.outbox.look(NOW)).due
    await stores.outbox.later(entry, NOW, "why")
    await stores.outbox.done(entry)
    await stores.members.prefer(1, Preferences(gallery=True))
    await stores.members.change(1, lambda before: before)
    for open_now in ({10, 11}, {10}):
        await stores.channels.replace(5, open_now)
    await stores.channels.keep_only([5])
    await stores.choices.choose(job.id, is_shown=True)
    for mark in (stores.members.favour, stores.members.unfavour, stores.members.favour):
        await mark(1, CellRef(job_id=job.id, cell=0))
    await stores.hints.tell(1, "pocket", job.id)
    await stores.timings.learn(CostClass("pocket", "text_to_image", 36, 25), 100.0)
    await stores.log.add(ENTRY)
    sealed = await accepted(stores, spec_fields={"sealed": True})
    await stores.jobs.unseal([sealed.id])
    game = await stores.games.open(played())
    await stores.games.change(game, game.stopped("it is over", NOW))
    opened = await stores.rounds.open(vote(job.id))
    await stores.rounds.toggle(opened.id, 1, 0, NOW)
    line = Entry(round_id=opened.id, role=EntryRole.WILD, place=0, member_id=1, text="rain", entered_at=NOW)
    entered = await stores.entries.enter(line, (RoundState.OPEN,))
    await stores.entries.change(entered, text="snow")
    plan = ShowPlan(place=PLACE, weekday=6, hour=18, next_at=NOW)
    await stores.shows.put(plan)
    show = show_of(PLACE, "x", 1, NOW)
    await stores.shows.begin(show, plan, NOW + timedelta(days=7))
    await stores.shows.note(5, "why")
    await stores.hall._pictures.put(f"jobs/{job.id}/0.png", b"x")
    await stores.hall.keep(famed(job.id), CellRef(job_id=job.id, cell=0))
    now = await stores.rounds.get(opened.id)
    following = vote("").model_copy(update={"id": "2"})
    await stores.rounds.change(now, void={2, 3}, entries=[line], following=following, message_id=79)


def played() -> Bluff:
    return Bluff(id="1", host=ADA, place=PLACE, seed=1, closes_at=NOW, created_at=NOW, players=(Player(member=ADA),))


def famed(job_id: str) -> Fame:
    return Fame(
        round_id="f", guild_id=5, channel_id=10, message_id=1, shown_at=NOW, member_id=1, job_id=job_id,
        key="hall/f.png", prompt="x", votes=1, voters=1, pictures=6, credits=((1, 60), (2, 40)),
    )  # fmt: skip


def vote(job_id: str) -> Round:
    return Round(
        id="1", host=ADA, place=PLACE, job_id=job_id, slots=4, seed=1, due_at=NOW, duration_s=1.0, created_at=NOW
    )


async def questions(stores: Stores) -> None:
    """Everything that is asked of them."""
    [job] = await stores.jobs.recent(1, 1, 5)
    await stores.jobs.recent(1, 100)
    for ask_of in (stores.jobs.get, stores.jobs.words_of, stores.jobs.children, stores.jobs.cells, stores.jobs.family):
        await ask_of(job.id)
    await stores.jobs.at_message(77)
    await stores.jobs.shown_in(job.id)
    await stores.jobs.extract_at(79)
    await stores.jobs.unfinished()
    await stores.jobs.here()
    for where in ({}, {"member_id": 1}, {"guild_id": 5}, {"member_id": 1, "guild_id": 5}):
        await stores.jobs.active(**where)
    await stores.jobs.served(NOW - timedelta(days=1))
    await stores.outbox.set_unknown_aside()
    await stores.outbox.owes(job.id)
    await stores.quotas.uses(ADA, PLACE, NOW)
    await stores.quotas.was_age_restricted(job.id)
    await stores.log.knows(ENTRY.model_copy(update={"interaction_id": 44}))
    await stores.log.newest(5)
    await stores.log.newest(5, member_id=1)
    await stores.members.preferences(1)
    await stores.members.favourites(1, 10)
    await stores.timings.of_model("pocket")
    await stores.rules.get(5)
    await stores.numbers.usage(5, last_days(366, NOW, ZoneInfo("UTC")), 8)
    await stores.numbers.waits(5, NOW - timedelta(days=366))
    await stores.numbers.waits(None, NOW - timedelta(days=366))
    await stores.numbers.outcomes()
    await stores.records.messages_of(job.id)
    await stores.records.posts_of(1)
    await stores.rounds.at_message(79)
    await stores.games.get("1")
    await stores.games.at_message(79)
    await stores.games.in_channel(10)
    await stores.games.due(NOW)
    await stores.rounds.ballots("1")
    await stores.rounds.due(NOW)
    await stores.rounds.game("1")
    await stores.entries.of("1", "2", role=EntryRole.WILD)
    await stores.rounds.hosted(1, RoundKind.CONSENT, NOW)
    await stores.rounds.before(job.id, limit=8)
    await stores.grants.allows(1, 2)
    assert await stores.kept_styles.find("fog", 1, 5) and await stores.kept_styles.all(1, 5)
    await stores.fingerprints.nearest(5, FINGERPRINT)
    await stores.quarantines.holds(job.id, 5)
    await stores.shows.plan(5)
    await stores.shows.under_way(5)
    await stores.shows.of_maker(1)
    await stores.shows.hung()
    await stores.shows.due(NOW + timedelta(days=9))
    await stores.show_candidates.found(5, NOW - timedelta(days=28))
    await stores.show_candidates.newcomers(5, [1, 2, 3], NOW)
    assert await stores.hall.page(5)
    await stores.hall.page(5, NOW + timedelta(days=1))
    await stores.hall.after(5, NOW)
    await stores.hall.get(5, "f")
    await stores.rounds.present(5, 10, NOW - timedelta(minutes=30))
    assert (await stores.candidates.agreements()).members == (1,)
    assert await stores.candidates.of_member(1, None, 10)
    await stores.candidates.of_member(1, Posted(NOW, job.id), 10)
    assert await stores.candidates.words_of_member(1, None, 10)
    await stores.candidates.words_of_member(1, Posted(NOW, job.id), 10)
    await stores.candidates.rendered(NOW)
    assert await stores.exhibits.lines([job.id])
    for records in (stores.records, stores.retention):
        await records.outlived(NOW - timedelta(days=30), 5)


async def beside_other_bots(stores: Stores, database: Database) -> None:
    """What a bot asks that has only some of the shards."""
    database.shards = HeldShards(2)
    database.shards.ids = frozenset({1})
    await stores.jobs.here()
    await stores.shows.hung()
    for asked in (stores.outbox.look, stores.rounds.due, stores.games.due, stores.shows.due):
        await asked(NOW)


async def tidying(stores: Stores) -> None:
    """What is given, taken back and deleted."""
    limit = Limit(scope=Scope.MEMBER, subject_id=1, unit=Unit.PICTURES, window=Window.DAY, amount=1)
    await stores.quotas.grant(limit, 5, NOW, ENTRY)
    await stores.quotas.reset(5, Scope.MEMBER, 1, NOW, ENTRY)
    await stores.quotas.tidy(NOW)
    await stores.jobs.unposted(78)
    await stores.jobs.channel_gone(10)
    await stores.retention.forget_tokens(NOW)
    await stores.retention.sweep(NOW + timedelta(days=3))
    await stores.retention.delete_files(["uploads/gone.png"], set())
    for records in (stores.records, stores.retention):
        for delete in (records.drop_pictures, records.delete_job):
            await delete("j1")
    for guild_id in (5, None):
        await stores.retention.purge(NOW - timedelta(days=30), guild_id)
    await stores.retention.erase_member(1)
    await stores.records.erase_member(1)


async def test_no_query_reads_a_growing_table_whole(year: Database, tmp_path: Path) -> None:
    stores = Stores(year, tmp_path / "pictures")
    await PictureStore.open(tmp_path / "pictures").put("jobs/j1/0.png", b"x")
    with noted(year) as statements:
        for part in (work, questions, tidying):
            await part(stores)
        if not is_sqlite(year.url):
            await beside_other_bots(stores, year)
    assert stores.left_out == set(), "methods whose queries nobody looked at"
    found: dict[str, list[str]] = {}
    async with year.write() as connection:
        await without_seq_scans(connection)
        for text, parameters in dict(statements).items():
            if steps := await scans(connection, (text, parameters)):
                found[text] = steps
    assert found == {}


async def test_a_query_that_does_is_found(year: Database) -> None:
    asked = ["SELECT id FROM jobs WHERE error = 'x'"]
    if is_sqlite(year.url):
        asked += ["SELECT used FROM quota_counters WHERE guild_id = 5 AND subject_id = 1"]
        asked += ["SELECT id FROM jobs AS theirs ORDER BY created_at"]
    async with year.read() as connection:
        await without_seq_scans(connection)
        assert all([await scans(connection, (text, ())) for text in asked])
