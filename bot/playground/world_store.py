"""Stores the simulated Discord between starts: ids, messages and posted files."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Generator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import simcord
from pydantic import TypeAdapter, ValidationError
from simcord.backend.models import Message

from bot.errors import ConfigError

NAME = "playground.sqlite3"
_TABLES = """
    pragma journal_mode = wal;
    pragma synchronous = off;
    create table if not exists numbers (position integer primary key, id integer not null);
    create table if not exists messages (id integer primary key, body text not null);
    create table if not exists files (url text primary key, message integer not null, content blob not null);
"""
_MESSAGE = TypeAdapter(Message)

log = logging.getLogger(__name__)


class WorldStore:
    """A SQLite file of the simulated Discord, beside the bot's database; a thread writes it."""

    def __init__(self, env: simcord.Env, folder: Path) -> None:
        """Open or create the file. Raises `ConfigError` when it cannot be read."""
        self._backend: Any = env.backend
        self._path = folder / NAME
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="world-store")
        self._base = sqlite3.connect(self._path, check_same_thread=False, isolation_level=None)
        with self._readable():
            self._base.executescript(_TABLES)
            self._numbers: list[int] = [id for (id,) in self._base.execute("select id from numbers order by position")]

    def close(self) -> None:
        """Write what is queued, and close the file."""
        self._writer.shutdown()
        self._base.close()

    @contextmanager
    def numbers(self) -> Generator[None]:
        """Objects created in this block get the ids of the last start; the order of creation never changes."""
        allocate, known, given = self._backend.snowflake, iter(self._numbers), list[int]()

        def next_number() -> int:
            given.append(number if (number := next(known, None)) is not None else allocate())
            return given[-1]

        self._backend.snowflake = next_number
        try:
            self._be_again(next_number)
            yield
        finally:
            self._backend.snowflake = allocate
        self._write("insert or replace into numbers values (?, ?)", list(enumerate(given)))

    def _be_again(self, number: Any) -> None:
        """Set the ids of application and bot user, which SimCord created before this block."""
        bot = self._backend.bot_user
        del self._backend.users[bot.id]
        self._backend.application_id, bot.id = number(), number()
        self._backend.users[bot.id] = bot

    def restore(self) -> bool:
        """Restore messages and files; return whether there were any. Raises `ConfigError`."""
        with self._readable():
            bodies = self._base.execute("select body from messages order by id").fetchall()
            messages = [_MESSAGE.validate_json(body) for (body,) in bodies]
            self._backend.cdn._blobs.update(self._base.execute("select url, content from files"))
        for message in messages:
            if (said := self._backend.messages.get(message.channel_id)) is not None:
                said[message.id] = message
        self._backend.subscribers.append(self._heard)
        return bool(messages)

    @contextmanager
    def _readable(self) -> Generator[None]:
        try:
            yield
        except (sqlite3.Error, ValidationError) as error:
            log.info("the stored messages of the playground cannot be read: %s", error)
            why = f"this version cannot read {self._path}; move the file away, or choose another folder"
            raise ConfigError("--data", why) from error

    def _heard(self, event: str, payload: Mapping[str, Any]) -> None:
        """Store a new or edited message, and delete a deleted one; ephemeral messages are not stored."""
        if not event.startswith("MESSAGE_"):
            return
        for number in payload.get("ids") or [payload.get("message_id") or payload["id"]]:
            message = self._backend.messages.get(int(payload["channel_id"]), {}).get(int(number))
            if message is None or message.is_ephemeral:
                self._write("delete from messages where id = ?", [(int(number),)])
                self._write("delete from files where message = ?", [(int(number),)])
            else:
                self._keep(message)

    def _keep(self, message: Message) -> None:
        body = _MESSAGE.dump_json(message).decode()
        files = [(one["url"], message.id, self._backend.cdn.get(one["url"])) for one in message.attachments]
        urls = json.dumps([url for url, _, _ in files])
        gone = "delete from files where message = ? and url not in (select value from json_each(?))"
        self._write(gone, [(message.id, urls)])
        self._write("insert or ignore into files values (?, ?, ?)", files)
        self._write("insert or replace into messages values (?, ?)", [(message.id, body)])

    def _write(self, statement: str, rows: list[tuple[Any, ...]]) -> None:
        if rows:
            self._writer.submit(self._base.executemany, statement, rows).add_done_callback(_told)


def _told(written: Future[Any]) -> None:
    if (error := written.exception()) is not None:
        log.warning("the playground's messages cannot be stored: %s", error)
