"""The bot's values: frozen pydantic models without Discord objects, which can be stored as JSON."""

from __future__ import annotations

from bot.domain.model.ask import Ask
from bot.domain.model.expression import (
    LONGEST_NAME,
    MOST_BYTES,
    SIDES,
    ExpressionKind,
    Slots,
    expression_name,
    proposed_name,
)
from bot.domain.model.job import Cell, Charge, Job, JobState, Kept, Verdict
from bot.domain.model.job_spec import WITHDRAWN, CellRef, JobSpec, Options, Verb
from bot.domain.model.kept_style import KeptStyle, NamedStyle
from bot.domain.model.member import Member, Preferences, ResultForm, Share
from bot.domain.model.outbox_entry import LONGEST_DELAY, OutboxEntry, OutboxKind
from bot.domain.model.place import DIRECT_MESSAGES, Place, ReplyTo
from bot.domain.model.value import Value

__all__ = [
    "DIRECT_MESSAGES",
    "LONGEST_DELAY",
    "LONGEST_NAME",
    "MOST_BYTES",
    "SIDES",
    "WITHDRAWN",
    "Ask",
    "Cell",
    "CellRef",
    "Charge",
    "ExpressionKind",
    "Job",
    "JobSpec",
    "JobState",
    "Kept",
    "KeptStyle",
    "Member",
    "NamedStyle",
    "Options",
    "OutboxEntry",
    "OutboxKind",
    "Place",
    "Preferences",
    "ReplyTo",
    "ResultForm",
    "Share",
    "Slots",
    "Value",
    "Verb",
    "Verdict",
    "expression_name",
    "proposed_name",
]
