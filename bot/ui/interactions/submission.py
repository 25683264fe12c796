"""Submits a job for an interaction: the member, the place, the permissions, the reply."""

from __future__ import annotations

import contextlib
import functools
import logging
import secrets

import discord

from bot.domain.model import Ask, Job, JobSpec, Options, Place, Preferences, ReplyTo, Verb
from bot.domain.moderation.access import rule_for
from bot.domain.prompting import dynamic_prompts, member_options
from bot.domain.prompting.derivation import DRAFTS, sheet_or
from bot.domain.prompting.prompt import expand
from bot.errors import FileLimitTooSmall, MissingPermissions, StoreError
from bot.ui.content import cost_texts, texts
from bot.ui.content.buttons import cancel_view
from bot.ui.discord_errors import REFUSALS
from bot.ui.interactions import kept_styles, lists
from bot.ui.interactions.answer import Answer, Pressed
from bot.ui.interactions.asker import member_of, place_of
from bot.ui.interactions.consent import recognised, require_consent
from bot.ui.job_reply.discord_replies import SMALLEST_LIMIT
from engine import MAX_SEED

_PREFERENCES, _TYPED = "preferences", "typed"

log = logging.getLogger(__name__)


def preflight(place: Place) -> None:
    """Refuse a job whose result could not be shown. Raises `MissingPermissions` and `FileLimitTooSmall`."""
    if place.missing_permissions:
        raise MissingPermissions(place.missing_permissions)
    if place.file_limit_bytes < SMALLEST_LIMIT:
        raise FileLimitTooSmall(place.file_limit_bytes)


async def take(interaction: Pressed, attachment: discord.Attachment, field: str = "image") -> str:
    """The key under which an upload is kept; nothing is fetched from whoever may make no pictures here.

    Raises `BadPicture`, and what `bot.domain.ports.Rules.check_entry` raises.
    """
    await check_entry(interaction)
    return await interaction.client.services.intake.take(attachment, field)


async def check_entry(interaction: Pressed) -> None:
    """Refuse before anything is fetched or kept; raises as `preflight` and `bot.domain.ports.Rules.check_entry`."""
    place = place_of(interaction)
    preflight(place)
    await interaction.client.services.job_service.check_entry(await member_of(interaction), place)


def reply_to(interaction: Pressed, place: Place, *, ephemeral: bool = False, follows: bool = False) -> ReplyTo:
    """The address of the reply: the token for 15 minutes, and the channel."""
    return ReplyTo(
        channel_id=place.channel_id,
        application_id=interaction.application_id,
        token=interaction.token,
        expires_at=interaction.expires_at,
        ephemeral=ephemeral,
        bot_present=place.bot_present,
        file_limit_bytes=place.file_limit_bytes,
        follows=follows,
    )


async def read(
    interaction: Pressed,
    text: str,
    *,
    has_picture: bool = False,
    has_control: bool = False,
    needs_words: bool = True,
    **given: str | float | None,
) -> Options:
    """The options of a prompt, open ones filled by the member's settings: see `member_options.read`.

    Raises `BadOption`.
    """
    preferences, styles = await own_words(interaction), interaction.client.services.settings.styles
    channel = await channel_defaults(interaction)
    return member_options.read(
        text, preferences, styles, channel=channel, has_picture=has_picture, has_control=has_control,
        needs_words=needs_words, **given,
    )  # fmt: skip


async def rolled(interaction: Pressed, text: str) -> str:
    """The prompt with its `__list__`s and `{a|b}`s chosen by chance. Raises `BadOption`."""
    interaction.extras[_TYPED] = True
    if "__" not in text and "|" not in text:
        return text
    wildcards = interaction.client.services.wildcards
    known: dynamic_prompts.Lists = {}
    if wildcards is not None and "__" in text:
        known = await wildcards.all()
    return dynamic_prompts.rolled(text, known, secrets.SystemRandom())


async def prompts_of(interaction: Pressed, text: str) -> list[str]:
    """Every prompt that a text stands for: what is chosen by chance is chosen, then each {…, …}. Raises `BadOption`."""
    return expand(await rolled(interaction, text))


