"""`/blend`, `/describe`, `/cutout` and `/lineage`: commands that start from pictures or show their lineage."""

from __future__ import annotations

import contextlib

import discord
from discord import app_commands
from discord.app_commands import Choice, Range, locale_str
from discord.ext import commands

from bot.commands.buttons import foreign_recipes
from bot.commands.buttons.relatives import relative
from bot.commands.buttons.reposts import Post, PostKind
from bot.commands.jobs import own_newest
from bot.domain.model import Options, Verb
from bot.domain.moderation.job_access import Deed
from bot.domain.prompting.derivation import family
from bot.errors import BadPicture
from bot.ui.content import texts
from bot.ui.content.message_page import Page, Upload
from bot.ui.interactions import submission
from bot.ui.interactions.answer import Answer, Pressed
from bot.ui.interactions.contexts import everywhere
from bot.ui.interactions.permitted_jobs import permitted
from bot.ui.interactions.submissions import submit_each
from bot.ui.pictures.lineage_tree import draw

MAX_FAMILY = 40


class Images(commands.Cog):
    """Commands that take pictures and return pictures or text."""

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
        """Start a job that mixes pictures."""
        async with Answer(interaction) as answer:
            asked = [
                await submission.read(interaction, text, has_picture=True, needs_words=False, strength=strength)
                for text in await submission.prompts_of(interaction, prompt or "")
            ]
            given = [picture for picture in (first, second, third, fourth, fifth) if picture is not None]
            images = tuple([await submission.take(interaction, picture) for picture in given])
            await submit_each(interaction, answer, asked, lambda one: submission.spec(Verb.BLEND, one, images=images))

    @app_commands.command(name="describe", description=locale_str("Turn a picture into prompts"))
    @app_commands.describe(image=locale_str("The picture to describe"))
    @everywhere
    async def describe(self, interaction: Pressed, image: discord.Attachment) -> None:
        """Propose prompts that describe a picture."""
        async with Answer(interaction) as answer:
            await submission.check_entry(interaction)
            content = await interaction.client.services.intake.fetched(image)
            key = await interaction.client.services.intake.keep(content)
            await submission.submit(
                interaction, answer, submission.spec(Verb.DESCRIBE, Options(prompt=""), images=(key,))
            )
            with contextlib.suppress(BadPicture):  # most pictures carry no recipe
                await foreign_recipes.tell(interaction, answer, await foreign_recipes.recipe_in(interaction, content))

    @app_commands.command(name="cutout", description=locale_str("Take the background of a picture away"))
    @app_commands.describe(picture=locale_str("The picture to cut out"))
    @everywhere
    async def cutout(self, interaction: Pressed, picture: discord.Attachment) -> None:
        """Cut out an uploaded picture."""
        async with Answer(interaction) as answer:
            key = await submission.take(interaction, picture)
            spec = submission.spec(Verb.CUT_OUT, Options(prompt=""), images=(key,), count=1)
            await submission.submit(interaction, answer, spec)

    @app_commands.command(name="lineage", description=locale_str("The family tree of a picture"))
    @app_commands.describe(job=locale_str("The job's id"))
    @everywhere
    async def lineage(self, interaction: Pressed, job: str) -> None:
        """Answer with the family tree of a picture: thumbnails, and who made which step."""
        services = interaction.client.services
        async with Answer(interaction) as answer:
            found = await permitted(interaction, job.strip(), Deed.DERIVE)
            post = Post(interaction, answer, found)
            is_private = bool(await post.private_because())
            kin = family(await services.jobs.family(found.id))
            tree = kin.nearest(found.id, MAX_FAMILY)
            kin_here = [
                await relative(interaction, depth, one, found.id, is_private=is_private)
                for depth, one in tree.generations()
            ]
            everybody = [one.relative for one in kin_here]
            said = ((one.depth, f"{one.caption}, {one.detail}".rstrip(", ")) for one in everybody)
            alt = "; ".join(f"{'> ' * depth}{words}" for depth, words in said)[: texts.ALT_LIMIT]
            hidden = any(one.is_hidden for one in kin_here)

            left_out = len(kin.jobs) - len(tree.jobs)
            more = f"\n-# The nearest {len(tree.jobs)} of {len(kin.jobs)}" if left_out else ""

            async def fitted(limit: int) -> Page:
                content = await services.drawing.run(draw, everybody, limit, asked=found.id)
                upload = Upload(f"darkroom-{found.id}-lineage.webp", content, alt, spoiler=hidden)
                return Page(f"🌳 {texts.headline(found)}{more}", (upload,))

            told = {found.id, *(one.relative.id for one in kin_here if one.is_told)}
            await post.send(fitted, PostKind.EXTRACT, of=told)

    @lineage.autocomplete("job")
    async def earlier(self, interaction: Pressed, typed: str) -> list[Choice[str]]:
        """One's own newest jobs."""
        return await own_newest(interaction, typed)
