"""The judge: every rule of a server applied to one ask, in the order that tells members the most useful reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from bot.domain.model import Ask, Cell, Job, JobSpec, Member, Place, Verdict
from bot.domain.moderation import access, content_policy
from bot.domain.moderation.guild_rules import GuildRules
from bot.domain.moderation.semantic_filter import SemanticFilter
from bot.domain.ports import Clock


class RulesReader(Protocol):
    """Where the rules of servers are written."""

    async def get(self, guild_id: int) -> GuildRules:
        """The rules as they are now."""
        ...


class Register(Protocol):
    """What is remembered of where a job was asked."""

    async def was_age_restricted(self, job_id: str) -> bool:
        """Whether the channel was marked as age-restricted; False when nothing is remembered."""
        ...


class RuleChecker:
    """`bot.domain.ports.Rules` by the book."""

    def __init__(
        self, rules_store: RulesReader, register: Register, clock: Clock, meaning: SemanticFilter | None = None
    ) -> None:
        self._rules_store, self._register, self._clock, self._meaning = rules_store, register, clock, meaning
        self._lexicons = content_policy.WordFilters()

    async def check(self, ask: Ask) -> None:
        """See the port."""
        await self._check(ask.member, ask.place, ask.spec, content_policy.effective_text(ask.spec.options))

    async def check_entry(self, member: Member, place: Place) -> None:
        """See the port."""
        rules = await self._rules_store.get(place.rules_id)
        access.check_ban(rules.bans, member.id, self._clock())
        access.check_gate(rules.gate, rules.gate_reason)
        access.check_place(rules.channels, place)

    async def check_post(self, job: Job, cells: Sequence[Cell], by: Member, place: Place) -> None:
        """See the port."""
        await self._check(by, place, content_policy.as_shown(job, cells), content_policy.shown_text(job))

    async def _check(self, member: Member, place: Place, spec: JobSpec, text: str) -> None:
        await self.check_entry(member, place)
        rules = await self._rules_store.get(place.rules_id)
        access.check_channel(rules.channels, place, spec, spec.options.model or "")
        self._lexicons.check(rules, text)
        await content_policy.check_meaning(rules, text, self._meaning, age_restricted=place.age_restricted)

    async def weight(self, ask: Ask) -> float:
        """See the port."""
        rules = await self._rules_store.get(ask.place.rules_id)
        theirs = [weight for role_id, weight in rules.role_weights if role_id in ask.member.role_ids]
        return max(theirs, default=1.0)

    async def verdict(self, job: Job, cells: Sequence[Cell]) -> Verdict:
        """See the port."""
        rules = await self._rules_store.get(job.rules_id)
        restricted = await self._register.was_age_restricted(job.id)
        return content_policy.picture_verdict(rules, cells, age_restricted=restricted)

    async def preview_limit(self, job: Job) -> float | None:
        """See the port."""
        rules = await self._rules_store.get(job.rules_id)
        restricted = await self._register.was_age_restricted(job.id)
        return content_policy.preview_limit(rules, age_restricted=restricted)
