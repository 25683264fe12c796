"""`/evolve` as members press it: planned, agreed to, and changed by wild cards."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from bot.domain.model import Ask, JobSpec, Member, Place, ReplyTo
from bot.domain.ports import Clock
from bot.domain.rounds import evolution, wild_cards
from bot.domain.rounds.drawing import Studio
from bot.domain.rounds.entry import Entry, EntryRole
from bot.domain.rounds.evolution import Evolution
from bot.domain.rounds.ports import EntryStore, RoundStore
from bot.domain.rounds.round import Round, RoundKind, RoundState
from bot.domain.rounds.round_service import over, shut
from bot.errors import BadOption, Fenced, OwnersOnly, RoundUnderWay, UserError
from engine import EngineError

AGREED_WITHIN = timedelta(minutes=15)
_STARTS_WITHIN = timedelta(seconds=30)
_TAKES_LINES = (RoundState.DRAWING, RoundState.OPEN)


class Evolutions:
    """What the command, its buttons and its form do."""

    def __init__(
        self,
        store: RoundStore,
        entries: EntryStore,
        studio: Studio,
        check: Callable[[Ask], Awaitable[None]],
        clock: Clock,
    ) -> None:
        self._store, self._entries, self._studio, self._check, self._clock = store, entries, studio, check, clock

    async def plan(
        self, spec: JobSpec, host: Member, place: Place, *, rounds: int, minutes: float, asked_by_id: int
    ) -> Round:
        """Store what waits to be agreed to. Raises what the first grid's job would."""
        await self._check(_ask(spec, host, place))
        now, round_id = self._clock(), f"{asked_by_id:016x}"
        new = Round(
            id=round_id, game_id=round_id, kind=RoundKind.EVOLVE, state=RoundState.PLANNED, host=host, place=place,
            settings=Evolution(rounds=rounds, spec=spec).model_dump_json(), slots=spec.count, seed=spec.seed,
            due_at=now + AGREED_WITHIN, duration_s=60 * minutes, created_at=now,
        )  # fmt: skip
        return await self._store.open(new)

    async def start(self, round_id: str, by: Member) -> Round:
        """Agree to the cost: the first grid is asked for.

        Raises `OwnersOnly`, `RoundUnderWay`, `RoundOver`, `RoundNotFound`, and what refuses the grid: then it may be
        started again.
        """
        now = self._clock()
        started, choices = await self._claimed(round_id, by, now)
        try:
            drawn = await self._studio.ask(started, choices)
        except (UserError, EngineError):
            with contextlib.suppress(Fenced):  # called off meanwhile
                await self._store.change(started, state=RoundState.PLANNED, due_at=now + AGREED_WITHIN)
            raise
        try:
            return await self._store.change(started, entries=drawn, due_at=now)
        except Fenced:
            current = await self._store.get(round_id)
            await self._studio.drop_if_over(current, drawn)
            return current

    async def _claimed(self, round_id: str, by: Member, now: datetime) -> tuple[Round, list[Entry]]:
        """The round that is drawn from now on, and its places; of two presses in one moment one gets it."""
        while True:
            planned = await self._store.get(round_id)
            if by.id != planned.host.id:
                raise OwnersOnly(planned.host.id)
            if planned.state in (RoundState.DECIDED, RoundState.ENDED):
                raise over(planned)
            if planned.state is not RoundState.PLANNED:
                raise RoundUnderWay(planned.guild_id, planned.channel_id, planned.message_id)
            blank = Entry(round_id=round_id, role=EntryRole.CHOICE, place=0, entered_at=now)
            choices = [blank.model_copy(update={"place": place}) for place in range(planned.slots)]
            # Not due before the grid is asked for here, where a refusal can be told to whoever pressed.
            due_at = now + _STARTS_WITHIN
            try:
                started = await self._store.change(
                    planned, entries=choices, state=RoundState.DRAWING, due_at=due_at, created_at=now
                )
                return started, choices
            except Fenced:
                continue

    async def require_open(self, round_id: str) -> Round:
        """A round that takes wild cards.

        Raises `RoundWaits`, `RoundOver`, `RoundNotFound`, and `BadOption` in the last round.
        """
        current = await self._store.get(round_id)
        if current.kind is not RoundKind.EVOLVE or current.state not in _TAKES_LINES:
            raise shut(current)
        if current.number >= evolution.agreed(current).rounds:
            raise BadOption("wild card", "this is the last round, nothing is drawn after it")
        return current

    async def hand_in(self, round_id: str, by: Member, text: str) -> Entry:
        """Take a member's wild card, in place of one that waits already.

        Raises `BadOption`, what the rules raise for its words, and as `require_open`.
        """
        current, line = await self.require_open(round_id), wild_cards.one_line(text)
        spec = evolution.agreed(current).spec
        changed = spec.model_copy(update={"options": wild_cards.with_line(spec.options, line)})
        await self._check(_ask(changed, by, current.place))
        await self._check(_ask(_alone(changed, line), by, current.place))
        new = Entry(
            round_id=round_id, role=EntryRole.WILD, place=0, member_id=by.id, text=line, is_secret=True,
            entered_at=self._clock(),
        )  # fmt: skip
        entered = await self._entries.enter(new, _TAKES_LINES)
        if entered is None:
            raise shut(await self._store.get(round_id))
        return entered


def _alone(spec: JobSpec, line: str) -> JobSpec:
    """The line without the host's words, which could outweigh its meaning."""
    return spec.model_copy(update={"options": spec.options.model_copy(update={"prompt": line, "parts": ()})})


def _ask(spec: JobSpec, member: Member, place: Place) -> Ask:
    return Ask(spec=spec, member=member, place=place, reply=ReplyTo(channel_id=place.channel_id), interaction_id=0)
