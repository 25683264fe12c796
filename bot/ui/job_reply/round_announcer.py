"""`bot.domain.rounds.ports.Announcer` on Discord: the messages of rounds, their counters, and outcomes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol, TypeVar
from weakref import WeakValueDictionary

import discord

from bot.domain.rounds.ports import Reader
from bot.domain.rounds.round import Ballot, Round, RoundKind, RoundState
from bot.errors import DeliveryError, DeliveryLater, JobNotFound, RoundNotFound, StoreError
from bot.tasks import Tasks
from bot.ui.content.message_page import Page, Upload
from bot.ui.content.result_pages import smaller
from bot.ui.discord_errors import REFUSALS, TOO_OFTEN, WRITE_ANEW, delivery_error
from bot.ui.job_reply.discord_replies import SMALLEST_LIMIT
from bot.ui.job_reply.reply_message import now
from bot.ui.message_changes import awake

COUNTER_S = 2.0
"""A counter is edited this often at most: Discord takes about five edits in five seconds for each channel."""
OLD, OLD_COUNTER_S = timedelta(hours=1), 900.0
"""Discord takes few edits of messages older than an hour."""
_COUNTER_TRIES = 5
_OVER = (RoundState.DECIDED, RoundState.ENDED)

log = logging.getLogger(__name__)
T = TypeVar("T")


class RoundPages(Protocol):
    """What the message of one kind of round shows."""

    async def current(self, shown: Round, voters: int) -> Page:
        """The message while the round goes on, without its files: these stay. Raises `JobNotFound`."""
        ...

    async def files(self, shown: Round) -> tuple[Upload, ...]:
        """The files with which the message is posted. Raises `JobNotFound`."""
        ...

    async def over(self, shown: Round, ballots: Sequence[Ballot], chain: Sequence[Round]) -> Page:
        """The outcome; files of its own replace those of the message. Raises `JobNotFound`."""
        ...


class RoundAnnouncer:
    """Shows rounds. Made before the client it needs: `attach` brings that."""

    def __init__(
        self,
        pages: Mapping[RoundKind, RoundPages],
        tasks: Tasks,
        *,
        interval_s: float = COUNTER_S,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._pages, self._tasks, self._interval_s, self._sleep = pages, tasks, interval_s, sleep
        self._clock = clock
        self._client: discord.Client | None = None
        self.attached = asyncio.Event()
        """Set once there is a client."""
        self._waiting: set[str] = set()
        self._edits: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def attach(self, client: discord.Client) -> None:
        """Connect to Discord."""
        self._client = client
        self.attached.set()

    def changed(self, round_id: str, read: Reader) -> None:
        """Show the round soon, as it is then."""
        if round_id not in self._waiting:
            self._waiting.add(round_id)
            self._tasks.start(self._update(round_id, read), f"counter of {round_id}")

    async def post(self, shown: Round) -> int:
        """Write the round's message; its id. Raises `DeliveryError`.

        Again within some minutes it is the same message: Discord knows it by its nonce.
        """
        send = partial(_send, self._channel(shown), f"round-{shown.id}")
        return await _fitted(shown, self._whole, send)

    async def renew(self, shown: Round) -> None:
        """Show the round as it is now, with its files. Raises `DeliveryError`."""
        async with self._edit_of(shown.id):
            await _fitted(shown, self._whole, partial(self._replace, shown))

    async def reveal(self, shown: Round, ballots: Sequence[Ballot]) -> int:
        """Write the outcome below, as `post`; its id. Raises `DeliveryError` and `JobNotFound`."""
        over = partial(self._pages[shown.kind].over, ballots=ballots, chain=())
        return await _fitted(shown, over, partial(_send, self._channel(shown), f"over-{shown.id}"))

    async def ended(self, shown: Round, ballots: Sequence[Ballot], chain: Sequence[Round]) -> int | None:
        """Turn the round's message into the outcome. Raises `DeliveryError` and `JobNotFound`."""
        over = partial(self._pages[shown.kind].over, ballots=ballots, chain=chain)
        async with self._edit_of(shown.id):
            return await _fitted(shown, over, partial(self._replace, shown, anew=True))

    async def _whole(self, shown: Round) -> Page:
        pages = self._pages[shown.kind]
        return replace(await pages.current(shown, 0), uploads=await pages.files(shown))

    async def _update(self, round_id: str, read: Reader) -> None:
        pause_s, is_new = self._interval_s, True
        for _ in range(_COUNTER_TRIES):
            await self._sleep(pause_s)
            try:
                if is_new and self._is_old((await read(round_id))[0]):
                    pause_s, is_new = OLD_COUNTER_S, False
                    continue
                return await self._show(round_id, read)
            except DeliveryLater as error:
                pause_s = max(self._interval_s, error.retry_after_s)
            except DeliveryError as error:
                return log.warning("ballot paper not changed: %s", error, extra={"round": round_id})
            except (RoundNotFound, JobNotFound):
                return log.info("the pictures of a round are gone", extra={"round": round_id})
            except StoreError:
                self._waiting.discard(round_id)  # the next change is shown with this one
                raise
        return None

    async def _show(self, round_id: str, read: Reader) -> None:
        async with self._edit_of(round_id):
            # Read inside: an outcome that comes from now on is shown after this.
            self._waiting.discard(round_id)
            shown, voters = await read(round_id)
            if shown.state not in _OVER and shown.message_id is not None:
                current = partial(self._pages[shown.kind].current, voters=voters)
                await _fitted(shown, current, partial(self._replace, shown))

    def _is_old(self, shown: Round) -> bool:
        return shown.created_at < self._clock() - OLD

    def _edit_of(self, round_id: str) -> asyncio.Lock:
        return self._edits.setdefault(round_id, asyncio.Lock())

    def _channel(self, shown: Round) -> discord.PartialMessageable:
        return self._connected().get_partial_messageable(shown.channel_id, guild_id=shown.guild_id)

    def _connected(self) -> discord.Client:
        if self._client is None:
            raise DeliveryLater(1.0, "not connected yet")
        return self._client

    async def _replace(self, shown: Round, page: Page, *, anew: bool = False) -> int | None:
        """Edit the round's message; where Discord takes no edit of it and `anew`, write the page below.

        Returns the id of the message that shows it.
        """
        if shown.message_id is None:
            return None
        channel = self._channel(shown)
        message = channel.get_partial_message(shown.message_id)
        try:
            await awake(self._connected(), shown.channel_id, partial(_edit, message, page))
        except discord.HTTPException as error:
            if error.code not in WRITE_ANEW or not anew:
                raise
            return await _send(channel, f"over-{shown.id}", page)
        return shown.message_id


