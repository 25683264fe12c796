"""*Use as emoji / sticker* under a picture: a form with the name, then a new expression of the server."""

from __future__ import annotations

import asyncio
import io

import discord

from bot.commands.buttons.derive_buttons import about_job
from bot.domain.model import (
    MOST_BYTES,
    SIDES,
    ExpressionKind,
    Job,
    Member,
    Slots,
    expression_name,
    proposed_name,
)
from bot.domain.moderation.access import CREATE_EXPRESSIONS
from bot.domain.moderation.consents import Stance
from bot.errors import (
    BadOption,
    ExpressionRefused,
    MissingPermissions,
    NotAllowedHere,
    NotPermitted,
    NotYours,
    UserError,
)
from bot.ui.content.custom_ids import ButtonId, FormId, FormKind
from bot.ui.content.modals import ExpressionForm, Filled
from bot.ui.content.texts import safe
from bot.ui.discord_errors import NETWORK_ERRORS, is_passing
from bot.ui.interactions.answer import Answer, Pressed
from bot.ui.interactions.asker import member_of, place_of
from bot.ui.interactions.permitted_jobs import shown
from bot.ui.pictures.expressions import expression_png

TAG = "🎨"
"""Discord files a sticker under an emoji."""
PATIENCE_S = 60.0
FULL = {ExpressionKind.EMOJI: frozenset({30008}), ExpressionKind.STICKER: frozenset({30039})}
"""Discord's codes for a server that has as many as it may have."""
_LATER = "it answers no such request just now. Look in Server Settings whether it is there; if not, try again later."
_ECHO = 200


async def ask(interaction: Pressed, pressed: ButtonId) -> None:
    """Open the form, for whoever may add expressions to this server and may use this picture."""
    async with Answer(interaction, ephemeral=True, may_ask=True) as answer:
        job = await _usable(interaction, pressed.job_id)
        guild = _server(interaction)
        slots = tuple(slots_of(guild, kind) for kind in ExpressionKind)
        if all(each.is_full for each in slots):
            slots[0].require_free()
        name = proposed_name(job.spec.options.prompt)
        form_id = FormId(FormKind.EXPRESSION, str(pressed))
        await answer.modal(ExpressionForm("Use as emoji / sticker", form_id, name, slots=slots))


async def filled_in(interaction: Pressed, about: str, filled: Filled) -> None:
    """Add the picture to the server under the name that the form says."""
    async with Answer(interaction, ephemeral=True) as answer:
        pressed, found = await about_job(interaction, about)
        job = await _usable(interaction, found.id)
        guild = _server(interaction)
        kind = _kind(filled.choice)
        name = expression_name(kind, filled.prompt)
        member, place = await member_of(interaction), place_of(interaction)
        services = interaction.client.services
        await services.job_service.check_words(member, place, name)
        slots = slots_of(guild, kind)
        slots.require_free()
        picture = await services.job_service.picture(job.id, pressed.cell)
        content = await services.drawing.run(expression_png, picture, SIDES[kind])
        if len(content) > MOST_BYTES[kind]:
            raise ExpressionRefused(f"the file of this {kind} is too large")
        shown_as = await _added(guild, slots, name, content, member)
        await answer.private(f"{shown_as} {slots.used + 1} of {slots.limit} {kind}s of this server are used.")


def slots_of(guild: discord.Guild, kind: ExpressionKind) -> Slots:
    """How many a server has of a kind. Animated emojis, and those of integrations, are counted apart by Discord."""
    if kind is ExpressionKind.EMOJI:
        used = sum(not emoji.animated and not emoji.managed for emoji in guild.emojis)
        limit = guild.emoji_limit
    else:
        used, limit = len(guild.stickers), guild.sticker_limit
    return Slots(kind=kind, used=used, limit=limit, level=guild.premium_tier)


def _server(interaction: Pressed) -> discord.Guild:
    """The server. Raises `NotAllowedHere`, `NotPermitted` and `MissingPermissions`."""
    guild = interaction.client.get_guild(interaction.guild_id) if interaction.guild_id is not None else None
    if guild is None:
        raise NotAllowedHere("emojis and stickers belong to a server that I am a member of")
    if not interaction.permissions.create_expressions:
        raise NotPermitted(CREATE_EXPRESSIONS)
    if not interaction.app_permissions.create_expressions:
        raise MissingPermissions(("create_expressions",))
    return guild


async def _usable(interaction: Pressed, job_id: str) -> Job:
    """The job, where its picture may be posted openly. Raises what `shown` and `check_post` raise, and `NotYours`."""
    job = await shown(interaction, job_id)
    member, place = await member_of(interaction), place_of(interaction)
    if await interaction.client.services.consents.of(job, member) is not Stance.YES:
        raise NotYours(job.member_id)  # it outlives what its owner may say later
    await interaction.client.services.job_service.check_post(job, member, place)
    if job.spoiler:
        raise NotAllowedHere("this picture is hidden until clicked, and emojis and stickers cannot be")
    return job


def _kind(choice: str) -> ExpressionKind:
    if choice not in set(ExpressionKind):
        raise BadOption("use it as", "choose emoji or sticker")
    return ExpressionKind(choice)


async def _added(guild: discord.Guild, slots: Slots, name: str, content: bytes, by: Member) -> str:
    """Add it and return how it looks in a message. Raises what says why Discord does not take it."""
    reason = f"asked for by {by.name} ({by.id})"[:512]
    try:
        async with asyncio.timeout(PATIENCE_S):
            if slots.kind is ExpressionKind.EMOJI:
                emoji = await guild.create_custom_emoji(name=name, image=content, reason=reason)
                return f"{emoji} The emoji `:{emoji.name}:` is there."
            file = discord.File(io.BytesIO(content), "sticker.png")
            sticker = await guild.create_sticker(name=name, emoji=TAG, file=file, reason=reason)
            return f"The sticker **{safe(sticker.name)}** is there."
    except discord.HTTPException as error:
        raise _refusal(error, slots) from error
    except (discord.RateLimited, *NETWORK_ERRORS) as error:
        raise ExpressionRefused(_LATER) from error


def _refusal(error: discord.HTTPException, slots: Slots) -> UserError:
    if error.code in FULL[slots.kind]:
        return slots.full()
    if error.status == 403:
        return MissingPermissions(("create_expressions",))
    if is_passing(error):
        return ExpressionRefused(_LATER)
    return ExpressionRefused(safe(error.text[:_ECHO]) or f"code {error.code}")
