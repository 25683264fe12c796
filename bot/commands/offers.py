"""`/loras` and `/models`: what the host offers, as pages with samples."""

from __future__ import annotations

from discord import app_commands
from discord.app_commands import Choice, Range, locale_str
from discord.ext import commands

from bot.commands.imagine import choices
from bot.ui.interactions.answer import Pressed
from bot.ui.interactions.contexts import everywhere
from bot.ui.interactions.offer_page import show
from bot.ui.interactions.offers import Shelf, offers_of


class Offers(commands.Cog):
    """Pages of LoRAs and models."""

    @app_commands.command(name="loras", description=locale_str("The LoRAs of this host, and what calls them"))
    @app_commands.describe(lora=locale_str("One of them, to read all about it"))
    @everywhere
    async def loras(self, interaction: Pressed, lora: Range[str, 1, 100] | None = None) -> None:
        """What each adds, which model it is for, and which words call it."""
        await show(interaction, Shelf.LORA, name=lora)

    @app_commands.command(name="models", description=locale_str("The models of this host, with samples"))
    @app_commands.describe(model=locale_str("One of them, to read all about it"))
    @everywhere
    async def models(self, interaction: Pressed, model: Range[str, 1, 100] | None = None) -> None:
        """Size, steps and licence of each."""
        await show(interaction, Shelf.MODEL, name=model)

    @loras.autocomplete("lora")
    async def lora_names(self, interaction: Pressed, typed: str) -> list[Choice[str]]:
        """Names of the host's LoRAs."""
        return choices([offer.name for offer in await offers_of(interaction.client, Shelf.LORA)], typed)

    @models.autocomplete("model")
    async def model_names(self, interaction: Pressed, typed: str) -> list[Choice[str]]:
        """Names of the host's models."""
        return choices(interaction.client.services.models(), typed)
