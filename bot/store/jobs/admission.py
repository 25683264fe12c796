"""Admission: one SQL statement inserts a job if it is new and the limits on waiting and running jobs allow it."""

from __future__ import annotations

import functools
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.model import Ask, Job, JobState, ReplyTo
from bot.domain.quotas.quota import MAX_LIVE_JOBS
from bot.errors import AlreadyAsked, PictureHidden, TooManyJobs
from bot.store.jobs.inputs import note_inputs
from bot.store.jobs.job_reads import is_live, job_from
from bot.store.schema import jobs, sealed_words, uploads
from engine import QueueFull

_HELD_IN_COLUMNS = {"token", "expires_at", "message_id"}
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


@dataclass(frozen=True, slots=True)
class AdmissionLimits:
    """The largest number of waiting and running jobs, for each member and in all.

    On PostgreSQL asks of several servers in the same moment may exceed the second by their number.
    """

    per_member: int = MAX_LIVE_JOBS
    in_all: int = 500


async def admit(connection: AsyncConnection, ask: Ask, limits: AdmissionLimits, now: datetime, **known: Any) -> Job:
    """Insert the job as queued and return it; `known` are further columns of the row. The caller has its turn.

    Raises `AlreadyAsked`, `TooManyJobs`, `QueueFull`, or `PictureHidden` for what is made from a hidden picture.
    """
    await _require_shown(connection, ask)
    values = dict.fromkeys(jobs.c.keys()) | asked_columns(ask) | known
    values |= {
        "id": _new_id(), "state": JobState.QUEUED.value, "epoch": 0, "attempts": 0, "created_at": now, "spoiler": False,
        "error": "", "recipe": "", "notes": [], "captions": [],
    }  # fmt: skip
    statement = _insert(connection.dialect.name)
    allowed = {"per_member": limits.per_member, "in_all": limits.in_all}
    if (await connection.execute(statement, {**values, **allowed})).rowcount != 1:
        raise await _refusal(connection, ask, limits)
    job = job_from(values)
    if ask.spec.sealed:
        await connection.execute(sa.insert(sealed_words), {"job_id": job.id, "prompt": ask.spec.options.prompt})
    if not job.spec.is_from_words:
        await note_inputs(connection, job)
    if keys := job.spec.uploads:
        whose = _of_kept_style(ask) | await _uploaders(connection, job)
        owner = ask.spec.poster_id or job.member_id
        rows = [{"job_id": job.id, "key": key, "member_id": whose.get(key, owner)} for key in keys]
        await connection.execute(sa.insert(uploads), rows)
    return job


async def _require_shown(connection: AsyncConnection, ask: Ask) -> None:
    """In the same transaction: what comes after a quarantine began would not be hidden by it."""
    if not (made_from := ask.spec.made_from):
        return
    hidden = sa.select(jobs.c.id).where(jobs.c.id.in_(made_from), jobs.c.state == JobState.HIDDEN)
    if await connection.scalar(hidden) is not None:
        raise PictureHidden


def _of_kept_style(ask: Ask) -> dict[str, int]:
    """Return who saved each picture of the style that the job names."""
    style = ask.spec.options.kept_style
    return {} if style is None else {key: style.owner_id for key, _ in style.pictures}


async def _uploaders(connection: AsyncConnection, job: Job) -> dict[str, int]:
    """Return the uploader of each upload that the job has from its parent; other uploads are the asker's own."""
    if job.parent_id is None:
        return {}
    inherited = sa.select(uploads.c.key, uploads.c.member_id).where(uploads.c.job_id == job.parent_id)
    return {row.key: row.member_id for row in await connection.execute(inherited)}


@functools.cache
def _insert(dialect: str) -> sqlite.Insert | postgresql.Insert:
    """Build the insert; cached, so that SQLAlchemy compiles it only once."""
    theirs, everybody = _live("theirs", of_member=True), _live("everybody", of_member=False)
    row = sa.select(*(sa.bindparam(column.name, type_=column.type) for column in jobs.c)).where(
        theirs < sa.bindparam("per_member"), everybody < sa.bindparam("in_all")
    )
    insert = sqlite.insert(jobs) if dialect == "sqlite" else postgresql.insert(jobs)
    return insert.from_select(list(jobs.c.keys()), row).on_conflict_do_nothing(
        index_elements=["interaction_id", "ask_index"]
    )


def _live(name: str, *, of_member: bool) -> sa.ScalarSelect[int]:
    table = jobs.alias(name)
    query = sa.select(sa.func.count()).select_from(table).where(is_live(table))
    if of_member:
        query = query.where(table.c.member_id == sa.bindparam("member_id", type_=jobs.c.member_id.type))
    return query.scalar_subquery()


async def _refusal(connection: AsyncConnection, ask: Ask, limits: AdmissionLimits) -> Exception:
    same = (jobs.c.interaction_id == ask.interaction_id, jobs.c.ask_index == ask.index)
    asked = await connection.scalar(sa.select(jobs.c.id).where(*same))
    if asked is not None:
        return AlreadyAsked(asked)
    theirs = _live("theirs", of_member=True)
    live = await connection.scalar(sa.select(theirs), {"member_id": ask.member.id})
    if live is not None and live >= limits.per_member:
        return TooManyJobs(live, limits.per_member)
    return QueueFull(limits.in_all, limits.in_all, retry_after_s=60.0)


def _new_id() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(10))


def asked_columns(ask: Ask) -> dict[str, Any]:
    """Return the columns of a new job that come from the ask."""
    source = ask.spec.source or ask.spec.origin
    cell = source.cell if source and not ask.spec.parent_id else None
    return {
        "verb": ask.spec.verb.value,
        "spec": (ask.spec.without_words() if ask.spec.sealed else ask.spec).model_dump_json(),
        "count": ask.spec.count,
        "member_id": ask.member.id,
        "member_name": ask.member.name,
        "guild_id": ask.place.guild_id,
        "channel_id": ask.place.channel_id,
        "notify": ask.notify,
        "interaction_id": ask.interaction_id,
        "ask_index": ask.index,
        "parent_id": ask.spec.parent_id or (source.job_id if source else None),
        "parent_cell": cell,
        **_reply_columns(ask.reply.model_copy(update={"open_channel_id": ask.place.open_channel_id})),
    }


def _reply_columns(reply: ReplyTo) -> dict[str, Any]:
    """Return the columns of a reply; token and message id have columns of their own."""
    return {
        "reply": reply.model_dump_json(exclude=_HELD_IN_COLUMNS),
        "message_id": reply.message_id,
        "token": reply.token or None,
        "token_until": reply.expires_at if reply.token else None,
    }
