"""`/mod channel`: where pictures are made, with which models, how large and with how many steps."""

from __future__ import annotations

import discord
from discord import app_commands
from discord.app_commands import Range, locale_str

from bot.commands.moderation.channel_checks import check_channel, check_named, out_of_reach
from bot.commands.moderation.moderator_actions import change, guild_id, moderator, tell_all
from bot.domain.moderation.access import ChannelRule, with_channel
from bot.domain.moderation.guild_rules import GuildRules
from bot.domain.prompting.option_sets import MAX_CHARS, channel_text
from bot.domain.prompting.prompt import clean
from bot.errors import BadOption
from bot.ui.content import texts
from bot.ui.interactions.answer import Answer, Pressed
from engine import UnknownModel

_ECHO = 200
Channel = discord.TextChannel | discord.VoiceChannel | discord.ForumChannel


class ChannelRules(app_commands.Group):
    """What is allowed where; threads follow their channel."""

    def __init__(self) -> None:
        super().__init__(name="channel", description=locale_str("Where pictures are made, and which"))

    @app_commands.command(name="allow", description=locale_str("Allow pictures in a channel"))
    @app_commands.describe(
        channel=locale_str("Which channel"),
        only=locale_str("Allow them only in channels listed this way"),
    )
    async def allow(self, interaction: Pressed, channel: Channel, only: bool = False) -> None:
        """Lift a denial, or list the channel as one of the only ones."""
        async with Answer(interaction, ephemeral=True) as answer:
            rule = await _changed(interaction, "channel allow", channel, allowed=True, listed=only)
            await answer.private(f"✅ {_described(rule)}")

    @app_commands.command(name="deny", description=locale_str("Allow no pictures in a channel"))
    @app_commands.describe(channel=locale_str("Which channel"))
    async def deny(self, interaction: Pressed, channel: Channel) -> None:
        """Deny pictures in the channel and in its threads."""
        async with Answer(interaction, ephemeral=True) as answer:
            rule = await _changed(interaction, "channel deny", channel, allowed=False, listed=False)
            await answer.private(f"✅ {_described(rule)}")

    @app_commands.command(name="limits", description=locale_str("Which models, sizes and steps a channel allows"))
    @app_commands.describe(
        channel=locale_str("Which channel"),
        models=locale_str("Names with commas between; without it all"),
        max_side=locale_str("Longest side in pixels; without it any"),
        max_steps=locale_str("Most steps; without it any"),
        remove=locale_str("Take it away; without anything it is shown"),
    )
    async def limits(
        self,
        interaction: Pressed,
        channel: Channel,
        models: str = "",
        max_side: Range[int, 64, 4096] | None = None,
        max_steps: Range[int, 1, 500] | None = None,
        remove: bool = False,
    ) -> None:
        """Replace the limits of a channel by these, take them away, or show them."""
        async with Answer(interaction, ephemeral=True) as answer:
            given = bool(models.strip()) or max_side is not None or max_steps is not None
            if given and remove:
                raise BadOption("remove", "either limits, or take them away")
            if not given and not remove:
                await moderator(interaction, "channel limits")
                rule = _rule(await interaction.client.services.rules.get(guild_id(interaction)), channel)
                await answer.private(f"{_described(rule)}\nNothing was changed; `remove` takes the limits away.")
                return
            named = tuple(filter(None, (name.strip() for name in models.split(","))))
            known = tuple(interaction.client.services.models())
            for name in named:
                if name not in known:
                    raise UnknownModel(name, known)
            await moderator(interaction, "channel limits")
            update = {"models": named, "max_side": max_side, "max_steps": max_steps}
            rules = await interaction.client.services.rules.get(guild_id(interaction))
            check_channel(interaction, rules, limited := _rule(rules, channel).model_copy(update=update))
            rule = await _changed(interaction, "channel limits", channel, **update)
            await answer.private(f"✅ {_described(rule)}{out_of_reach(interaction, limited)}")

    @app_commands.command(name="defaults", description=locale_str("Flags that every new prompt in a channel has"))
    @app_commands.describe(
        channel=locale_str("Which channel"),
        options=locale_str("For example --ar 3:2 --style poster"),
        remove=locale_str("Take it away; without anything it is shown"),
    )
    async def defaults(
        self, interaction: Pressed, channel: Channel, options: Range[str, 1, MAX_CHARS] = "", remove: bool = False
    ) -> None:
        """Set what prompts in the channel have unless they say otherwise, take it away, or show it."""
        async with Answer(interaction, ephemeral=True) as answer:
            if options and remove:
                raise BadOption("remove", "either flags, or take them away")
            await moderator(interaction, "channel defaults")
            rules = await interaction.client.services.rules.get(guild_id(interaction))
            before = _rule(rules, channel)
            if not options and not remove:
                await answer.private(f"{_described(before)}\nNothing was changed; `remove` takes the flags away.")
                return
            if options:
                await check_named(interaction, channel_text(options))
                check_channel(interaction, rules, before.model_copy(update={"defaults": options}))
            rule = await _changed(interaction, "channel defaults", channel, defaults=clean(options))
            await answer.private(f"✅ {_described(rule)}")

    @app_commands.command(name="list", description=locale_str("All rules about channels"))
    async def list(self, interaction: Pressed) -> None:
        """Every channel with a rule."""
        async with Answer(interaction, ephemeral=True) as answer:
            await moderator(interaction, "channel list")
            rules = await interaction.client.services.rules.get(guild_id(interaction))
            lines = [_described(rule) for rule in rules.channels]
            await tell_all(answer, lines, "Everything is allowed everywhere.")


async def _changed(interaction: Pressed, action: str, channel: Channel, **update: object) -> ChannelRule:
    def changed(rules: GuildRules, _: object) -> GuildRules:
        rule = _rule(rules, channel).model_copy(update=update)
        return rules.model_copy(update={"channels": with_channel(rules.channels, rule)})

    told = ", ".join(f"{name} {value}" for name, value in update.items())
    return _rule(await change(interaction, action, changed, subject=f"{channel.mention}: {told}"), channel)


def _rule(rules: GuildRules, channel: Channel) -> ChannelRule:
    return next((rule for rule in rules.channels if rule.channel_id == channel.id), ChannelRule(channel_id=channel.id))


def _described(rule: ChannelRule) -> str:
    if not rule.allowed:
        return f"<#{rule.channel_id}>: no pictures"
    words = ["only channels like this one" if rule.listed else "allowed"]
    words += [f"models {', '.join(rule.models)}"] if rule.models else []
    words += [f"up to {rule.max_side} pixels"] if rule.max_side else []
    words += [f"up to {rule.max_steps} steps"] if rule.max_steps else []
    words += [f"by default {texts.echo(rule.defaults, _ECHO)}"] if rule.defaults else []
    return f"<#{rule.channel_id}>: {', '.join(words)}"