async def own_words(interaction: Pressed) -> Preferences:
    """The settings of the member who asks, with the `__list__`s in their sets and suffix chosen by chance."""
    preferences = await preferences_of(interaction)
    if "__" in preferences.suffix or any("__" in text for _, text in preferences.sets):
        return await lists.with_lines(preferences, functools.partial(rolled, interaction))
    return preferences


async def channel_defaults(interaction: Pressed) -> str:
    """The flags that every new prompt in this channel has by default."""
    place = place_of(interaction)
    rules = await interaction.client.services.rules.get(place.rules_id)
    return rule_for(rules.channels, place).defaults


async def preferences_of(interaction: Pressed) -> Preferences:
    """The settings of the member who asks, read from the store once for each interaction."""
    if _PREFERENCES not in interaction.extras:
        members = interaction.client.services.members
        interaction.extras[_PREFERENCES] = await members.preferences(interaction.user.id)
    return interaction.extras[_PREFERENCES]


def fresh_seed() -> int:
    """A random seed."""
    return secrets.randbelow(MAX_SEED + 1)


def spec(verb: Verb, options: Options, **fields: object) -> JobSpec:
    """A job's spec; its seed is fixed here, so that running it again gives the same pictures."""
    seed = options.seed if options.seed is not None else fresh_seed()
    verb = sheet_or(verb, options) if options.draft else verb
    counted = {"count": DRAFTS} if verb is Verb.DRAFT else {}
    return JobSpec.model_validate({"verb": verb, "options": options, "seed": seed, **counted, **fields})


async def submit(
    interaction: Pressed, answer: Answer, spec: JobSpec, *, index: int = 0, asked_by: int | None = None
) -> Job:
    """Submit one job and answer with its reply. Raises what `JobService.submit` raises; then nothing was charged.

    Raises `NotYours` where an owner of what it is made from does not let it, and `OwnerAsked` where they are asked.

    `asked_by` is the id that asks, by default the interaction's. The same `asked_by` and `index` raise `AlreadyAsked`.
    """
    services = interaction.client.services
    place = place_of(interaction)
    preflight(place)
    member = await member_of(interaction)
    spec = await styled(interaction, spec)
    ask = Ask(
        spec=spec if spec.is_from_words else await recognised(interaction, spec),
        member=member,
        place=place,
        reply=reply_to(interaction, place, follows=answer.was_given),
        interaction_id=interaction.id if asked_by is None else asked_by,
        index=index,
        notify=(await preferences_of(interaction)).notify,
    )
    if not ask.spec.is_from_words:
        await require_consent(services, ask)
    job = await services.job_service.submit(ask)
    with interaction.client.replies.opening(job.id):
        used = ""
        with contextlib.suppress(StoreError):  # the job is accepted: whatever happens now, its reply must come
            used = cost_texts.share(await services.quotas.uses(member, place, services.clock()))
        await _acknowledge(interaction, answer, job, used)
    if "__" in f"{spec.options.prompt} {spec.options.negative}" and interaction.extras.pop(_TYPED, False):
        await lists.tell(answer, spec.options)
    return job


async def styled(interaction: Pressed, spec: JobSpec) -> JobSpec:
    """The spec with the pictures of a style that is kept by name. Raises `BadOption`."""
    style, styles = spec.options.style, interaction.client.services.settings.styles
    is_complete = style is None or style in styles or spec.options.kept_style is not None
    return spec if is_complete else await kept_styles.filled(interaction, spec)


async def _acknowledge(interaction: Pressed, answer: Answer, job: Job, used: str) -> None:
    text, message_id = f"{texts.headline(job)}\n⏳ waiting… · {cost_texts.cost(job, used)}", None
    try:
        message_id = await answer.public(text, view=cancel_view(job.id))
    except REFUSALS as error:
        # It may have arrived all the same: the job goes on, and its reply is looked for by the token.
        log.warning("acknowledgement lost: %s", error, extra={"action": "acknowledge", "job": job.id})
    if answer.is_dead:
        await interaction.client.services.job_service.gone(job.id)
        return
    if message_id is None:
        answer.hand_over()
    with contextlib.suppress(StoreError):  # it only could not be written down where the reply is
        await interaction.client.replies.opened(job, message_id, used)
