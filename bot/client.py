"""The Discord client: loads commands, buttons and forms, and refuses what is of an older form of them."""

from __future__ import annotations

import logging
from typing import Any

import discord
from discord import app_commands
from discord.app_commands import Namespace
from discord.app_commands.commands import Parameter
from discord.ext import commands

from bot.commands.moderation.mod_review import ReviewRoom
from bot.commands.registry import COGS, DYNAMIC_ITEMS, FORMS, LISTENERS, MENUS, ONCE, PRESSES, ROUND_PRESSES
from bot.errors import BadOption
from bot.ui.content.custom_ids import Act, ButtonId, FormId, RoundId
from bot.ui.content.error_texts import GENERIC
from bot.ui.content.form_kinds import form_of
from bot.ui.content.modals import Filled
from bot.ui.content.translation import Translator
from bot.ui.interactions.answer import Answer, Pressed
from bot.ui.interactions.command_sync import CommandSync
from bot.ui.interactions.dealt_shards import Dealer
from bot.ui.interactions.double_clicks import DoubleClicks
from bot.ui.interactions.gateway_guard import GatewayGuard
from bot.ui.interactions.leftovers import Leftovers
from bot.ui.interactions.pending_answers import AnswerTracker
from bot.ui.interactions.remembered_attachments import SeenPictures
from bot.ui.interactions.services import Darkroom, Services
from bot.ui.job_reply.discord_replies import DiscordReplies

LONGEST_RATE_LIMIT_S = 30.0
"""The longest rate limit, in seconds, that a call sleeps through; after it the caller tries again later."""

OUTDATED = "This form is of an earlier version of me. Please press the button again."
OUTDATED_BUTTON = "This button is of another version of me, and does nothing in this one."
OUTDATED_COMMAND = "This command has changed since your Discord read it. Please restart Discord, and type it again."

log = logging.getLogger(__name__)


_UNFIT = (app_commands.CommandNotFound, app_commands.CommandSignatureMismatch, app_commands.TransformerError)
"""What an interaction ends with that fits no command, or not its options."""


class Tree(app_commands.CommandTree[Darkroom]):
    """The command tree; what no command expected is logged and answered in general words."""

    async def interaction_check(self, interaction: discord.Interaction[Darkroom], /) -> bool:
        """Refuse a command that was typed by an outdated form of it."""
        if interaction.type is discord.InteractionType.autocomplete or (option := _misfit(interaction)) is None:
            return True
        async with Answer(interaction, ephemeral=True):
            raise BadOption(option, OUTDATED_COMMAND)
        return False

    async def on_error(
        self, interaction: discord.Interaction[Darkroom], error: app_commands.AppCommandError, /
    ) -> None:
        """Log the error, and answer the member in general words."""
        if isinstance(error, _UNFIT):
            log.warning("command not understood: %s", type(error).__name__, extra={"action": "command"})
            await _say(interaction, OUTDATED_COMMAND)
            return
        name = interaction.command.qualified_name if interaction.command else "?"
        log.error("command failed", exc_info=error, extra={"action": "command", "command": name})
        if not interaction.response.is_done():
            async with Answer(interaction) as answer:
                await answer.private(GENERIC)


def _misfit(interaction: Pressed) -> str | None:
    """Return the name of an option whose value its command does not take; None when all fit.

    An older client may send one, or an interaction left by an older bot. Discord checks them as well, but by the
    commands that it knew when they were typed.
    """
    given: Namespace = interaction.namespace
    declared: list[Parameter] = getattr(interaction.command, "parameters", [])  # a context menu has none
    there = (parameter for parameter in declared if parameter.display_name in given)
    return next((one.display_name for one in there if not _takes(one, given[one.display_name])), None)


def _takes(parameter: Parameter, value: Any) -> bool:
    """Whether the value is one of the choices, or its size is within the bounds: of a text, its length."""
    if parameter.choices:
        return value in [choice.value for choice in parameter.choices]
    size = len(value) if isinstance(value, str) else value
    if not isinstance(size, int | float):
        return True
    least, most = parameter.min_value, parameter.max_value
    return (least is None or size >= least) and (most is None or size <= most)


