"""A server with shows on a real database, in processes that can die between any two steps."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from bot.domain.model import Job, Member, Place
from bot.domain.moderation.guild_rules import GuildRules
from bot.domain.rounds.deadlines import Deadlines
from bot.domain.rounds.entry import Entry, EntryRole
from bot.domain.rounds.round import Round, RoundKind
from bot.domain.rounds.show_context import ShowContext
from bot.domain.rounds.show_picker import ShowPicker
from bot.domain.rounds.show_plan import ShowPlan
from bot.domain.rounds.showing import Showing
from bot.domain.rounds.shows import Shows
from bot.store.database import Database
from bot.store.gallery.exhibits import ExhibitReads
from bot.store.pictures import PictureStore
from bot.store.rounds.hall import Hall
from bot.store.rounds.show_candidates import ShowCandidates
from bot.store.rounds.show_plans import ShowStore
from tests.bot.store.asks import ask, kept
from tests.bot.store.rounds.group import MODERATOR, Group, Mortal

PLACE = Place(guild_id=5, channel_id=10)
MAKERS = (21, 22, 23, 24)


class ShowingGroup(Group):
    """Members who make pictures, star them and vote."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.pictures = PictureStore.open(folder / "pictures")
        self.plans, self.hall = ShowStore(database), Hall(database, self.pictures)
        self.candidates, self.lines = ShowCandidates(database), ExhibitReads(database)
        super().__init__(database)

    def restart(self, steps: int = 10**9) -> None:
        super().restart(steps)
        store, entries = Mortal(self.store, self.life), Mortal(self.entries, self.life)
        plans, board, hall = Mortal(self.plans, self.life), Mortal(self.board, self.life), Mortal(self.hall, self.life)

        async def rules(guild_id: int) -> GuildRules:
            return GuildRules(guild_id=guild_id, timezone="Europe/Berlin")

        async def banned(guild_id: int, now: object) -> set[int]:
            return self.banned

        async def makers(job: Job) -> list[int]:
            return [99] if job.member_id == MAKERS[0] else []

        shows: Any = plans
        picker: Any = ShowPicker(Mortal(self.candidates, self.life), self.lines, self.clock)
        context = ShowContext(self.service, store, entries, shows, board, picker)
        self.shows = Shows(context, rules=rules, banned=banned, clock=self.clock)
        showing: Any = Showing(context, hall=hall, jobs=Mortal(self.jobs, self.life), makers=makers)
        self.deadlines = Deadlines(store, {RoundKind.SHOW: showing}, clock=self.clock, hurry=self.hurry)

    async def hurry(self) -> None:
        await self.service.hurry()
        await self.shows.turn()

    async def planned(self) -> ShowPlan:
        """A show every Sunday at 18:00 in Berlin."""
        return await self.shows.set_up(PLACE, 6, 18)

    async def made(self, *members: int) -> list[Job]:
        """A delivered grid by each of them, with its files."""
        found: list[Job] = []
        for member in members:
            asked = ask(f"word{member}", member=member)
            job = await self.jobs.accept(asked, model="pocket", weight=1.0, estimate_ms=1000.0, now=self.now)
            job = await self.jobs.started(await self.jobs.claim(job), self.now)
            job = await self.jobs.keep(job, kept(job), self.now)
            for cell in range(4):
                await self.pictures.put(f"jobs/{job.id}/{cell}.png", f"{job.id} {cell}".encode())
            found.append(await self.jobs.delivered(job, int(job.id, 36) % 10**9 + 10**12, self.now))
        return found

    async def newest(self) -> Round | None:
        """The show under way."""
        return await self.plans.under_way(5)

    async def hung(self, show: Round) -> list[Entry]:
        return await self.entries.of(show.id, role=EntryRole.CHOICE)

    async def opened(self, *members: int) -> Round:
        """A show that hangs, of these members' pictures."""
        await self.made(*members)
        await self.shows.begin_now(PLACE, f"{self.now} {members}")
        await self.turn()
        show = await self.newest()
        assert show is not None and show.message_id is not None
        return show

    async def after(self, show: Round, hours: float = 49.0) -> Round:
        """The show so much later."""
        await self.turn(after_s=timedelta(hours=hours).total_seconds())
        return await self.store.get(show.id)


__all__ = ["MAKERS", "MODERATOR", "PLACE", "Member", "ShowingGroup"]
