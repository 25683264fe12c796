"""What may be asked in words and shown in pictures: the prompt as it takes effect, and the picture check's verdict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bot.domain.model import Cell, Job, JobSpec, Options, Place, Verdict
from bot.domain.moderation.guild_rules import DIRECT_MESSAGES, GuildRules, PicturePolicy
from bot.domain.moderation.semantic_filter import SemanticFilter
from bot.domain.moderation.word_filter import WordFilter
from bot.domain.moderation.word_rules import WordRule
from bot.errors import PromptRejected

SEXUAL = "sexual"
"""The kind of meaning that channels marked as age-restricted may hold."""
PREVIEW_STRICTNESS: Final = 0.5
"""An unfinished picture is flagged from this share of the threshold on: a blur scores lower than what it becomes."""


def effective_text(options: Options) -> str:
    """All words that steer the picture towards something. What is to be avoided may be named.

    Below a guidance of 1 the negative prompt is mixed in instead of taken out.
    """
    drawn = [text for text, weight in options.parts if weight > 0] or [options.prompt]
    if options.guidance is not None and options.guidance < 1:
        drawn.append(options.negative)
    return ", ".join(filter(None, drawn))


def shown_text(job: Job) -> str:
    """All words that are read where a result is posted; what is to be avoided may be named there too."""
    return " ".join(filter(None, (effective_text(job.spec.options), *job.captions)))


def as_shown(job: Job, cells: Sequence[Cell]) -> JobSpec:
    """A kept result as if it were asked for: with the model that drew it and the size it has."""
    width = max((cell.width for cell in cells), default=None)
    height = max((cell.height for cell in cells), default=None)
    options = job.spec.options.model_copy(update={"model": job.model or job.spec.options.model})
    return job.spec.model_copy(update={"options": options, "width": width, "height": height})


class WordFilters:
    """The compiled word rules of servers, made again only when a server's rules have changed."""

    def __init__(self, kept: int = 200) -> None:
        self._kept = kept
        self._known: dict[int, tuple[Sequence[WordRule], WordFilter]] = {}

    def check(self, rules: GuildRules, text: str) -> None:
        """Raises `PromptRejected` with the name of the first word rule the text breaks."""
        if rules.words and (rule := self._of(rules).find(text)):
            raise PromptRejected(rule.name)

    def _of(self, rules: GuildRules) -> WordFilter:
        known = self._known.pop(rules.guild_id, None)
        # Comparing a thousand rules would take longer than asking them: unchanged rules are the same object.
        if known is None or known[0] is not rules.words:
            known = rules.words, WordFilter(rules.words)
        if len(self._known) >= self._kept:
            self._known.pop(next(iter(self._known)))
        self._known[rules.guild_id] = known
        return known[1]


async def check_meaning(rules: GuildRules, text: str, meaning: SemanticFilter | None, *, age_restricted: bool) -> None:
    """Raises `PromptRejected` with the kind of meaning when the text leans to it by the server's margin."""
    if meaning is None or rules.meaning_margin is None or not text.strip():
        return
    leaning = await meaning.leaning(text, (SEXUAL,) if age_restricted else ())
    if leaning.margin >= rules.meaning_margin:
        raise PromptRejected(f"meaning, {leaning.kind}")


def picture_verdict(rules: GuildRules, cells: Sequence[Cell], *, age_restricted: bool) -> Verdict:
    """What happens with finished pictures. A check that could not run sends them to review, never to the channel.

    A picture without a score and without an error was not checked because the host switched the check off.
    """
    policy = _policy(rules, age_restricted)
    if policy is PicturePolicy.OFF:
        return Verdict.DELIVER
    if any(cell.unsafe_score is None and cell.check_error for cell in cells):
        # Outside servers nobody reviews.
        return Verdict.BLOCK if rules.guild_id == DIRECT_MESSAGES else Verdict.REVIEW
    if all((cell.unsafe_score or 0.0) < rules.picture_threshold for cell in cells):
        return Verdict.DELIVER
    if policy is PicturePolicy.REVIEW and rules.guild_id == DIRECT_MESSAGES:
        return Verdict.BLOCK
    return Verdict(policy)


def verdict_in(rules: GuildRules, job: Job, cells: Sequence[Cell], place: Place) -> Verdict:
    """What may happen with pictures that were shown before, when somebody shows them here.

    In their own channel they stay what they are; elsewhere they are judged by what holds there.
    """
    if job.channel_id in (place.channel_id, place.parent_channel_id):
        return Verdict.SPOILER if job.spoiler else Verdict.DELIVER
    verdict = picture_verdict(rules, cells, age_restricted=place.age_restricted)
    return Verdict.SPOILER if verdict is Verdict.DELIVER and job.spoiler else verdict


def preview_limit(rules: GuildRules, *, age_restricted: bool) -> float | None:
    """From which score on previews are not shown clearly; None where nothing is kept back from anybody's eyes."""
    if _policy(rules, age_restricted) is PicturePolicy.OFF:
        return None
    return PREVIEW_STRICTNESS * rules.picture_threshold


def _policy(rules: GuildRules, age_restricted: bool) -> PicturePolicy:
    return rules.pictures_age_restricted if age_restricted else rules.pictures
