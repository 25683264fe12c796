"""What "Apps" offers on any message with a picture: vary, edit, upscale, describe, read its recipe."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import discord
from discord import app_commands
from discord.app_commands import locale_str

from bot.commands.buttons import derive_buttons, edit_buttons, foreign_recipes, result_buttons
from bot.domain.model import Job, Options, Verb
from bot.domain.prompting.derivation import SINGLE
from bot.errors import BadPicture, JobNotFound
from bot.ui.content import texts
from bot.ui.content.custom_ids import Act, ButtonId, FormId, FormKind
from bot.ui.content.modals import EditForm, Filled, Form
from bot.ui.discord_errors import REFUSALS
from bot.ui.interactions import submission
from bot.ui.interactions.answer import Answer, Pressed
from bot.ui.interactions.contexts import everywhere
from bot.ui.interactions.posters import other_than, posted_by
from bot.ui.interactions.remembered_attachments import Seen
from bot.ui.interactions.submissions import submit_each

_PHONES = (".heic", ".heif", ".avif")
"""Files that Discord names no type for when the member's computer knows none."""


def menus() -> tuple[app_commands.ContextMenu, ...]:
    """Build the context menus for one command tree."""
    return (
        _menu("Darkroom: vary", vary),
        _menu("Darkroom: edit", edit),
        _menu("Darkroom: upscale", upscale),
        _menu("Darkroom: describe", describe),
        _menu("Darkroom: recipe", recipe),
    )


async def vary(interaction: Pressed, message: discord.Message) -> None:
    """Draw four variations of the picture; for a picture that the bot did not make, ask for a prompt first."""
    async with Answer(interaction, may_ask=True) as answer:
        if ours := await _ours(interaction, message, Act.VARY_STRONG):
            await derive_buttons.ask(interaction, answer, ours)
            return
        form_id = FormId(FormKind.MENU, await _remembered(interaction, message))
        await answer.modal(Form("What does it show?", form_id, ""))


async def varied(interaction: Pressed, about: str, filled: Filled) -> None:
    """Read the form of a picture that the bot did not make; after a restart, fetch the message again."""
    async with Answer(interaction) as answer:
        prompts = await submission.prompts_of(interaction, filled.prompt)
        asked = [await submission.read(interaction, text, has_picture=True) for text in prompts]
        found = await _recalled(interaction, about)
        key, poster_id = await submission.take(interaction, found.picture), other_than(interaction, found.author_id)
        given = {"images": (key,), "poster_id": poster_id}
        await submit_each(interaction, answer, asked, lambda one: submission.spec(Verb.VARY_STRONG, one, **given))


async def edit(interaction: Pressed, message: discord.Message) -> None:
    """Change a picture by words: the form asks for them."""
    async with Answer(interaction, may_ask=True) as answer:
        if ours := await _ours(interaction, message, Act.EDIT):
            await edit_buttons.ask(interaction, answer, ours)
            return
        form_id = FormId(FormKind.MENU_EDIT, await _remembered(interaction, message))
        await answer.modal(EditForm(edit_buttons.TITLE, form_id, ""))


async def edited(interaction: Pressed, about: str, filled: Filled) -> None:
    """Change somebody else's picture as the form says."""
    async with Answer(interaction) as answer:
        prompts = await submission.prompts_of(interaction, filled.prompt)
        asked = [await submission.read(interaction, text, has_picture=True) for text in prompts]
        found = await _recalled(interaction, about)
        first = await submission.take(interaction, found.picture)
        images = (first, *await edit_buttons.pictures_in(interaction, filled))
        given = {"images": images, "poster_id": other_than(interaction, found.author_id)}
        await submit_each(interaction, answer, asked, lambda one: submission.spec(Verb.EDIT, one, **given))


async def upscale(interaction: Pressed, message: discord.Message) -> None:
    """Upscale the picture four times."""
    await _at_once(interaction, message, Act.UPSCALE_SUBTLE)


async def describe(interaction: Pressed, message: discord.Message) -> None:
    """Propose prompts that describe the picture."""
    await _at_once(interaction, message, Act.DESCRIBE)


async def recipe(interaction: Pressed, message: discord.Message) -> None:
    """Tell how the picture was made: from the database for one of ours, else from the words inside its file."""
    async with Answer(interaction, ephemeral=True) as answer:
        if (found := await _shown_by(interaction, message)) is not None:
            job, cell = found
            await result_buttons.tell_recipe(interaction, answer, ButtonId(Act.RECIPE, job.id, cell or 0))
            return
        await submission.check_entry(interaction)
        content = await interaction.client.services.intake.fetched(_attachment(message))
        await foreign_recipes.tell(interaction, answer, await foreign_recipes.recipe_in(interaction, content))


