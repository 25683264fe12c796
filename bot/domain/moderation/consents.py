"""Consent: whether the owner of a picture lets another member make something of it.

What was said of one picture counts before what its owner said of all, and that before the default of the server.
Whoever is withdrawn a consent keeps what they made; nothing new is made from then on. An uploaded picture that
somebody else posted needs the yes of its poster, whatever the server's default is.
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable
from typing import Protocol

from bot.domain.model import Job, JobSpec, Member, Preferences, Value
from bot.domain.moderation.access import moderates_job
from bot.domain.moderation.guild_rules import GuildRules
from bot.errors import JobNotFound


class Stance(enum.Enum):
    """What an owner says to one member."""

    YES = enum.auto()
    ASK = enum.auto()
    """They want to be asked."""
    NO = enum.auto()


class Grants(Protocol):
    """Whom owners always let."""

    async def allows(self, owner_id: int, member_id: int) -> bool:
        """Whether the owner said "always" to this member."""
        ...


class NoGrants:
    """Nobody was ever asked."""

    async def allows(self, owner_id: int, member_id: int) -> bool:
        """False."""
        return False


class Needed(Value):
    """One owner whose yes a new job needs, as far as it is not there."""

    owner_id: int
    stance: Stance
    job_id: str = ""
    """The job whose picture it is; "" for an uploaded picture."""


class Consents:
    """Reads what owners, their pictures and servers say."""

    def __init__(
        self,
        preferences: Callable[[int], Awaitable[Preferences]],
        rules: Callable[[int], Awaitable[GuildRules]],
        job: Callable[[str], Awaitable[Job]],
        grants: Grants | None = None,
    ) -> None:
        self._preferences, self._rules, self._job, self._grants = preferences, rules, job, grants or NoGrants()

    async def of(self, job: Job, by: Member) -> Stance:
        """What the owner of a job says to this member; moderators of its server need no yes."""
        if by.id == job.member_id or moderates_job(by, job):
            return Stance.YES
        preferences = await self._preferences(job.member_id)
        share = job.share or preferences.share or (await self._rules(job.rules_id)).share
        if share == "all" or (share == "role" and preferences.share_role in by.role_ids):
            return Stance.YES
        return await self._asked(job.member_id, by) if share == "ask" else Stance.NO

    async def of_poster(self, poster_id: int, by: Member) -> Stance:
        """What somebody who posted a picture of their own says to this member; everybody is asked."""
        if poster_id == by.id:
            return Stance.YES
        preferences = await self._preferences(poster_id)
        return Stance.NO if preferences.share == "me" else await self._asked(poster_id, by)

    async def needed(self, spec: JobSpec, by: Member) -> list[Needed]:
        """Whose yes is missing for this job, each owner once, those who refuse first."""
        found: dict[int, Needed] = {}
        for job_id in sources(spec):
            try:
                job = await self._job(job_id)
            except JobNotFound:
                continue  # deleted: nobody is left to ask, and there is no picture of it
            if _kept_by_its_maker(job, spec):
                continue
            stance = await self.of(job, by)
            _worst(found, Needed(owner_id=job.member_id, stance=stance, job_id=job.id))
        if spec.poster_id is not None:
            stance = await self.of_poster(spec.poster_id, by)
            _worst(found, Needed(owner_id=spec.poster_id, stance=stance))
        missing = [each for each in found.values() if each.stance is not Stance.YES]
        return sorted(missing, key=lambda each: each.stance is not Stance.NO)

    async def _asked(self, owner_id: int, by: Member) -> Stance:
        return Stance.YES if await self._grants.allows(owner_id, by.id) else Stance.ASK


def sources(spec: JobSpec) -> list[str]:
    """The jobs that a spec is directly made from: of its picture, of its words, of uploads that were recognised."""
    words = [spec.parent_id] if spec.parent_id else []
    return list(dict.fromkeys([*spec.pictured[:1], *words, *spec.made_from]))


def _kept_by_its_maker(job: Job, spec: JobSpec) -> bool:
    """Whether a picture comes by a style alone that its maker keeps: whoever may use that style may use the picture."""
    style = spec.options.kept_style
    return style is not None and style.owner_id == job.member_id and job.id not in (*spec.pictured, spec.parent_id)


def _worst(found: dict[int, Needed], one: Needed) -> None:
    """Keep the stance that lets least of each owner."""
    before = found.get(one.owner_id)
    if before is None or one.stance.value > before.stance.value:
        found[one.owner_id] = one
