"""Threads as Discord archives them: nothing in them can be changed before they are woken."""

from __future__ import annotations

from typing import Any

import discord
import pytest
from simcord.backend.errors import BackendError

from tests.bot.court import Court


class ArchivedThread:
    """A thread of the channel, in which everything happens from now on."""

    def __init__(self, court: Court, thread: Any) -> None:
        self._backend: Any = court.env.backend
        self._id: int = thread.id

    @property
    def _state(self) -> Any:
        return self._backend.get_channel(self._id).thread_metadata

    @property
    def is_asleep(self) -> bool:
        return bool(self._state.archived)

    def fall_asleep(self, *, is_locked: bool = False) -> None:
        """As after hours without a message; or locked by a moderator, so that nobody wakes it."""
        self._state.archived, self._state.locked = True, is_locked

    def refuse(self, channel_id: int, *, is_new: bool = False) -> None:
        """Raise what Discord answers; a new message wakes the thread unless it is locked."""
        if channel_id != self._id or not self.is_asleep:
            return
        if self._state.locked or not is_new:
            raise BackendError(400, 50083, "Thread is archived")
        self._state.archived = False


async def in_a_thread(court: Court, monkeypatch: pytest.MonkeyPatch) -> ArchivedThread:
    """Begin a thread, and move the court into it."""
    real = court.client.get_channel(court.channel.id)
    assert isinstance(real, discord.TextChannel)
    message = await real.send("here")
    await message.create_thread(name="drawing")
    [court.channel] = court.channel.threads
    thread = ArchivedThread(court, court.channel)
    backend: Any = court.env.backend
    edit, delete, create = backend.edit_message, backend.delete_message, backend.create_message

    def edited(channel_id: int, *given: Any, **named: Any) -> Any:
        thread.refuse(channel_id)
        return edit(channel_id, *given, **named)

    def deleted(channel_id: int, *given: Any, **named: Any) -> Any:
        thread.refuse(channel_id)
        return delete(channel_id, *given, **named)

    def created(channel_id: int, *given: Any, **named: Any) -> Any:
        thread.refuse(channel_id, is_new=True)
        return create(channel_id, *given, **named)

    for name, way in (("edit_message", edited), ("delete_message", deleted), ("create_message", created)):
        monkeypatch.setattr(backend, name, way)
    return thread
