"""Converts between table rows and the domain's values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from bot.domain.model import Ask, Cell, Job, JobSpec, JobState, ReplyTo
from bot.store.schema import jobs

_PLAIN = tuple(
    column.name
    for column in jobs.c
    if column.name in Job.model_fields and column.name not in {"spec", "reply", "state", "notes", "captions"}
)
Columns = Mapping[str, Any] | sa.RowMapping
_HELD_IN_COLUMNS = {"token", "expires_at", "message_id"}


def job_from(columns: Columns) -> Job:
    """Make a job from the columns of its row; fields of a newer version are ignored."""
    reply = ReplyTo.model_validate_json(columns["reply"], extra="ignore").model_copy(
        update={
            "message_id": columns["message_id"],
            "token": columns["token"] or "",
            "expires_at": columns["token_until"],
        }
    )
    return Job(
        **{name: columns[name] for name in _PLAIN},
        state=JobState(columns["state"]),
        spec=JobSpec.model_validate_json(columns["spec"], extra="ignore"),
        index=columns["ask_index"],
        reply=reply,
        notes=tuple(columns["notes"]),
        captions=tuple(columns["captions"]),
    )


def reply_columns(reply: ReplyTo) -> dict[str, Any]:
    """Return the columns of a reply; token and message id have columns of their own."""
    return {
        "reply": reply.model_dump_json(exclude=_HELD_IN_COLUMNS),
        "message_id": reply.message_id,
        "token": reply.token or None,
        "token_until": reply.expires_at if reply.token else None,
    }


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
        **reply_columns(ask.reply.model_copy(update={"open_channel_id": ask.place.open_channel_id})),
    }


def cell_from(columns: Columns) -> Cell:
    """Make a cell from the columns of its row."""
    return Cell.model_validate(columns)
