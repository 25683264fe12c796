"""Weekly shows: moderators set them up, time begins them, and pictures are taken down that may not hang."""

from __future__ import annotations

import logging
import random
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from bot.domain.model import Member, Place
from bot.domain.moderation.access import BannedIn
from bot.domain.moderation.guild_rules import GuildRules
from bot.domain.ports import Clock
from bot.domain.quotas.windows import zone
from bot.domain.rounds.entry import Entry, EntryState
from bot.domain.rounds.round import Round
from bot.domain.rounds.show_context import ShowContext
from bot.domain.rounds.show_plan import LEAST, OPEN_FOR, ShowPlan, next_run, show_of
from bot.errors import BadOption, DeliveryError, DeliveryLater, Fenced, RoundNotFound, RoundUnderWay
from engine import MAX_SEED

log = logging.getLogger(__name__)

LOOK_EVERY = timedelta(seconds=10)
"""The longest time for which a deleted or hidden picture, or one of a banned maker, still hangs."""


class Shows:
    """Plans shows and begins their rounds, which `bot.domain.rounds.showing` leads on."""

    def __init__(
        self,
        context: ShowContext,
        *,
        rules: Callable[[int], Awaitable[GuildRules]],
        banned: BannedIn,
        clock: Clock,
    ) -> None:
        self._rounds, self._store, self._entries = context.rounds, context.store, context.entries
        self._shows, self._announcer, self._picker = context.shows, context.announcer, context.picker
        self._rules, self._banned, self._clock = rules, banned, clock
        self._looked_at: datetime | None = None

    async def plan(self, guild_id: int) -> ShowPlan | None:
        """The plan of a server; None where moderators have set up none."""
        return await self._shows.plan(guild_id)

    async def set_up(self, place: Place, weekday: int, hour: int) -> ShowPlan:
        """Plan a show for every week, at that hour (0 to 23) of the server's time zone."""
        at = await self._next(place.guild_id or 0, weekday, hour)
        await self._shows.put(ShowPlan(place=place, weekday=weekday, hour=hour, next_at=at))
        return await self._planned(place.guild_id or 0)

    async def switch_off(self, guild_id: int) -> ShowPlan:
        """Plan no further show. Raises `BadOption` where nothing is set up."""
        await self._shows.put((await self._planned(guild_id)).model_copy(update={"next_at": None}))
        return await self._planned(guild_id)

    async def rezone(self, guild_id: int) -> None:
        """Plan the next show anew after the server's time zone has changed."""
        plan = await self._shows.plan(guild_id)
        if plan is not None and plan.next_at is not None and plan.next_at > self._clock():
            at = await self._next(guild_id, plan.weekday, plan.hour)
            await self._shows.put(plan.model_copy(update={"next_at": at}))

    async def begin_now(self, place: Place, unique: str, *, open_for: timedelta = OPEN_FOR) -> Round:
        """Begin a show beside the weekly ones. Raises `RoundUnderWay`, and `BadOption` where too little may hang."""
        new = show_of(place, unique, _seed(), self._clock(), open_for=open_for)
        there = len(await self._picker.pick(new))
        if there < LEAST and await self._shows.under_way(new.guild_id) is None:
            raise BadOption("show", f"{there} of the pictures of the last weeks may hang here, and it takes {LEAST}")
        opened = await self._shows.begin(new)
        if opened.id != new.id:
            raise RoundUnderWay(opened.guild_id, opened.channel_id, opened.message_id)
        return opened

    async def cancel(self, guild_id: int, by: Member) -> Round:
        """End the show under way without an outcome. Raises `BadOption` and `NotPermitted`."""
        current = await self._shows.under_way(guild_id)
        if current is None:
            raise BadOption("cancel", "no show is under way")
        return await self._rounds.cancel(current.id, by)

    async def withdraw(self, member_id: int) -> None:
        """Void the entries of a member who does not agree any more, in all shows under way."""
        for entry in await self._shows.of_maker(member_id):
            await self._take_down(entry)

    async def turn(self) -> None:
        """Begin the shows that are due, and every `LOOK_EVERY` call `look`. Raises `StoreError`."""
        now = self._clock()
        for plan in await self._shows.due(now):
            try:
                await self._begin(plan, now)
            except Fenced:
                log.info("a plan has changed meanwhile")
        if self._looked_at is None or now - self._looked_at >= LOOK_EVERY:
            self._looked_at = now
            await self.look()

    async def look(self) -> None:
        """Void entries that may not be shown any more, and show the ballot papers without them. Raises `StoreError`."""
        stale, gone = list[Entry](), dict[str, set[int]]()
        for entry, is_there in await self._shows.hung():
            if entry.state is EntryState.VOID:
                stale.append(entry)
            elif not is_there or await self._is_out(entry, gone):
                taken = await self._take_down(entry)
                stale += [] if taken is None else [taken]
        for round_id in dict.fromkeys(entry.round_id for entry in stale):
            if await self._is_renewed(round_id):
                for entry in stale:
                    if entry.round_id == round_id:
                        await self._entries.change(entry, is_secret=False)

    async def _is_out(self, entry: Entry, known: dict[str, set[int]]) -> bool:
        """Whether its maker is banned, or has deleted everything."""
        if entry.round_id not in known:
            current = await self._store.get(entry.round_id)
            known[entry.round_id] = set(await self._banned(current.guild_id, self._clock()))
        return entry.member_id is None or entry.member_id in known[entry.round_id]

    async def _take_down(self, entry: Entry) -> Entry | None:
        return await self._entries.change(entry, state=EntryState.VOID)

    async def _is_renewed(self, round_id: str) -> bool:
        """Whether the ballot paper was renewed, or never can be; False where Discord has to be tried again."""
        try:
            await self._announcer.renew(await self._store.get(round_id))
        except DeliveryLater:
            return False
        except (DeliveryError, RoundNotFound) as error:
            log.warning("show not renewed: %s", error, extra={"round": round_id})
        return True

    async def _begin(self, plan: ShowPlan, now: datetime) -> None:
        """Begin one show, also where several weeks were missed."""
        new = show_of(plan.place, f"{plan.guild_id} {plan.next_at}", _seed(), now, is_weekly=True)
        next_at = await self._next(plan.guild_id, plan.weekday, plan.hour)
        opened = await self._shows.begin(new, plan, next_at)
        if opened.id != new.id:
            await self._shows.note(plan.guild_id, "the one before was still under way")

    async def _next(self, guild_id: int, weekday: int, hour: int) -> datetime:
        return next_run(weekday, hour, zone((await self._rules(guild_id)).timezone), self._clock())

    async def _planned(self, guild_id: int) -> ShowPlan:
        plan = await self._shows.plan(guild_id)
        if plan is None:
            raise BadOption("show", "no weekly show is set up; give a weekday")
        return plan


def _seed() -> int:
    return random.SystemRandom().randrange(MAX_SEED + 1)
