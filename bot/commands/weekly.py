"""`/weekly`: moderators set up the show of a server; everybody can look at the hall of fame."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

import discord
from discord import app_commands
from discord.app_commands import Range, locale_str
from discord.ext import commands

from bot.commands.buttons import hall_buttons
from bot.commands.moderation.moderator_actions import entry, guild_id, moderator
from bot.domain.model import Place
from bot.domain.rounds.show_plan import WEEKDAYS
from bot.errors import BadOption
from bot.ui.content.show_texts import plan_line
from bot.ui.interactions import submission
from bot.ui.interactions.answer import Answer, Pressed
from bot.ui.interactions.asker import open_channel_id, place_of
from bot.ui.interactions.contexts import servers_only
from bot.ui.interactions.playing import hall, shows

Weekday = Literal["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
_MINUTES = 48 * 60


class Weekly(commands.Cog):
    """The show, and its hall of fame."""

    weekly = servers_only(app_commands.Group(name="weekly", description=locale_str("The show of the server")))

    @weekly.command(name="hall", description=locale_str("The winners of all shows"))
    async def hall(self, interaction: Pressed) -> None:
        """Show the newest winner privately, with buttons to the others."""
        async with Answer(interaction, ephemeral=True) as answer:
            await hall_buttons.say(interaction, answer, await hall(interaction).page(guild_id(interaction)))

    @weekly.command(name="setup", description=locale_str("For moderators: a show every week; or what is set up"))
    @app_commands.describe(
        weekday=locale_str("On which day; without it the setting is shown"),
        hour=locale_str("At which hour, in the server's time zone"),
        channel=locale_str("Where it hangs; without it here"),
    )
    async def setup(
        self,
        interaction: Pressed,
        weekday: Weekday | None = None,
        hour: Range[int, 0, 23] = 18,
        channel: discord.TextChannel | None = None,
    ) -> None:
        """Begin a show every week from now on, or say when there is one."""
        async with Answer(interaction, ephemeral=True) as answer:
            await moderator(interaction, "weekly setup")
            if weekday is None:
                await answer.private(plan_line(await shows(interaction).plan(guild_id(interaction))))
                return
            place = _place(interaction, channel)
            plan = await shows(interaction).set_up(place, WEEKDAYS.index(weekday), hour)
            subject = f"{weekday} {hour}:00 in <#{place.channel_id}>"
            await interaction.client.services.log.add(entry(interaction, "weekly setup", subject))
            await answer.private(f"✅ {plan_line(plan)}")

    @weekly.command(name="off", description=locale_str("For moderators: no more weekly shows"))
    async def off(self, interaction: Pressed) -> None:
        """Begin no more; what hangs now goes on."""
        async with Answer(interaction, ephemeral=True) as answer:
            await moderator(interaction, "weekly off")
            plan = await shows(interaction).switch_off(guild_id(interaction))
            await interaction.client.services.log.add(entry(interaction, "weekly off"))
            await answer.private(f"✅ {plan_line(plan)}")

    @weekly.command(name="now", description=locale_str("For moderators: begin a show now"))
    @app_commands.describe(
        minutes=locale_str("How long each vote is open"),
        channel=locale_str("Where it hangs; without it here"),
    )
    async def now(
        self,
        interaction: Pressed,
        minutes: Range[int, 1, 10080] = _MINUTES,
        channel: discord.TextChannel | None = None,
    ) -> None:
        """Begin one beside the weekly ones."""
        async with Answer(interaction, ephemeral=True) as answer:
            await moderator(interaction, "weekly now")
            place, open_for = _place(interaction, channel), timedelta(minutes=minutes)
            service = shows(interaction)
            opened = await service.begin_now(place, str(interaction.id), open_for=open_for)
            subject = f"show {opened.id} in <#{place.channel_id}>"
            await interaction.client.services.log.add(entry(interaction, "weekly now", subject))
            await answer.private(f"🖼️ It begins in <#{place.channel_id}>.")

    @weekly.command(name="cancel", description=locale_str("For moderators: end the show without a result"))
    async def cancel(self, interaction: Pressed) -> None:
        """Call off what hangs now."""
        async with Answer(interaction, ephemeral=True) as answer:
            by = await moderator(interaction, "weekly cancel")
            ended = await shows(interaction).cancel(guild_id(interaction), by)
            await interaction.client.services.log.add(entry(interaction, "weekly cancel", f"show {ended.id}"))
            await answer.private("✅ The show is cancelled; who made what is not told.")


def _place(interaction: Pressed, channel: discord.TextChannel | None) -> Place:
    """Where the show hangs. Raises `MissingPermissions` and `BadOption` where the bot could not hang it."""
    here = place_of(interaction)
    if channel is None or channel.id == interaction.channel_id:
        place = here
    else:
        may = channel.permissions_for(channel.guild.me)
        needed = ("view_channel", "send_messages", "attach_files")
        place = Place(
            guild_id=guild_id(interaction),
            channel_id=channel.id,
            age_restricted=channel.is_nsfw(),
            open_channel_id=open_channel_id(channel),
            file_limit_bytes=here.file_limit_bytes,
            missing_permissions=tuple(name for name in needed if not getattr(may, name)),
        )
    if not here.bot_present:
        raise BadOption("/weekly", "a show needs a server where I am a member")
    submission.preflight(place)
    return place
