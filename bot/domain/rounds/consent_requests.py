"""Consent requests: a job waits until the owner of its picture says yes in the channel; no quota is taken before."""

from __future__ import annotations

from datetime import timedelta

from bot.domain.model import Ask, Member, ReplyTo
from bot.domain.moderation.consents import Needed
from bot.domain.ports import Clock
from bot.domain.rounds.consent_request import ASKS_FOR, ConsentRequest, asking, owner_of
from bot.domain.rounds.entry import Entry, EntryRole
from bot.domain.rounds.ports import EntryStore, RoundStore
from bot.domain.rounds.round import Round, RoundAct, RoundKind, RoundState
from bot.domain.rounds.round_service import shut
from bot.errors import Fenced, MakersOnly, NotYours, OwnerAsked, RoundNotFound

_WRITTEN_WITHIN = timedelta(seconds=30)


class ConsentRequests:
    """Opens consent rounds and takes owners' answers; `bot.domain.rounds.asking` carries the answers out."""

    def __init__(self, store: RoundStore, entries: EntryStore, clock: Clock) -> None:
        self._store, self._entries, self._clock = store, entries, clock

    async def ask(self, ask: Ask, needed: Needed, *others: Needed) -> OwnerAsked:
        """Ask an owner, once a day for each member; returns what to tell that member.

        The `others` are asked one after the other, each once the one before has said yes.
        Raises `NotYours` where one of them said no within a day.
        """
        now, owners = self._clock(), {needed.owner_id, *(other.owner_id for other in others)}
        for earlier in await self._store.hosted(ask.member.id, RoundKind.CONSENT, now - ASKS_FOR):
            for entry in await self._entries.of(earlier.id, role=EntryRole.ASKED):
                if entry.member_id in owners and earlier.guild_id == ask.place.guild_id:
                    _require_unanswered(entry, earlier)
        new, entry = asking(ConsentRequest(ask=_later(ask)), needed, now, f"{ask.interaction_id} {ask.index}")
        # Not due before it says who is asked.
        opened = await self._store.open(new.model_copy(update={"due_at": now + _WRITTEN_WITHIN}))
        if opened.state is RoundState.DRAWING and not opened.version:
            await self._store.change(opened, entries=[entry], due_at=now)
        return OwnerAsked(needed.owner_id, is_new=True)

    async def answer(self, round_id: str, by: Member, act: RoundAct) -> Entry:
        """Take the owner's answer.

        Raises `MakersOnly` for everybody else, `RoundWaits` while it is paused, `RoundOver` when it is answered or too
        late, and `RoundNotFound`.
        """
        while True:
            current = await self._store.get(round_id)
            entries = await self._entries.of(round_id, role=EntryRole.ASKED)
            if current.kind is not RoundKind.CONSENT or (owner := owner_of(entries)) is None:
                raise RoundNotFound(round_id)
            if owner.member_id != by.id:
                raise MakersOnly(owner.member_id or 0)
            if current.state is not RoundState.OPEN:
                raise shut(current)
            answered = owner.model_copy(update={"text": act.value})
            try:
                await self._store.change(current, entries=[answered], state=RoundState.DECIDED, due_at=self._clock())
            except Fenced:
                continue
            return answered


def _require_unanswered(entry: Entry, earlier: Round) -> None:
    """Raise `OwnerAsked` where the question stands, and `NotYours` where the answer was no, or none.

    A question that could not be posted has asked nobody.
    """
    if earlier.state not in (RoundState.DECIDED, RoundState.ENDED):
        raise OwnerAsked(entry.member_id or 0, is_new=False)
    if entry.text in ("", RoundAct.NO) and earlier.message_id is not None:
        raise NotYours(entry.member_id or 0)


def _later(ask: Ask) -> Ask:
    """The ask as it can be made at any time: the interaction's token is not kept."""
    place = ask.place
    return ask.model_copy(
        update={"reply": ReplyTo(channel_id=place.channel_id, file_limit_bytes=place.file_limit_bytes)}
    )
