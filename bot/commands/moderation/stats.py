"""`/stats`: who used how much, as a chart with its words."""

from __future__ import annotations

from collections.abc import Mapping

from discord import app_commands
from discord.app_commands import Range, locale_str
from discord.ext import commands

from bot.commands.moderation.moderator_actions import PERMISSIONS, guild_id, moderator
from bot.domain.quotas.usage import Usage
from bot.domain.quotas.windows import last_days, zone
from bot.ui.content.message_page import Upload
from bot.ui.interactions.answer import Answer, Pressed
from bot.ui.interactions.contexts import servers_only
from bot.ui.pictures import usage_chart


class Stats(commands.Cog):
    """Numbers for moderators."""

    @app_commands.command(name="stats", description=locale_str("A chart of who used how much, and of waiting times"))
    @app_commands.describe(days=locale_str("How many days back"))
    @app_commands.default_permissions(PERMISSIONS)
    @servers_only
    async def stats(self, interaction: Pressed, days: Range[int, 1, 366] = 30) -> None:
        """Count and draw, off the event loop."""
        async with Answer(interaction, ephemeral=True) as answer:
            await moderator(interaction, "stats")
            services, numbers = interaction.client.services, interaction.client.services.statistics
            timezone = (await services.rules.get(guild_id(interaction))).timezone
            shown = last_days(days, services.clock(), zone(timezone))
            usage = await numbers.usage(guild_id(interaction), shown, usage_chart.MOST_BARS)
            waits = await numbers.waits(guild_id(interaction), shown[0].start)
            report = usage_chart.counted(usage, waits, await _names(interaction, usage), shown, timezone)
            picture = await services.drawing.run(usage_chart.draw, report)
            words = usage_chart.alt_text(report)
            upload = Upload("darkroom-stats.png", picture, words)
            await answer.private(words.removeprefix("Four charts. "), files=[upload.file()])


async def _names(interaction: Pressed, usage: Usage) -> Mapping[int, str]:
    """What those who used most are called: without the members intent mostly known from their newest job."""
    names: dict[int, str] = {}
    for member_id in usage.gpu_ms_by_member:
        for job in await interaction.client.services.jobs.recent(member_id, 1, guild_id(interaction)):
            names[member_id] = job.member_name
    return names
