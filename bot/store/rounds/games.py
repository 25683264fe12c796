"""Games in the database: each is one row that is changed by compare-and-swap on its version."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.games.any_game import AnyGame, read
from bot.errors import Fenced, RoundNotFound
from bot.store.database import Database, upsert
from bot.store.schema_games import PLAYED, games, players

GameT = TypeVar("GameT", bound=AnyGame)


class GameStore:
    """`bot.domain.games.ports.GameStore` in SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def open(self, new: AnyGame) -> AnyGame:
        """Store it; where the channel has a game under way already, that one is given back."""
        async with self._database.write() as connection:
            row = upsert(connection, games).values(_columns(new)).on_conflict_do_nothing()
            here = sa.select(games).where(games.c.channel_id == new.channel_id, PLAYED)
            await connection.execute(row)
            found = _game(await _one(connection, here, new.id))
            if found.id == new.id:
                await _note_players(connection, found)
        return found

    async def get(self, game_id: str) -> AnyGame:
        """Raises `RoundNotFound`."""
        async with self._database.read() as connection:
            return _game(await _one(connection, sa.select(games).where(games.c.id == game_id), game_id))

    async def at_message(self, message_id: int) -> AnyGame | None:
        """The game whose newest message this is."""
        return await self._first(games.c.message_id == message_id)

    async def in_channel(self, channel_id: int) -> AnyGame | None:
        """The game under way in a channel."""
        return await self._first(games.c.channel_id == channel_id, PLAYED)

    async def change(self, before: AnyGame, after: GameT) -> GameT:
        """Compare-and-swap: `after` with the next version. Raises `Fenced` when the game has changed since `before`."""
        stored = after.model_copy(update={"version": before.version + 1})
        same = games.c.id == before.id, games.c.version == before.version
        async with self._database.write() as connection:
            changed = await connection.execute(sa.update(games).where(*same).values(_columns(stored)))
            if changed.rowcount != 1:
                raise Fenced(before.id, before.version)
            if before.players != after.players:
                await _note_players(connection, stored)
        return stored

    async def due(self, now: datetime) -> list[AnyGame]:
        """Games of this bot for which something is to be done, the oldest first."""
        here = self._database.ours(games.c.guild_id)
        query = sa.select(games).where(games.c.due_at <= now, *here).order_by(games.c.due_at)
        async with self._database.read() as connection:
            return self._read((await connection.execute(query)).mappings().all())

    def _read(self, rows: Any) -> list[AnyGame]:
        """Those that can be read; the others are set aside and named."""
        found: list[AnyGame] = []
        for row in rows:
            try:
                found.append(_game(row))
            except ValueError as error:
                self._database.unreadable.set_aside("games", row["id"], error)
        return found

    async def _first(self, *conditions: sa.ColumnElement[bool]) -> AnyGame | None:
        async with self._database.read() as connection:
            row = (await connection.execute(sa.select(games).where(*conditions).limit(1))).mappings().first()
        return None if row is None else _game(row)


async def forget(connection: AsyncConnection, member_id: int) -> list[str]:
    """Delete the games a member began, and take what they wrote out of all others, which go on.

    The jobs of the deleted games, whose words are a secret of nobody any more.
    """
    hosted = games.c.host_id == member_id
    theirs = (await connection.execute(sa.select(games).where(hosted))).mappings().all()
    await connection.execute(sa.delete(games).where(hosted))
    played = sa.select(games).join(players).where(players.c.member_id == member_id)
    for row in (await connection.execute(played)).mappings().all():
        left = _game(row).forgotten(member_id)
        left = left.model_copy(update={"version": row["version"] + 1})
        await connection.execute(sa.update(games).where(games.c.id == left.id).values(_columns(left)))
    await connection.execute(sa.delete(players).where(players.c.member_id == member_id))
    return [job_id for row in theirs for job_id in _game(row).pictures]


async def said_by(connection: AsyncConnection, member_id: int) -> list[dict[str, Any]]:
    """What a member wrote and guessed, for their export: nothing of anybody else."""
    theirs = sa.select(games).join(players).where(players.c.member_id == member_id).order_by(games.c.created_at)
    rows = (await connection.execute(theirs)).mappings().all()
    return [{**_about(row), **_game(row).said_by(member_id)} for row in rows]


def _about(row: Mapping[Any, Any]) -> dict[str, Any]:
    plain = ("id", "kind", "guild_id", "channel_id")
    return {**{name: row[name] for name in plain}, "created_at": row["created_at"].isoformat()}


async def _note_players(connection: AsyncConnection, game: AnyGame) -> None:
    rows = [{"game_id": game.id, "member_id": member} for member in _members(game)]
    await connection.execute(upsert(connection, players).on_conflict_do_nothing(), rows)


def _members(game: AnyGame) -> set[int]:
    return {game.host.id, *(player.id for player in game.players)}


async def _one(connection: AsyncConnection, query: sa.Select[Any], game_id: str) -> Mapping[Any, Any]:
    row = (await connection.execute(query)).mappings().first()
    if row is None:
        raise RoundNotFound(game_id)
    return row


def _columns(game: AnyGame) -> dict[str, Any]:
    plain = ("id", "version", "is_over", "guild_id", "channel_id", "message_id", "due_at", "created_at")
    known = {"kind": game.kind.value, "host_id": game.host.id, "body": game.model_dump_json()}
    return {**{name: getattr(game, name) for name in plain}, **known}


def _game(row: Mapping[Any, Any]) -> AnyGame:
    return read(row["body"])
