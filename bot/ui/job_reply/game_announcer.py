"""`bot.domain.games.ports.GameAnnouncer` on Discord: a new message for each phase, and its counter."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol

import discord

from bot.domain.games.any_game import AnyGame
from bot.domain.games.phases import Phase
from bot.domain.games.telephone import Telephone
from bot.domain.ports import Jobs
from bot.errors import DeliveryError, DeliveryLater, RoundNotFound
from bot.tasks import Tasks
from bot.ui.content.bluff_pages import bluff_page
from bot.ui.content.chain_pages import chain_page
from bot.ui.content.corpse_pages import CORPSE
from bot.ui.content.game_texts import past
from bot.ui.content.game_view import game_view
from bot.ui.content.message_page import Page
from bot.ui.content.telephone_pages import TELEPHONE
from bot.ui.discord_errors import REFUSALS, delivery_error, is_too_large
from bot.ui.job_reply.discord_replies import SMALLEST_LIMIT
from bot.ui.job_reply.game_pictures import GamePictures
from bot.ui.job_reply.round_announcer import COUNTER_S
from bot.ui.message_changes import awake

log = logging.getLogger(__name__)

_COUNTER_TRIES = 5


class Reader(Protocol):
    """A game as it is stored now."""

    async def get(self, game_id: str) -> AnyGame:
        """Raises `RoundNotFound`."""
        ...


class GameAnnouncer:
    """Shows games. Made before the client it needs: `attach` brings that."""

    def __init__(
        self,
        games: Reader,
        jobs: Jobs,
        pictures: GamePictures,
        tasks: Tasks,
        *,
        interval_s: float = COUNTER_S,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._games, self._jobs, self._pictures, self._tasks = games, jobs, pictures, tasks
        self._interval_s, self._sleep = interval_s, sleep
        self._client: discord.Client | None = None
        self.attached = asyncio.Event()
        """Set once there is a client."""
        self._waiting: set[str] = set()

    def attach(self, client: discord.Client) -> None:
        """Connect to Discord."""
        self._client = client
        self.attached.set()

    def changed(self, game_id: str) -> None:
        """Show who joined, and how many have written or voted, soon, as it is then."""
        if game_id not in self._waiting:
            self._waiting.add(game_id)
            self._tasks.start(self._update(game_id), f"counter of {game_id}")

    async def show(self, game: AnyGame) -> int | None:
        """Show this stage, with its pictures. While a picture is drawn the message before says so."""
        channel = self._channel(game)
        try:
            if game.phase is Phase.DRAW and game.message_id is not None:
                await self._edit(channel, game.message_id, game)
                return game.message_id
            sent = await self._sent(channel, game)
        except REFUSALS as error:
            raise delivery_error(game.id, error) from error
        if game.message_id not in (None, sent.id):
            await self._retire(channel, game)
        await self._note(game, sent.id)
        return sent.id

    async def _sent(self, channel: discord.PartialMessageable, game: AnyGame) -> discord.Message:
        """Where the message is too large, its pictures are made smaller."""
        limit = game.place.file_limit_bytes
        while True:
            page = Page(text_of(game), await self._pictures.of(game, limit), game_view(game))
            try:
                # A message can be written in an archived thread, and wakes it; one of before cannot be changed.
                return await awake(self._connected(), game.channel_id, partial(_send, channel, game, page))
            except discord.HTTPException as error:
                limit //= 2
                if not is_too_large(error) or limit < SMALLEST_LIMIT:
                    raise

    async def _edit(self, channel: discord.PartialMessageable, message_id: int, game: AnyGame) -> None:
        """New words and buttons; the pictures stay."""
        edit = partial(channel.get_partial_message(message_id).edit, content=text_of(game), view=game_view(game))
        await awake(self._connected(), game.channel_id, edit)

    async def _note(self, game: AnyGame, message_id: int) -> None:
        """Write down what the message shows once it is a secret no more: then it goes with its picture."""
        if game.phase is Phase.REVEAL and game.revealed:
            await self._jobs.posted(game.revealed[-1], 0, game.channel_id, message_id)
        elif game.phase in (Phase.SHOW, Phase.OVER) and game.revealed:
            await self._jobs.extracted(game.revealed, game.channel_id, message_id)

    async def _retire(self, channel: discord.PartialMessageable, game: AnyGame) -> None:
        """The message before loses its buttons and its deadline; it does not matter much when that fails."""
        if game.message_id is None:
            return
        try:
            # In the thread in which the next message was just written: it is not archived.
            message = await channel.get_partial_message(game.message_id).edit(view=None)
            if (said := past(message.content)) != message.content:
                await message.edit(content=said)
        except REFUSALS as error:
            log.info("buttons of a past phase stay: %s", delivery_error(game.id, error), extra={"game": game.id})

    async def _update(self, game_id: str) -> None:
        pause_s = self._interval_s
        for _ in range(_COUNTER_TRIES):
            await self._sleep(pause_s)
            self._waiting.discard(game_id)
            try:
                return await self._count(game_id)
            except DeliveryLater as error:
                pause_s = max(self._interval_s, error.retry_after_s)
            except (DeliveryError, RoundNotFound) as error:
                return log.info("counter not changed: %s", error, extra={"game": game_id})
        return None

    async def _count(self, game_id: str) -> None:
        game = await self._games.get(game_id)
        if game.is_over or game.shown < game.stage or game.message_id is None:
            return
        try:
            await self._edit(self._channel(game), game.message_id, game)
        except REFUSALS as error:
            raise delivery_error(game.id, error) from error

    def _channel(self, game: AnyGame) -> discord.PartialMessageable:
        return self._connected().get_partial_messageable(game.channel_id, guild_id=game.guild_id)

    def _connected(self) -> discord.Client:
        if self._client is None:
            raise DeliveryLater(1.0, "not connected yet")
        return self._client


def text_of(game: AnyGame) -> str:
    """The text of a game's message."""
    if not isinstance(game, Telephone):
        return bluff_page(game)
    return chain_page(game, TELEPHONE if game.shape is None else CORPSE)


async def _send(channel: discord.PartialMessageable, game: AnyGame, page: Page) -> discord.Message:
    """A new message; but a corpse unfolds in the message that shows its first band."""
    if isinstance(game, Telephone) and game.band and game.phase is Phase.SHOW and game.message_id is not None:
        message = channel.get_partial_message(game.message_id)
        return await message.edit(content=page.text, attachments=page.files(), view=page.view)
    said = partial(channel.send, page.text, files=page.files(), nonce=f"{game.id}-{game.stage}")
    said = partial(said, allowed_mentions=_called(game))
    return await (said() if page.view is None else said(view=page.view))


def _called(game: AnyGame) -> discord.AllowedMentions:
    """In a slow game those whose turn it is are pinged, once for each turn; else nobody is."""
    if isinstance(game, Telephone) and game.is_slow and game.phase is Phase.WRITE:
        return discord.AllowedMentions(users=[discord.Object(member) for member in game.awaited])
    return discord.AllowedMentions.none()