async def _fitted(shown: Round, page_of: Callable[[Round], Awaitable[Page]], show: Callable[[Page], Awaitable[T]]) -> T:
    """Show a page, with smaller files while Discord finds them too large: a server may have lost its boosts.

    Raises `ReplyGone`, `DeliveryLater` or another `DeliveryError`, and what `page_of` raises.
    """
    while True:
        page = await page_of(shown)
        try:
            return await show(page)
        except REFUSALS as error:
            limit = smaller(shown.place.file_limit_bytes, page, error) if page.uploads else 0
            if limit < SMALLEST_LIMIT:
                raise _refusal(shown, error) from error
        place = shown.place.model_copy(update={"file_limit_bytes": limit})
        shown = shown.model_copy(update={"place": place})


def _refusal(shown: Round, error: Exception) -> DeliveryError:
    if isinstance(error, discord.HTTPException) and error.code == TOO_OFTEN:
        return DeliveryLater(OLD_COUNTER_S, "too many edits of an old message")
    return delivery_error(shown.id, error)


async def _edit(message: discord.PartialMessage, page: Page) -> None:
    """Without files of its own the page leaves those of the message."""
    files: dict[str, Any] = {"attachments": page.files()} if page.uploads else {}
    await message.edit(content=page.text, view=page.view, **files)


async def _send(channel: discord.PartialMessageable, nonce: str, page: Page) -> int:
    given: dict[str, Any] = {} if page.view is None else {"view": page.view}
    if page.mentions:
        users = [discord.Object(member_id) for member_id in page.mentions]
        given["allowed_mentions"] = discord.AllowedMentions(everyone=False, roles=False, users=users)
    sent = await channel.send(page.text, files=page.files(), nonce=nonce, **given)
    return sent.id
