"""The card of a recipe that was found in somebody's picture, and its button."""

from __future__ import annotations

import discord

from bot.domain.prompting.foreign_recipe import Drawable, sentences
from bot.domain.prompting.prompt import shorten
from bot.ui.content.texts import safe
from engine import ForeignRecipe

_PROMPT, _FIELD = 3800, 1000
_FENCE = "```"


def foreign_card(recipe: ForeignRecipe, found: Drawable) -> discord.Embed:
    """What the file says, what this host lacks of it, and the text that would draw it here."""
    text = found.text or recipe.prompt
    shown = shorten(text.replace(_FENCE, "'''"), _PROMPT)
    title = f"Recipe in this picture ({safe(recipe.tool)})"
    embed = discord.Embed(title=title, description=f"{_FENCE}\n{shown}\n{_FENCE}")
    for name, value in _rows(recipe):
        embed.add_field(name=name, value=shorten(safe(value), _FIELD))
    for name, lines in (("Not here", found.lacks), ("Not certain", recipe.doubts)):
        if lines:
            embed.add_field(name=name, value=shorten(safe(sentences(lines)), _FIELD), inline=False)
    return embed


def can_be_drawn(found: Drawable) -> bool:
    """Whether the card holds the whole text, so that its button can read it there."""
    return bool(found.text) and len(found.text) <= _PROMPT and _FENCE not in found.text


def text_on(message: discord.Message) -> str:
    """The text on a card; "" where the message shows none."""
    description = message.embeds[0].description if message.embeds else None
    return (description or "").removeprefix(f"{_FENCE}\n").removesuffix(f"\n{_FENCE}")


def _rows(recipe: ForeignRecipe) -> list[tuple[str, str]]:
    size = f"{recipe.width}x{recipe.height}" if recipe.width and recipe.height else ""
    loras = ", ".join(f"{name} ({weight:g})" for name, weight in recipe.loras)
    rows = [
        ("Seed", recipe.seed),
        ("Steps", recipe.num_inference_steps),
        ("Guidance", recipe.guidance_scale),
        ("Sampler", recipe.sampler),
        ("Size", size),
        ("Model", recipe.model),
        ("LoRAs", loras),
    ]
    return [(name, str(value)) for name, value in rows if value not in (None, "")]
