"""`/shorten`: which words of a prompt matter, and the prompt without the others."""

from __future__ import annotations

from discord import app_commands
from discord.app_commands import Range, locale_str
from discord.ext import commands

from bot.domain.prompting.prompt import parse, render, shorten
from bot.domain.prompting.word_weights import WordWeight, word_weights
from bot.ui.content import texts
from bot.ui.interactions import submission
from bot.ui.interactions.answer import Answer, Pressed
from bot.ui.interactions.contexts import everywhere

_STRONG = 1.5
"""A word with more than this multiple of the mean share is shown bold."""
_ECHO = 900


class Shorten(commands.Cog):
    """Says what a prompt's words are worth; nothing is drawn."""

    @app_commands.command(name="shorten", description=locale_str("Which words of a prompt matter"))
    @app_commands.describe(prompt=locale_str("The prompt to weigh"))
    @everywhere
    async def shorten(self, interaction: Pressed, prompt: Range[str, 1, 6000]) -> None:
        """Show the weight of each word, and a shorter prompt with the same flags."""
        async with Answer(interaction, ephemeral=True) as answer:
            await submission.check_entry(interaction)
            options = parse(prompt)
            weights = await word_weights(options.prompt, interaction.client.services.engine.embed)
            words = " ".join(weight.word for weight in weights if weight.kept)
            shorter = render(options.model_copy(update={"prompt": words, "parts": ()}))
            marked = shorten(" ".join(_marked(weight, len(weights)) for weight in weights), _ECHO)
            await answer.private(
                f"{marked}\n-# **Bold** moves the meaning most, ~~struck~~ hardly at all.\n"
                f"Shorter: {texts.echo(shorter, _ECHO)}"
            )


def _marked(weight: WordWeight, words: int) -> str:
    word = texts.safe(weight.word)
    if not weight.kept:
        return f"~~{word}~~"
    return f"**{word}**" if weight.share * words > _STRONG else word