async def _at_once(interaction: Pressed, message: discord.Message, act: Act) -> None:
    async with Answer(interaction) as answer:
        if ours := await _ours(interaction, message, act):
            await derive_buttons.ask(interaction, answer, ours)
            return
        verb, _ = derive_buttons.DERIVED[act]
        # To describe a picture is to look at it: nothing is made of it.
        poster_id = None
        if verb is not Verb.DESCRIBE:
            poster_id = other_than(interaction, await posted_by(interaction, message))
        key = await submission.take(interaction, _attachment(message))
        spec = submission.spec(
            verb, Options(prompt=""), images=(key,), count=1 if verb in SINGLE else 4, poster_id=poster_id
        )
        await submission.submit(interaction, answer, spec)


async def _recalled(interaction: Pressed, about: str) -> Seen:
    """Return the picture that a form is about, fetched again if needed. Raises `BadPicture` and `JobNotFound`."""
    channel_id, _, message_id = about.partition(":")
    again = BadPicture("I was restarted meanwhile and cannot see it; use the menu again")
    if channel_id != str(interaction.channel_id) or not message_id.isdecimal():
        raise again  # a form is filled in where it was opened: nobody reads another channel this way
    if seen := interaction.client.seen.recall(int(message_id)):
        return seen
    channel = interaction.client.get_partial_messageable(int(channel_id), guild_id=interaction.guild_id)
    try:
        message = await channel.fetch_message(int(message_id))
    except REFUSALS as error:
        raise again from error
    if await _shown_by(interaction, message) is not None:
        raise again
    return Seen(_attachment(message), await posted_by(interaction, message))


async def _ours(interaction: Pressed, message: discord.Message, act: Act) -> ButtonId | None:
    """The button for the cell a message shows, or None when it is no picture of ours.

    Raises `BadPicture` for a grid or no picture, and `JobNotFound` for a picture of ours whose job is gone.
    """
    jobs = interaction.client.services.jobs
    if (found := await _shown_by(interaction, message)) is None:
        return None
    job, cell = found
    kept = await jobs.cells(job.id)
    if not kept:
        raise BadPicture("there is no finished picture in that message")
    if cell is None and len(kept) > 1:
        raise BadPicture("this is a grid; press U1 to U4 first and use the picture that comes")
    return ButtonId(act, job.id, cell or 0)


async def _shown_by(interaction: Pressed, message: discord.Message) -> tuple[Job, int | None] | None:
    """The job whose picture a message shows, and which cell, also when it is forwarded; None for others' pictures.

    Raises `JobNotFound` when the picture is ours and its job is gone: nobody is left who could say yes.
    """
    client = interaction.client
    is_ours = message.author.id == client.application_id or message.author == client.user
    if not is_ours and not message.message_snapshots:
        return None
    jobs, original = client.services.jobs, message.id if is_ours else _forwarded_from(message)
    with contextlib.suppress(JobNotFound):
        return await jobs.at_message(original)
    if await jobs.extract_at(original):
        raise BadPicture("it shows more than one picture; press U1 to U4 and use the picture that comes")
    # What only one person was shown, or was forwarded out of sight, says by its name what it is.
    named = [told for name in _file_names(message) if (told := texts.named_in(name))]
    if named:
        return await jobs.get(named[0][0]), named[0][1] if len(named) == 1 else None
    if is_ours:
        raise JobNotFound(str(original))
    return None


async def _remembered(interaction: Pressed, message: discord.Message) -> str:
    """Keep the picture of a message at hand; returns what a form says of it. Raises `BadPicture` and `NotYours`."""
    seen = Seen(_attachment(message), await posted_by(interaction, message))
    interaction.client.seen.remember(message.id, seen)
    return f"{interaction.channel_id}:{message.id}"


def _forwarded_from(message: discord.Message) -> int:
    reference = message.reference
    return (reference.message_id if reference else None) or message.id


def _file_names(message: discord.Message) -> list[str]:
    """The names of the pictures in a message, also of an album, whose files are among its components only."""
    shown = [message, *message.message_snapshots]
    galleries = [part for one in shown for part in one.components if isinstance(part, discord.MediaGalleryComponent)]
    pictures = [item.media.url for gallery in galleries for item in gallery.items]
    return [urlsplit(url).path.rpartition("/")[2] for url in pictures] or [_attachment(message).filename]


def _attachment(message: discord.Message) -> discord.Attachment:
    forwarded = (attachment for original in message.message_snapshots for attachment in original.attachments)
    for attachment in (*message.attachments, *forwarded):
        if (attachment.content_type or "").startswith("image/") or attachment.filename.lower().endswith(_PHONES):
            return attachment
    raise BadPicture("there is no uploaded picture in that message")


def _menu(name: str, callback: Callable[[Pressed, discord.Message], Awaitable[None]]) -> app_commands.ContextMenu:
    async def called(interaction: discord.Interaction[Any], message: discord.Message) -> None:
        await callback(interaction, message)

    # discord.py evaluates the annotations to learn what the menu is for; a wrapper has them in plain form.
    called.__annotations__ = {"interaction": discord.Interaction, "message": discord.Message}
    return everywhere(app_commands.ContextMenu(name=locale_str(name), callback=called))
