"""What starts from pictures or shows where they come from: `/blend`, `/describe`, `/style`, `/lineage`."""

from __future__ import annotations

import contextlib

import discord
from discord import app_commands
from discord.app_commands import Choice, Range, locale_str
from discord.ext import commands

from bot.commands.contexts import everywhere
from bot.commands.imagine import choices
from bot.commands.jobs import own_newest
from bot.commands.presses import SHOWABLE, derivable
from bot.domain.lineage import family
from bot.domain.model import Job, Options, Verb
from bot.domain.prompt import parse
from bot.errors import BadOption, CellNotFound
from bot.ui import asking, texts
from bot.ui.answer import Answer, Pressed
from bot.ui.darkroom import Parts
from bot.ui.family_tree import Relative, draw
from bot.ui.page import Upload
from bot.ui.style_page import style_page

MAX_FAMILY = 40


class Images(commands.Cog):
    """Pictures in, pictures or words out."""

    style = everywhere(app_commands.Group(name="style", description=locale_str("The styles of this host")))

    @app_commands.command(name="blend", description=locale_str("Mix two to five pictures"))
    @app_commands.describe(
        first=locale_str("A picture"),
        second=locale_str("Another picture"),
        third=locale_str("One more picture"),
        fourth=locale_str("One more picture"),
        fifth=locale_str("One more picture"),
        prompt=locale_str("Words to steer the mixture"),
        strength=locale_str("How far from the pictures, 0 to 1"),
    )
    @everywhere
    async def blend(
        self,
        interaction: Pressed,
        first: discord.Attachment,
        second: discord.Attachment,
        third: discord.Attachment | None = None,
        fourth: discord.Attachment | None = None,
        fifth: discord.Attachment | None = None,
        prompt: Range[str, 1, 4000] | None = None,
        strength: Range[float, 0.0, 1.0] | None = None,
    ) -> None:
        """Mix pictures."""
        async with Answer(interaction) as answer:
            intake = interaction.client.parts.intake
            options = parse(prompt or "", needs_words=False, strength=strength)
            given = [picture for picture in (first, second, third, fourth, fifth) if picture is not None]
            images = tuple([await intake.take(picture) for picture in given])
            await asking.submit(interaction, answer, asking.spec(Verb.BLEND, options, images=images))

    @app_commands.command(name="describe", description=locale_str("Turn a picture into prompts"))
    @app_commands.describe(image=locale_str("The picture to describe"))
    @everywhere
    async def describe(self, interaction: Pressed, image: discord.Attachment) -> None:
        """Say what is in a picture."""
        async with Answer(interaction) as answer:
            key = await interaction.client.parts.intake.take(image)
            await asking.submit(interaction, answer, asking.spec(Verb.DESCRIBE, Options(prompt=""), images=(key,)))

    @style.command(name="list", description=locale_str("All styles of this host"))
    async def styles(self, interaction: Pressed) -> None:
        """Names and what they do."""
        async with Answer(interaction, ephemeral=True) as answer:
            page = await style_page(interaction.client, interaction.filesize_limit)
            await answer.private(page.text, view=page.view, files=page.files())

    @style.command(name="show", description=locale_str("What one style does"))
    @app_commands.describe(name=locale_str("The style's name"))
    async def one_style(self, interaction: Pressed, name: str) -> None:
        """Everything a style adds."""
        async with Answer(interaction, ephemeral=True) as answer:
            styles = interaction.client.parts.settings.styles
            if name not in styles:
                raise BadOption(name, f"there are: {', '.join(styles) or 'none'}")
            style = styles[name]
            adds = {
                "Prompt": style.prompt, "Not": style.negative, "Model": style.model, "Steps": style.steps,
                "Guidance": style.guidance, "LoRAs": ", ".join(style.loras),
            }  # fmt: skip
            lines = [f"{label}: {texts.safe(str(value))}" for label, value in adds.items() if value]
            await answer.private("\n".join([f"**{name}** {texts.safe(style.description)}", *lines]))

    @one_style.autocomplete("name")
    async def style_names(self, interaction: Pressed, typed: str) -> list[Choice[str]]:
        """The host's styles."""
        return choices(list(interaction.client.parts.settings.styles), typed)

    @app_commands.command(name="lineage", description=locale_str("The family tree of a picture"))
    @app_commands.describe(job=locale_str("The job's id"))
    @everywhere
    async def lineage(self, interaction: Pressed, job: str) -> None:
        """Who made which step, with thumbnails, as one picture."""
        parts = interaction.client.parts
        async with Answer(interaction) as answer:
            place = asking.place_of(interaction)
            asking.preflight(place)
            found = await derivable(interaction, job.strip())
            tree = family(await parts.jobs.family(found.id, MAX_FAMILY))
            everybody = [await _relative(parts, depth, one) for depth, one in tree.generations()]
            content = await parts.drawing.run(draw, everybody, place.file_limit_bytes)
            alt = "; ".join(f"{'> ' * one.depth}{one.caption}" for one in everybody)[: texts.ALT_LIMIT]
            hidden = any(one.spoiler for one in tree.jobs)
            upload = Upload(f"darkroom-{found.id}-lineage.webp", content, alt, spoiler=hidden)
            await answer.public(f"🌳 {texts.headline(found)}"[: texts.MESSAGE_LIMIT], files=[upload.file()])

    @lineage.autocomplete("job")
    async def earlier(self, interaction: Pressed, typed: str) -> list[Choice[str]]:
        """One's own newest jobs."""
        return await own_newest(interaction, typed)


async def _relative(parts: Parts, depth: int, job: Job) -> Relative:
    picture = None
    if job.state in SHOWABLE:
        with contextlib.suppress(CellNotFound):
            picture = await parts.studio.picture(job.id, 0)
    caption = f"{job.spec.verb.value.replace('_', ' ')} by {job.member_name}"
    return Relative(job.id, job.parent_id, depth, picture, caption)
