"""Whether anything could be drawn in a channel with the limits and the default flags that it is given."""

from __future__ import annotations

from dataclasses import replace

from bot.domain.model import Options
from bot.domain.moderation.access import ChannelRule, check_defaults
from bot.domain.moderation.guild_rules import GuildRules
from bot.domain.prompting.prompt import parse
from bot.domain.prompting.usable import check_usable
from bot.ui.interactions.answer import Pressed
from bot.ui.interactions.usable import able_here


async def check_named(interaction: Pressed, asked: Options) -> None:
    """Raise for what no prompt in the channel could have. Styles that people keep are no channel's."""
    able = await able_here(interaction, asked)
    check_usable(asked, replace(able, styles=sorted(interaction.client.services.settings.styles)))


def check_channel(interaction: Pressed, rules: GuildRules, rule: ChannelRule) -> None:
    """Raise `BadOption` where the limits of a channel refuse the flags that its prompts have by default."""
    asked = parse("", suffixes=(rule.defaults,), needs_words=False)
    style = interaction.client.services.settings.styles.get(asked.style or "")
    check_defaults(rule, asked, asked.model or (style and style.model), may_relax=rules.relaxed)


def out_of_reach(interaction: Pressed, rule: ChannelRule) -> str:
    """What no model that is allowed in the channel does by itself."""
    models = [
        spec for spec in interaction.client.services.engine.models() if spec.name in rule.models or not rule.models
    ]
    if not models:
        return ""
    smallest = min(models, key=lambda spec: spec.width * spec.height)
    quickest = min(models, key=lambda spec: spec.num_inference_steps)
    told = ""
    if rule.max_side is not None and rule.max_side**2 < smallest.width * smallest.height:
        told += f"\n⚠️ No model draws so small here: {smallest.name} draws {smallest.width} × {smallest.height}."
    if rule.max_steps is not None and rule.max_steps < quickest.num_inference_steps:
        told += (
            f"\n⚠️ {quickest.name} takes {quickest.num_inference_steps} steps by itself: "
            f"prompts here need `--steps {rule.max_steps}`, or the channel `--steps {rule.max_steps}` by default."
        )
    return told
