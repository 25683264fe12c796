"""Nobody is left with "thinking…": a stop waits for the answers under way, a start makes up for those a crash took."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime

import discord

from bot.domain.promise import Promise, Promises
from bot.errors import StoreError
from bot.ui.replies import GENERIC
from bot.ui.reply_message import Original
from bot.ui.wire import NETWORK_ERRORS

NOTE_WITHIN_S = 1.0
"""Discord waits 3 s for the first sign: a database that takes longer must not cost it."""
AGAIN_S = (2.0, 10.0, 60.0, 300.0)
INTERRUPTED = "Darkroom was restarted before it could take this. Nothing was charged; please ask again."

log = logging.getLogger(__name__)


class FirstWords:
    """The answers that are being worked on, and what is remembered of them beyond this process."""

    def __init__(self, promises: Promises | None, clock: Callable[[], datetime]) -> None:
        self._promises, self._clock = promises, clock
        self._open: set[int] = set()
        self._all_said = asyncio.Event()
        self._all_said.set()
        self._owed: set[asyncio.Task[None]] = set()

    def begin(self, interaction_id: int) -> None:
        """Somebody waits for an answer."""
        self._open.add(interaction_id)
        self._all_said.clear()

    def end(self, interaction_id: int) -> None:
        """They have it, or it cannot be given."""
        self._open.discard(interaction_id)
        if not self._open:
            self._all_said.set()

    async def all_said(self, within_s: float) -> None:
        """Wait for the answers under way."""
        try:
            async with asyncio.timeout(within_s):
                await self._all_said.wait()
        except TimeoutError:
            log.warning("stopped with %d answers open", len(self._open), extra={"action": "stop"})

    async def promise(self, interaction: discord.Interaction[discord.Client]) -> None:
        """Remember that this interaction is about to be told "thinking…"."""
        if self._promises is None:
            return
        try:
            async with asyncio.timeout(NOTE_WITHIN_S):
                await self._promises.made(_promise(interaction))
        except (StoreError, TimeoutError) as error:
            log.warning("not noted: %s", type(error).__name__, extra={"action": "answer"})

    async def keep(self, interaction_id: int) -> None:
        """The answer is out."""
        if self._promises is None:
            return
        try:
            await self._promises.kept(interaction_id)
        except StoreError as error:
            log.warning("not noted: %s", error, extra={"action": "answer"})

    def owe(self, interaction: discord.Interaction[discord.Client]) -> None:
        """The answer could not be given, and "thinking…" may stand there: go on trying to end that."""
        apology = self._apologise(interaction.client, _promise(interaction), GENERIC)
        task = asyncio.create_task(apology, name=f"apology-{interaction.id}")
        self._owed.add(task)
        task.add_done_callback(self._owed.discard)

    async def make_up(self, client: discord.Client) -> None:
        """Tell those whom an earlier process left with "thinking…" that they may ask again."""
        if self._promises is None:
            return
        try:
            broken = await self._promises.broken()
        except StoreError as error:
            log.warning("unanswered interactions not read: %s", error, extra={"action": "answer"})
            return
        left = [promise for promise in broken if promise.interaction_id not in self._open]
        # All at once: told one after the other over a slow line, the last would hear it after their token's end.
        await asyncio.gather(*(self._apologise(client, promise, INTERRUPTED) for promise in left))

    async def _apologise(self, client: discord.Client, promise: Promise, words: str) -> None:
        for pause_s in (*AGAIN_S, None):
            try:
                await self._tell(client, promise, words)
            except discord.HTTPException as error:
                if error.status < 500 and error.status != 429:
                    break  # the token is over, or the message gone: there is nobody to tell
            except NETWORK_ERRORS as error:
                log.info("not told: %s", error, extra={"action": "answer"})
            else:
                break
            if pause_s is None:
                return
            await asyncio.sleep(pause_s)
        await self.keep(promise.interaction_id)

    async def _tell(self, client: discord.Client, promise: Promise, words: str) -> None:
        if self._clock() >= promise.expires_at:
            return
        webhook = discord.Webhook.partial(promise.application_id, promise.token, client=client)
        message = await webhook.fetch_message(Original())
        if message.flags.loading:
            await webhook.edit_message(Original(), content=words)


def _promise(interaction: discord.Interaction[discord.Client]) -> Promise:
    return Promise(
        interaction_id=interaction.id,
        application_id=interaction.application_id,
        token=interaction.token,
        expires_at=interaction.expires_at,
    )