class DarkroomClient(Darkroom):
    """The bot. Everything it needs is given; it connects when it is started."""

    def __init__(
        self,
        services: Services,
        replies: DiscordReplies,
        *,
        shard_count: int | None = None,
        dealer: Dealer | None = None,
    ) -> None:
        super().__init__(
            command_prefix=commands.when_mentioned,
            help_command=None,
            tree_cls=Tree,
            intents=_intents(),
            allowed_mentions=discord.AllowedMentions.none(),
            shard_count=shard_count,
            dealer=dealer,
            max_messages=None,
            max_ratelimit_timeout=LONGEST_RATE_LIMIT_S,
            http_trace=replies.limits.trace(),
        )
        self.services, self.replies = services, replies
        events = GatewayGuard(self._connection.parsers)
        self.answer_tracker = AnswerTracker(services.pending_answers, services.clock, events)
        self.leftovers = Leftovers(self, self.answer_tracker, services.pending_answers, events)
        self.offered = frozenset(PRESSES) - ({Act.CUT_OUT} if services.settings.engine.cutout is None else set())
        self._clicks, self.seen = DoubleClicks(), SeenPictures()
        self._command_sync = CommandSync(self)

    async def setup_hook(self) -> None:
        """Load everything before the first event arrives."""
        await self.tree.set_translator(Translator())
        for cog in COGS:
            await self.add_cog(cog())
        for listener in LISTENERS:
            await self.add_cog(listener(self))
        for menu in MENUS():
            self.tree.add_command(menu)
        self.add_dynamic_items(*DYNAMIC_ITEMS)
        reviewers = ReviewRoom(self)
        if self.services.announcer is not None:
            self.services.announcer.attach(self)
        if self.services.game_announcer is not None:
            self.services.game_announcer.attach(self)
        self.replies.attach(self, offered=self.offered, on_gone=self.services.job_service.gone, reviewers=reviewers)
        await self._command_sync.start()

    async def on_interaction(self, interaction: discord.Interaction[Any]) -> None:
        """Build a submitted form again from its id, so that one opened before a restart works, and let it read.

        What no button, menu or form takes is answered here.
        """
        data: Any = interaction.data
        if interaction.type is discord.InteractionType.component and not _is_ours(data["custom_id"]):
            await _say(interaction, OUTDATED_BUTTON)
        if interaction.type is not discord.InteractionType.modal_submit:
            return
        form_id = FormId.parse(data["custom_id"])
        if form_id is None:
            await _say(interaction, OUTDATED)
            return
        # discord.py finds buttons by their ids after a restart, but not modals: this is how it reads one.
        submitted = form_of(form_id)._dispatch_submit(  # pyright: ignore[reportPrivateUsage]
            interaction, data["components"], data.get("resolved", {})
        )
        await submitted

    async def press(self, interaction: discord.Interaction[Darkroom], button_id: ButtonId) -> None:
        """Do what a button says; a double click counts once."""
        is_taken_up = self.answer_tracker.before(interaction.id) is not None  # what a crash held up comes all at once
        if button_id.act in ONCE and not is_taken_up and self._is_double(interaction, button_id):
            await interaction.response.defer()
            return
        await PRESSES[button_id.act](interaction, button_id)

    async def press_round(self, interaction: discord.Interaction[Darkroom], round_id: RoundId) -> None:
        """Do what a round's button says."""
        await ROUND_PRESSES[round_id.act](interaction, round_id)

    async def fill(self, interaction: discord.Interaction[Darkroom], form_id: FormId, filled: Filled) -> None:
        """Do what a form was filled in for."""
        await FORMS[form_id.kind](interaction, form_id.about, filled)

    def _is_double(self, interaction: discord.Interaction[Darkroom], button_id: ButtonId) -> bool:
        message_id = interaction.message.id if interaction.message else 0
        return self._clicks.register(interaction.user.id, message_id, str(button_id), self.services.clock())

    async def on_message(self, message: discord.Message, /) -> None:
        """There are no text commands: nobody's messages are read."""

    async def on_raw_message_delete(self, payload: discord.RawMessageDeleteEvent) -> None:
        """A deleted reply ends its job, a deleted ballot paper its vote, a deleted board its game."""
        await self._deleted(payload.message_id)

    async def on_raw_bulk_message_delete(self, payload: discord.RawBulkMessageDeleteEvent) -> None:
        """Deleted replies end their jobs."""
        for message_id in payload.message_ids:
            await self._deleted(message_id)

    async def _deleted(self, message_id: int) -> None:
        await self.replies.message_deleted(message_id)
        await self.services.jobs.unposted(message_id)
        if self.services.rounds is not None:
            await self.services.rounds.gone(message_id)
        if self.services.games is not None:
            await self.services.games.gone(message_id)


def _is_ours(custom_id: str) -> bool:
    """Whether a button or menu takes the id."""
    return any(item.__discord_ui_compiled_template__.fullmatch(custom_id) for item in DYNAMIC_ITEMS)


async def _say(interaction: discord.Interaction[Any], text: str) -> None:
    async with Answer(interaction, ephemeral=True) as answer:
        await answer.private(text)


def _intents() -> discord.Intents:
    """Nothing privileged: servers, their emojis and stickers, the deletion of messages, and reactions."""
    return discord.Intents(
        guilds=True,
        expressions=True,
        guild_messages=True,
        dm_messages=True,
        guild_reactions=True,
        dm_reactions=True,
    )
