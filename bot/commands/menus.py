"""What "Apps" offers on any message with a picture: vary, upscale, describe."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import discord
from discord import app_commands
from discord.app_commands import locale_str

from bot.commands import derivations
from bot.commands.contexts import everywhere
from bot.domain.lineage import SINGLE
from bot.domain.model import Options, Verb
from bot.domain.prompt import expand
from bot.errors import BadPicture, JobNotFound
from bot.ui import asking, several
from bot.ui.answer import Answer, Pressed
from bot.ui.custom_ids import Act, ButtonId, FormId, FormKind
from bot.ui.modals import Filled, Form
from bot.ui.wire import REFUSALS


def menus() -> tuple[app_commands.ContextMenu, ...]:
    """Fresh commands for one command tree."""
    return (
        _menu("Darkroom: vary", vary),
        _menu("Darkroom: upscale", upscale),
        _menu("Darkroom: describe", describe),
    )


async def vary(interaction: Pressed, message: discord.Message) -> None:
    """Four variations; for a picture of somebody else's, words are asked for first."""
    async with Answer(interaction, may_ask=True) as answer:
        if ours := await _ours(interaction, message, Act.VARY_STRONG):
            await derivations.ask(interaction, answer, ours)
            return
        interaction.client.seen.remember(message.id, _attachment(message))
        about = f"{message.channel.id}:{message.id}"
        await answer.modal(Form("What does it show?", FormId(FormKind.MENU, about), ""))


async def varied(interaction: Pressed, about: str, filled: Filled) -> None:
    """The words for somebody else's picture; after a restart the message is read again, where the bot may."""
    async with Answer(interaction) as answer:
        asked = [await asking.read(interaction, text, has_picture=True) for text in expand(filled.prompt)]
        channel_id, _, message_id = about.partition(":")
        attachment = interaction.client.seen.recall(int(message_id))
        if attachment is None:
            channel = interaction.client.get_partial_messageable(int(channel_id), guild_id=interaction.guild_id)
            try:
                attachment = _attachment(await channel.fetch_message(int(message_id)))
            except REFUSALS as error:
                raise BadPicture("I was restarted meanwhile and cannot see it; use the menu again") from error
        key = await interaction.client.parts.intake.take(attachment)
        await several.submit(interaction, answer, asked, lambda one: asking.spec(Verb.VARY_STRONG, one, images=(key,)))


async def upscale(interaction: Pressed, message: discord.Message) -> None:
    """Four times the size."""
    await _at_once(interaction, message, Act.UPSCALE_SUBTLE)


async def describe(interaction: Pressed, message: discord.Message) -> None:
    """Prompts for what is in the picture."""
    await _at_once(interaction, message, Act.DESCRIBE)


async def _at_once(interaction: Pressed, message: discord.Message, act: Act) -> None:
    async with Answer(interaction) as answer:
        if ours := await _ours(interaction, message, act):
            await derivations.ask(interaction, answer, ours)
            return
        verb, _ = derivations.DERIVED[act]
        key = await interaction.client.parts.intake.take(_attachment(message))
        wish = asking.spec(verb, Options(prompt=""), images=(key,), count=1 if verb in SINGLE else 4)
        await asking.submit(interaction, answer, wish)


async def _ours(interaction: Pressed, message: discord.Message, act: Act) -> ButtonId | None:
    """The button for the cell this message of ours shows, or None. Raises `BadPicture` for a grid or no picture."""
    if message.author.id != interaction.client.application_id and message.author != interaction.client.user:
        return None
    jobs = interaction.client.parts.jobs
    try:
        job, cell = await jobs.at_message(message.id)
    except JobNotFound:
        return None
    kept = await jobs.cells(job.id)
    if not kept:
        raise BadPicture("there is no finished picture in that message")
    if cell is None and len(kept) > 1:
        raise BadPicture("this is a grid; press U1 to U4 first and use the picture that comes")
    return ButtonId(act, job.id, cell or 0)


def _attachment(message: discord.Message) -> discord.Attachment:
    forwarded = (attachment for original in message.message_snapshots for attachment in original.attachments)
    for attachment in (*message.attachments, *forwarded):
        if (attachment.content_type or "").startswith("image/"):
            return attachment
    raise BadPicture("there is no uploaded picture in that message")


def _menu(name: str, callback: Callable[[Pressed, discord.Message], Awaitable[None]]) -> app_commands.ContextMenu:
    async def called(interaction: discord.Interaction[Any], message: discord.Message) -> None:
        await callback(interaction, message)

    # discord.py evaluates the annotations to learn what the menu is for; a wrapper has them in plain form.
    called.__annotations__ = {"interaction": discord.Interaction, "message": discord.Message}
    return everywhere(app_commands.ContextMenu(name=locale_str(name), callback=called))
