"""`/mod words`: which words, phrases, patterns and meanings prompts may not have."""

from __future__ import annotations

from typing import Literal

from discord import app_commands
from discord.app_commands import Range, locale_str

from bot.commands.moderation.moderator_actions import change, guild_id, moderator, tell_all
from bot.domain.moderation.guild_rules import GuildRules
from bot.domain.moderation.word_rules import RuleKind, WordRule, rule_named, with_rule, without_rule
from bot.errors import BadOption
from bot.ui.content import texts
from bot.ui.interactions.answer import Answer, Pressed


class Words(app_commands.Group):
    """The word list and the meaning rule."""

    def __init__(self) -> None:
        super().__init__(name="words", description=locale_str("What prompts may not say"))

    @app_commands.command(name="add", description=locale_str("Add a rule for prompts"))
    @app_commands.describe(
        pattern=locale_str("A word, a phrase, or a regular expression"),
        kind=locale_str("Whole words, a regular expression, or an exception that is fine"),
        label=locale_str("What a refusal calls the rule"),
    )
    async def add(
        self,
        interaction: Pressed,
        pattern: Range[str, 1, 200],
        kind: Literal["word", "regex", "allow"] = "word",
        label: Range[str, 0, 80] = "",
    ) -> None:
        """Add one rule; a pattern that does not compile is refused with the reason."""
        async with Answer(interaction, ephemeral=True) as answer:

            def changed(rules: GuildRules, _: object) -> GuildRules:
                return rules.model_copy(update={"words": with_rule(rules.words, RuleKind(kind), pattern, label)})

            rules = await change(interaction, "words add", changed, subject=f"{kind}: {pattern}")
            await answer.private(
                f"✅ Rule {rules.words[-1].id}. Refusals call it “{texts.safe(rules.words[-1].name)}”."
            )

    @app_commands.command(name="remove", description=locale_str("Take a rule away"))
    @app_commands.describe(rule=locale_str("Its number or its pattern"))
    async def remove(self, interaction: Pressed, rule: str) -> None:
        """Remove one rule."""
        async with Answer(interaction, ephemeral=True) as answer:
            await moderator(interaction, "words remove")
            gone = rule_named((await interaction.client.services.rules.get(guild_id(interaction))).words, rule)
            await change(
                interaction,
                "words remove",
                lambda rules, _: rules.model_copy(update={"words": without_rule(rules.words, str(gone.id))}),
                subject=f"{gone.id}. {gone.kind}: {gone.pattern}",
            )
            await answer.private(f"✅ Removed: {_line(gone)}")

    @app_commands.command(name="list", description=locale_str("All rules for prompts"))
    async def list(self, interaction: Pressed) -> None:
        """Every rule with its number, hidden until clicked, and the meaning rule."""
        async with Answer(interaction, ephemeral=True) as answer:
            await moderator(interaction, "words list")
            rules = await interaction.client.services.rules.get(guild_id(interaction))
            await tell_all(answer, [_meaning(interaction, rules), *map(_line, rules.words)])

    @app_commands.command(name="meaning", description=locale_str("How far prompts may lean to an unsafe meaning"))
    @app_commands.describe(
        margin=locale_str("0.1 by default; lower is stricter; without it nothing changes"),
        remove=locale_str("Take it away; without anything it is shown"),
    )
    async def meaning(
        self, interaction: Pressed, margin: Range[float, -0.5, 1.0] | None = None, remove: bool = False
    ) -> None:
        """Set the threshold of the meaning rule, switch it off, or show it."""
        async with Answer(interaction, ephemeral=True) as answer:
            if margin is None and not remove:
                await moderator(interaction, "words meaning")
                rules = await interaction.client.services.rules.get(guild_id(interaction))
                await answer.private(f"{_meaning(interaction, rules)}. `remove` switches it off.")
                return
            if margin is not None and remove:
                raise BadOption("remove", "either a margin, or take the rule away")
            if margin is not None and not interaction.client.services.has_semantic_filter:
                raise BadOption(f"{margin:g}", "this host has no text encoder for it")
            subject = "off" if margin is None else f"from {margin:g}"
            await change(
                interaction,
                "words meaning",
                lambda rules, _: rules.model_copy(update={"meaning_margin": margin}),
                subject=subject,
            )
            await answer.private(f"✅ Meaning rule: {subject}.")


def _line(rule: WordRule) -> str:
    """A rule with its number, hidden until clicked."""
    label = f" ({texts.safe(rule.label)})" if rule.label else ""
    return f"{rule.id}. {rule.kind}: ||{texts.safe(rule.pattern)}||{label}"


def _meaning(interaction: Pressed, rules: GuildRules) -> str:
    is_off = rules.meaning_margin is None or not interaction.client.services.has_semantic_filter
    return f"Meaning rule: {'off' if is_off else f'from {rules.meaning_margin:g}'}"
