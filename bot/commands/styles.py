"""`/style`: the host's styles, and style pictures that members and moderators keep by name."""

from __future__ import annotations

import contextlib

import discord
from discord import app_commands
from discord.app_commands import Choice, Range, locale_str
from discord.ext import commands

from bot.commands.imagine import choices
from bot.commands.moderation.moderator_actions import entry, moderator
from bot.domain.model import JobState, KeptStyle, Member
from bot.domain.moderation.content_policy import check_given
from bot.domain.prompting.kept_styles import same_name, style_name, told, weights_of
from bot.domain.prompting.quotes import quoted
from bot.domain.prompting.short_names import with_short_name
from bot.domain.prompting.usable import check_picture_styles
from bot.errors import BadOption, FileLimitTooSmall, JobNotFound, PictureHidden
from bot.settings import StyleSettings
from bot.store.members.kept_styles import KeptStyleStore, StylePicture
from bot.ui.content import texts
from bot.ui.content.message_page import Upload
from bot.ui.interactions import submission
from bot.ui.interactions.answer import Answer, Pressed
from bot.ui.interactions.asker import member_of, place_of
from bot.ui.interactions.consent import origin_of
from bot.ui.interactions.contexts import everywhere
from bot.ui.interactions.kept_styles import seen_by, style_names
from bot.ui.interactions.offer_page import show
from bot.ui.interactions.offers import Shelf
from bot.ui.interactions.usable import able_here
from bot.ui.pictures.sample_sheet import numbered_sheet, thumbnail


class Styles(commands.Cog):
    """One list of styles: what the host wrote, and what people keep."""

    style = everywhere(
        app_commands.Group(name="style", description=locale_str("Styles of this host, and pictures kept by name"))
    )

    @style.command(name="save", description=locale_str("Keep pictures under a name, to draw in their manner"))
    @app_commands.describe(
        name=locale_str("Letters, digits, - and _"),
        picture=locale_str("A picture in whose manner to draw"),
        second=locale_str("One more picture"),
        third=locale_str("One more picture"),
        weights=locale_str("What each picture counts, for example 2, 1"),
        everybody=locale_str("For everybody on this server; only moderators can"),
    )
    @everywhere
    async def save(
        self,
        interaction: Pressed,
        name: Range[str, 1, 32],
        picture: discord.Attachment,
        second: discord.Attachment | None = None,
        third: discord.Attachment | None = None,
        weights: Range[str, 1, 40] | None = None,
        everybody: bool = False,
    ) -> None:
        """Keep a style, or replace the one of that name."""
        async with Answer(interaction, ephemeral=True) as answer:
            named = style_name(name, interaction.client.services.settings.styles)
            member = await _saver(interaction, everybody=everybody)
            able = await able_here(interaction)
            check_picture_styles(able, interaction.client.services.settings.styles)
            given = [each for each in (picture, second, third) if each is not None]
            counted = weights_of(weights, len(given))
            await interaction.client.services.job_service.check_words(member, place_of(interaction), named)
            pictures = [
                await _taken(interaction, member, each, weight) for each, weight in zip(given, counted, strict=True)
            ]
            await _kept(interaction).save(named, pictures, member.id, interaction.guild_id if everybody else None)
            if everybody:
                await interaction.client.services.log.add(entry(interaction, "style save", named))
            whose = "Everybody here uses it" if everybody else "Use it"
            usual = (
                await submission.read(interaction, "a red fox")
            ).model or interaction.client.services.engine.default_model
            use = f"a red fox --style {named}{_with_model(able.style_followers, usual)}"
            await answer.private(f"✅ **{texts.safe(named)}**: {told(counted)}\n{whose}: `{use}`")

    @style.command(name="list", description=locale_str("All styles that you can use here"))
    async def styles(self, interaction: Pressed) -> None:
        """List the styles with their descriptions."""
        await show(interaction, Shelf.STYLE)

    @style.command(name="show", description=locale_str("What one style does"))
    @app_commands.describe(name=locale_str("The style's name"))
    async def one_style(self, interaction: Pressed, name: str) -> None:
        """Show everything that a style adds to a prompt, or its pictures."""
        async with Answer(interaction, ephemeral=True) as answer:
            styles = interaction.client.services.settings.styles
            if (found := with_short_name(styles, name)) is not None:
                await answer.private(_told(found, styles[found]))
                return
            kept = next((one for one in await seen_by(interaction) if one.name == same_name(name)), None)
            if kept is None:
                known = ", ".join(await style_names(interaction))
                told_known = f"there is no such style; known: {known}" if known else "no styles are set up here"
                raise BadOption(name, told_known[:400])
            counted = [weight for _, weight in kept.style.pictures]
            whose = f"kept by <@{kept.style.owner_id}>" + (" for everybody here" if kept.guild_id else "")
            text = f"**{texts.safe(kept.name)}** {told(counted)}, {whose}"
            await _require_shown(interaction, kept.style)
            sheet = await _sheet(interaction, kept.name, [key for key, _ in kept.style.pictures])
            await answer.private(text, files=[one.file() for one in sheet])

    @style.command(name="rm", description=locale_str("Remove a kept style; pictures made with it stay"))
    @app_commands.describe(name=locale_str("The style's name"))
    async def remove(self, interaction: Pressed, name: Range[str, 1, 32]) -> None:
        """Remove one's own style; moderators remove the server's where they have none of that name."""
        async with Answer(interaction, ephemeral=True) as answer:
            named, store = same_name(name), _kept(interaction)
            if not await store.remove(named, interaction.user.id):
                kept = await store.all(interaction.user.id, interaction.guild_id)
                if interaction.guild_id is None or named not in {one.name for one in kept}:
                    names = ", ".join(one.name for one in kept)
                    raise BadOption(name, f"you can remove {names}" if names else "none is kept; /style save keeps one")
                await moderator(interaction, "style rm")
                await store.remove(named, interaction.guild_id)
                await interaction.client.services.log.add(entry(interaction, "style rm", named))
            await answer.private(f"🗑️ {texts.safe(named)} is removed. Pictures made with it stay.")

    @one_style.autocomplete("name")
    async def names(self, interaction: Pressed, typed: str) -> list[Choice[str]]:
        """Every style that can be used here."""
        return choices(await style_names(interaction), typed)

    @remove.autocomplete("name")
    async def kept_names(self, interaction: Pressed, typed: str) -> list[Choice[str]]:
        """The member's own styles, and the server's."""
        kept = await _kept(interaction).all(interaction.user.id, interaction.guild_id)
        return choices(list(dict.fromkeys(one.name for one in kept)), typed)


