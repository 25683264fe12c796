"""Rule checker: applies the rules of a server to one ask; the first rule that refuses is the one that members read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from bot.domain.model import Ask, Cell, Job, JobSpec, Member, Place, Verdict
from bot.domain.moderation import access, content_policy
from bot.domain.moderation.guild_rules import GuildRules
from bot.domain.moderation.semantic_filter import SemanticFilter
from bot.domain.ports import Clock
from bot.domain.quotas.relaxed import check_relaxed


class RulesReader(Protocol):
    """Reads the rules of servers."""

    async def get(self, guild_id: int) -> GuildRules:
        """Return the current rules of a server."""
        ...


class ReservationReader(Protocol):
    """Reads the reservation of a job."""

    async def was_age_restricted(self, job_id: str) -> bool:
        """Whether the job was asked for in an age-restricted channel; False for an unknown job."""
        ...


class RuleChecker:
    """Implements `bot.domain.ports.Rules` with the stored rules of servers."""

    def __init__(
        self,
        rules_store: RulesReader,
        reservations: ReservationReader,
        clock: Clock,
        meaning: SemanticFilter | None = None,
    ) -> None:
        self._rules_store, self._reservations, self._clock, self._meaning = rules_store, reservations, clock, meaning
        self._word_filters = content_policy.WordFilters()

    async def check(self, ask: Ask, texts: Iterable[str] = ()) -> None:
        """Raise a `UserError` when bans, the queue's state, channel rules or prompt rules forbid the ask."""
        await self._check(ask.member, ask.place, ask.spec, content_policy.effective_text(ask.spec.options))
        rules = await self._rules_store.get(ask.place.rules_id)
        if ask.spec.options.relax:
            check_relaxed(rules.limits, ask.member, ask.place, is_allowed=rules.relaxed)
        for text in set(texts) - {ask.spec.options.prompt}:
            await self._check_words(rules, text, ask.place)

    async def check_entry(self, member: Member, place: Place) -> None:
        """Raise `Banned`, `Paused` or `NotAllowedHere` when the member may do nothing in this place."""
        rules = await self._rules_store.get(place.rules_id)
        access.check_ban(rules.bans, member.id, self._clock())
        access.check_queue_state(rules.gate, rules.gate_reason)
        access.check_place(rules.channels, place)

    async def check_words(self, member: Member, place: Place, text: str) -> None:
        """Raise a `UserError` when the member may do nothing here, or prompt rules forbid these words."""
        await self.check_entry(member, place)
        rules = await self._rules_store.get(place.rules_id)
        await self._check_words(rules, text, place)

    async def _check_words(self, rules: GuildRules, text: str, place: Place) -> None:
        self._word_filters.check(rules, text)
        await content_policy.check_meaning(rules, text, self._meaning, age_restricted=place.age_restricted)

    async def check_post(self, job: Job, cells: Sequence[Cell], by: Member, place: Place) -> None:
        """Raise a `UserError` when the rules of `place` forbid the member `by` to post this stored result."""
        await self._check(by, place, content_policy.as_shown(job, cells), content_policy.shown_text(job))

    async def _check(self, member: Member, place: Place, spec: JobSpec, text: str) -> None:
        await self.check_entry(member, place)
        rules = await self._rules_store.get(place.rules_id)
        access.check_channel(rules.channels, place, spec, spec.options.model or "")
        await self._check_words(rules, text, place)

    async def weight(self, ask: Ask) -> float:
        """Return the member's fair-share weight: the largest of their roles, else 1."""
        rules = await self._rules_store.get(ask.place.rules_id)
        theirs = [weight for role_id, weight in rules.role_weights if role_id in ask.member.role_ids]
        return max(theirs, default=1.0)

    async def verdict(self, job: Job, cells: Sequence[Cell]) -> Verdict:
        """Return what happens with the finished pictures of a job."""
        rules = await self._rules_store.get(job.rules_id)
        restricted = await self._is_age_restricted(rules, job)
        return content_policy.picture_verdict(rules, cells, age_restricted=restricted)

    async def preview_limit(self, job: Job) -> float | None:
        """Return the score from which previews lose their detail; None where the picture policy is off."""
        rules = await self._rules_store.get(job.rules_id)
        restricted = await self._is_age_restricted(rules, job)
        return content_policy.preview_limit(rules, age_restricted=restricted)

    async def _is_age_restricted(self, rules: GuildRules, job: Job) -> bool:
        """Whether the picture policy of age-restricted channels holds; not asked where both are the same."""
        if rules.pictures == rules.pictures_age_restricted:
            return False
        return await self._reservations.was_age_restricted(job.id)
