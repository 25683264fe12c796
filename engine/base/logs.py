"""Logs for people and for machines, the same in the bot and in every worker; a token never reaches either."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

SECRETS = re.compile(r"[\w-]{20,}\.[\w-]{4,}\.[\w-]{20,}|\bhf_\w{20,}|(?<=/)\d{15,}/[\w.-]{20,}")
PATTERN = "%(asctime)s %(levelname)-7s %(name)s %(message)s"
_OWN = frozenset({*RESERVED_ATTRS, "message", "taskName"})
"""What every record has; the rest was given by `extra`."""


class Redacted(logging.Formatter):
    """One line a record, with everything that says what it is about."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Append the fields given by `extra`, before a traceback."""
        return super().formatMessage(record) + "".join(f" {name}={value}" for name, value in _given(record).items())

    def format(self, record: logging.LogRecord) -> str:
        """Replace secrets in the finished text."""
        return SECRETS.sub("[secret]", super().format(record))


class RedactedJson(JsonFormatter):
    """One JSON object a record."""

    def format(self, record: logging.LogRecord) -> str:
        """Replace secrets in the finished line."""
        return SECRETS.sub("[secret]", super().format(record))


FORMS: Mapping[str, type[logging.Formatter]] = MappingProxyType({"json": RedactedJson, "text": Redacted})


@dataclass(frozen=True, slots=True)
class LogSetup:
    """How much is logged, and in which of `FORMS`."""

    level: int
    form: str


def configure(setup: LogSetup) -> None:
    """Set up the root logger, once, at the start of a process."""
    stream = logging.StreamHandler()
    stream.setFormatter(FORMS[setup.form](PATTERN))
    logging.basicConfig(level=setup.level, handlers=[stream], force=True)


def current() -> LogSetup | None:
    """How this process logs; None where `configure` was not called."""
    level = logging.getLogger("engine").getEffectiveLevel()
    kinds = {type(handler.formatter) for handler in logging.getLogger().handlers}
    return next((LogSetup(level, form) for form, kind in FORMS.items() if kind in kinds), None)


def _given(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if name not in _OWN}
