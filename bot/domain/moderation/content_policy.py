"""Content policy: which prompts are refused, and what happens with pictures that the picture check flags."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bot.domain.model import Cell, Job, JobSpec, Options, Place, Verdict
from bot.domain.moderation.guild_rules import DIRECT_MESSAGES, GuildRules, PicturePolicy
from bot.domain.moderation.semantic_filter import SemanticFilter
from bot.domain.moderation.word_filter import WordFilter
from bot.domain.moderation.word_rules import WordRule
from bot.errors import BadPicture, PromptRejected
from engine import Safety

SEXUAL = "sexual"
"""The kind of meaning that is allowed in age-restricted channels."""
PREVIEW_STRICTNESS: Final = 0.5
"""Previews are flagged from this fraction of the threshold: a blurred picture scores lower than the finished one."""


def effective_text(options: Options) -> str:
    """Return the text that steers the picture. Negative prompts and negative weights are left out.

    At a guidance scale below 1 the negative prompt is included: there it attracts instead of repels.
    """
    drawn = [text for text, weight in options.parts if weight > 0] or [options.prompt]
    if options.guidance is not None and options.guidance < 1:
        drawn.append(options.negative)
    return ", ".join(filter(None, drawn))


def shown_text(job: Job) -> str:
    """Return the text that a posted result shows: prompt and captions, without negative prompts."""
    return " ".join(filter(None, (effective_text(job.spec.options), *job.captions)))


def as_shown(job: Job, cells: Sequence[Cell]) -> JobSpec:
    """Return the spec of a stored result with its actual model and size, so that channel rules can check it."""
    width = max((cell.width for cell in cells), default=None)
    height = max((cell.height for cell in cells), default=None)
    options = job.spec.options.model_copy(update={"model": job.model or job.spec.options.model})
    return job.spec.model_copy(update={"options": options, "width": width, "height": height})


class WordFilters:
    """Cache of compiled word rules by server; a server's rules are compiled again when they change."""

    def __init__(self, kept: int = 200) -> None:
        self._kept = kept
        self._known: dict[int, tuple[Sequence[WordRule], WordFilter]] = {}

    def check(self, rules: GuildRules, text: str) -> None:
        """Raise `PromptRejected` with the name of the first word rule that the text breaks."""
        if rules.words and (rule := self._of(rules).find(text)):
            raise PromptRejected(rule.name)

    def _of(self, rules: GuildRules) -> WordFilter:
        known = self._known.pop(rules.guild_id, None)
        # Unchanged rules are the same object; comparing 1,000 rules by value would be slower than matching them.
        if known is None or known[0] is not rules.words:
            known = rules.words, WordFilter(rules.words)
        if len(self._known) >= self._kept:
            self._known.pop(next(iter(self._known)))
        self._known[rules.guild_id] = known
        return known[1]


async def check_meaning(rules: GuildRules, text: str, meaning: SemanticFilter | None, *, age_restricted: bool) -> None:
    """Raise `PromptRejected` when the text's semantic score reaches the server's margin."""
    if meaning is None or rules.meaning_margin is None or not text.strip():
        return
    leaning = await meaning.leaning(text, (SEXUAL,) if age_restricted else ())
    if leaning.margin >= rules.meaning_margin:
        raise PromptRejected(f"meaning, {leaning.kind}")


def picture_verdict(rules: GuildRules, cells: Sequence[Cell], *, age_restricted: bool) -> Verdict:
    """Return what happens with finished pictures. If the picture check failed, they are reviewed before they are shown.

    A picture without score and without error was not checked, because the host switched the check off.
    """
    policy = _policy(rules, age_restricted)
    if policy is PicturePolicy.OFF:
        return Verdict.DELIVER
    if any(cell.unsafe_score is None and cell.check_error for cell in cells):
        # No moderator can review pictures outside servers.
        return Verdict.BLOCK if rules.guild_id == DIRECT_MESSAGES else Verdict.REVIEW
    if all((cell.unsafe_score or 0.0) < rules.picture_threshold for cell in cells):
        return Verdict.DELIVER
    if policy is PicturePolicy.REVIEW and rules.guild_id == DIRECT_MESSAGES:
        return Verdict.BLOCK
    return Verdict(policy)


def check_given(rules: GuildRules, safety: Safety, *, age_restricted: bool) -> None:
    """Raise `BadPicture` for a picture to be kept that the picture check flags, or could not judge.

    One without score and without error was not checked, because the host switched the check off.
    """
    if _policy(rules, age_restricted) is PicturePolicy.OFF:
        return
    if safety.error:
        raise BadPicture("it could not be checked just now; try again later")
    if (safety.score or 0.0) >= rules.picture_threshold:
        raise BadPicture("the picture check of this server does not let it be kept")


def verdict_in(rules: GuildRules, job: Job, cells: Sequence[Cell], place: Place) -> Verdict:
    """Return what happens with stored pictures when a member posts them in `place`.

    In the channel of their job the first decision holds. Elsewhere the rules of `place` decide again.
    """
    if job.channel_id in (place.channel_id, place.parent_channel_id):
        return Verdict.SPOILER if job.spoiler else Verdict.DELIVER
    verdict = picture_verdict(rules, cells, age_restricted=place.age_restricted)
    return Verdict.SPOILER if verdict is Verdict.DELIVER and job.spoiler else verdict


def preview_limit(rules: GuildRules, *, age_restricted: bool) -> float | None:
    """Return the score from which previews lose their detail; None where the picture policy is off."""
    if _policy(rules, age_restricted) is PicturePolicy.OFF:
        return None
    return PREVIEW_STRICTNESS * rules.picture_threshold


def _policy(rules: GuildRules, age_restricted: bool) -> PicturePolicy:
    return rules.pictures_age_restricted if age_restricted else rules.pictures