async def _saver(interaction: Pressed, *, everybody: bool) -> Member:
    if everybody and interaction.guild_id is None:
        raise BadOption("everybody", "this is for servers; leave it out to keep the style for yourself")
    return await moderator(interaction, "style save") if everybody else await member_of(interaction)


def _with_model(followers: list[str], usual: str) -> str:
    """The flag that a prompt needs where the model that it would be drawn with follows no style pictures."""
    return "" if usual in followers else f" --model {quoted(followers[0])}"


def _kept(interaction: Pressed) -> KeptStyleStore:
    if (store := interaction.client.services.kept_styles) is None:
        raise BadOption("style", "no styles are kept here")
    return store


async def _taken(interaction: Pressed, member: Member, attachment: discord.Attachment, weight: float) -> StylePicture:
    """A picture of a style, checked like one that is shown. Raises `BadPicture` and `NotYours`."""
    services, place = interaction.client.services, place_of(interaction)
    key = await submission.take(interaction, attachment)
    content = await services.pictures.get(key)
    rules = await services.rules.get(place.rules_id)
    check_given(rules, await services.engine.judge(content), age_restricted=place.age_restricted)
    return StylePicture(key, weight, len(content), await origin_of(services, member, key))


async def _require_shown(interaction: Pressed, style: KeptStyle) -> None:
    """Raise `PictureHidden` where one of the pictures is that of a hidden job."""
    for job_id in style.origins:
        with contextlib.suppress(JobNotFound):  # deleted: the copy is the keeper's
            if (await interaction.client.services.jobs.get(job_id)).state is JobState.HIDDEN:
                raise PictureHidden


async def _sheet(interaction: Pressed, name: str, keys: list[str]) -> list[Upload]:
    """One upload; none where files may not be large enough."""
    services = interaction.client.services
    contents = [await services.pictures.get(key) for key in keys]
    small = {place: await services.drawing.run(thumbnail, content) for place, content in enumerate(contents, 1)}
    try:
        sheet = await services.drawing.run(numbered_sheet, small, interaction.filesize_limit)
    except FileLimitTooSmall:
        return []
    return [Upload("darkroom-style.webp", sheet, f"The pictures of the style {name}"[: texts.ALT_LIMIT])]


def _told(name: str, style: StyleSettings) -> str:
    adds = {
        "Prompt": style.prompt, "Not": style.negative, "Model": style.model, "Steps": style.steps,
        "Guidance": style.guidance, "LoRAs": ", ".join(style.loras),
    }  # fmt: skip
    lines = [f"{label}: {texts.safe(str(value))}" for label, value in adds.items() if value]
    return "\n".join([f"**{texts.safe(name)}** {texts.safe(style.description)}", *lines])
