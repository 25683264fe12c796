"""`/set`: a member's own option sets, which `--set NAME` in a prompt stands for."""

from __future__ import annotations

from collections.abc import Sequence

from discord import app_commands
from discord.app_commands import Choice, Range, locale_str
from discord.ext import commands

from bot.commands.imagine import choices
from bot.domain.prompting.option_sets import MAX_CHARS, OptionSet, set_name, set_text, with_set, without_set
from bot.domain.prompting.prompt import parse
from bot.ui.content import texts
from bot.ui.interactions import submission
from bot.ui.interactions.answer import Answer, Pressed
from bot.ui.interactions.contexts import everywhere
from bot.ui.interactions.lists import require_lists
from bot.ui.interactions.usable import require_usable

NONE = "You have no sets. `/set save` makes one: `/set save poster --ar 3:2 --style poster`."
_ECHOES = (60, 30, 8)


class Sets(commands.Cog):
    """Save, list and delete option sets."""

    sets = everywhere(app_commands.Group(name="set", description=locale_str("Your own sets of flags, for --set NAME")))

    @sets.command(name="save", description=locale_str("Save flags and words under a name"))
    @app_commands.describe(
        name=locale_str("Letters, digits, - and _"),
        options=locale_str("For example --ar 3:2 --style poster"),
    )
    async def save(self, interaction: Pressed, name: Range[str, 1, 32], options: Range[str, 1, MAX_CHARS]) -> None:
        """Make a set, or replace the one of that name."""
        async with Answer(interaction, ephemeral=True) as answer:
            # It is read like a prompt, but nothing is drawn.
            await submission.read(interaction, f"x {options}", has_picture=True, has_control=True)
            await require_usable(interaction, parse("x", suffixes=(set_text(options),)))
            await require_lists(interaction, options)
            preferences = await interaction.client.services.members.change(
                interaction.user.id,
                lambda before: before.model_copy(update={"sets": with_set(before.sets, name, options)}),
            )
            saved = set_name(name)
            await answer.private(
                f"✅ {line((saved, dict(preferences.sets)[saved]))}\nUse it: `a red fox --set {saved}`"
            )

    @sets.command(name="list", description=locale_str("Your sets"))
    async def list(self, interaction: Pressed) -> None:
        """Show every set with what it adds."""
        async with Answer(interaction, ephemeral=True) as answer:
            preferences = await submission.preferences_of(interaction)
            await answer.private(listed(preferences.sets) or NONE)

    @sets.command(name="delete", description=locale_str("Delete one of your sets"))
    @app_commands.describe(name=locale_str("The set's name"))
    async def delete(self, interaction: Pressed, name: Range[str, 1, 32]) -> None:
        """Delete a set; jobs that used it keep their flags."""
        async with Answer(interaction, ephemeral=True) as answer:
            await interaction.client.services.members.change(
                interaction.user.id,
                lambda before: before.model_copy(update={"sets": without_set(before.sets, name)}),
            )
            await answer.private(f"🗑️ {texts.safe(set_name(name))} is deleted.")

    @delete.autocomplete("name")
    async def names(self, interaction: Pressed, typed: str) -> list[Choice[str]]:
        """The member's own sets."""
        return choices([name for name, _ in (await submission.preferences_of(interaction)).sets], typed)


def listed(sets: Sequence[OptionSet]) -> str:
    """Return all sets, one a line; the more there are, the less is shown of each."""
    return texts.fitted(lambda chars: "\n".join(line(one, chars) for one in sets), _ECHOES)


def line(one: OptionSet, chars: int = _ECHOES[0]) -> str:
    """Return a set as one line."""
    name, text = one
    return f"**{texts.safe(name)}**: {texts.echo(text, chars)}"
