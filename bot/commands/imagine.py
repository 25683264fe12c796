"""`/imagine`: words, options and pictures in; one reply that becomes the grid."""

from __future__ import annotations

from collections.abc import Sequence

import discord
from discord import app_commands
from discord.app_commands import Choice, Range, locale_str
from discord.ext import commands

from bot.commands.buttons import imagine_forms
from bot.domain.prompting.prompt import shorten
from bot.domain.prompting.short_names import short_name
from bot.errors import BadOption
from bot.ui.interactions.answer import Answer, Pressed
from bot.ui.interactions.contexts import everywhere
from bot.ui.interactions.offers import Offer, Shelf, offers_of

MAX_CHOICES = 25


class Imagine(commands.Cog):
    """Text, and if given a picture, to pictures."""

    @app_commands.command(name="imagine", description=locale_str("Make four pictures from your words"))
    @app_commands.describe(
        prompt=locale_str("What to draw, flags such as --ar 3:2 too; without it a form opens"),
        negative=locale_str("What should not be in the picture"),
        aspect=locale_str("Width to height, for example 3:2"),
        seed=locale_str("The same seed gives the same picture again"),
        steps=locale_str("How many steps of denoising"),
        guidance=locale_str("How closely to follow the words"),
        model=locale_str("Which model draws"),
        style=locale_str("A style of this host"),
        image=locale_str("A picture to start from"),
        strength=locale_str("How far from that picture, 0 to 1"),
        style_image=locale_str("A picture in whose manner to draw"),
        lora=locale_str("A LoRA of this host, with its weight if you like: ink:0.8"),
    )
    @everywhere
    async def imagine(
        self,
        interaction: Pressed,
        prompt: Range[str, 1, 6000] | None = None,
        negative: Range[str, 1, 2000] | None = None,
        aspect: Range[str, 3, 11] | None = None,
        seed: Range[int, 0, 4294967295] | None = None,
        steps: Range[int, 1, 500] | None = None,
        guidance: Range[float, 0.0, 50.0] | None = None,
        model: str | None = None,
        style: str | None = None,
        image: discord.Attachment | None = None,
        strength: Range[float, 0.0, 1.0] | None = None,
        style_image: discord.Attachment | None = None,
        lora: Range[str, 1, 310] | None = None,
    ) -> None:
        """Accept one job, ask for confirmation of several, or open a form where no words are given."""
        async with Answer(interaction, may_ask=prompt is None) as answer:
            if prompt is None:
                if image is not None or style_image is not None:
                    raise BadOption("prompt", "say what to draw with the picture, or leave it out and use the form")
                await imagine_forms.ask(interaction, answer, model=model, aspect=aspect, style=style, loras=lora)
                return
            reading = await imagine_forms.reader(
                interaction, has_picture=image is not None, negative=negative, aspect=aspect, seed=seed, steps=steps,
                guidance=guidance, model=model, style=style, strength=strength, loras=lora,
            )  # fmt: skip
            await imagine_forms.begin(interaction, answer, prompt, reading, image=image, style_image=style_image)

    @imagine.autocomplete("model")
    async def models(self, interaction: Pressed, typed: str) -> list[Choice[str]]:
        """Names from memory, those that begin with what was typed first."""
        return choices(interaction.client.services.models(), typed)

    @imagine.autocomplete("style")
    async def styles(self, interaction: Pressed, typed: str) -> list[Choice[str]]:
        """The host's styles."""
        return choices(list(interaction.client.services.settings.styles), typed)

    @imagine.autocomplete("lora")
    async def loras(self, interaction: Pressed, typed: str) -> list[Choice[str]]:
        """The host's LoRAs as they lie there now, with what calls them."""
        return lora_choices(await offers_of(interaction.client, Shelf.LORA), typed)


def lora_choices(offers: Sequence[Offer], typed: str) -> list[Choice[str]]:
    """At most 25 whose names or trigger words contain what was typed, the ones that begin with it first."""
    wanted = typed.casefold().rpartition(":")[0] or typed.casefold()
    found = [offer for offer in offers if wanted in f"{offer.name} {offer.hint}".casefold()]
    found.sort(key=lambda offer: (not offer.name.casefold().startswith(wanted), offer.name))
    return [
        Choice(name=shorten(f"{offer.name} · {offer.hint}" if offer.hint else offer.name, 100), value=offer.value)
        for offer in found[:MAX_CHOICES]
    ]


def choices(names: Sequence[str], typed: str) -> list[Choice[str]]:
    """At most 25 names that contain what was typed, the ones that begin with it first."""
    wanted = typed.casefold()
    found = sorted((not name.casefold().startswith(wanted), name) for name in names if wanted in name.casefold())
    return [
        Choice(name=shorten(name, 100), value=name if len(name) <= 100 else short_name(name))
        for _, name in found[:MAX_CHOICES]
    ]
