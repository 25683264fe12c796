"""Logs for people and for machines; a token never reaches either."""

from __future__ import annotations

import logging
import re

from pythonjsonlogger.json import JsonFormatter

SECRETS = re.compile(r"[\w-]{20,}\.[\w-]{4,}\.[\w-]{20,}|\bhf_\w{20,}|(?<=/)\d{15,}/[\w.-]{20,}")
FIELDS = ("job", "action")


class Redacted(logging.Formatter):
    """One line a record, with the job it is about."""

    def format(self, record: logging.LogRecord) -> str:
        """Append the fields given by `extra` and blot out secrets."""
        fields = "".join(f" {name}={getattr(record, name)}" for name in FIELDS if hasattr(record, name))
        return SECRETS.sub("[secret]", super().format(record) + fields)


class RedactedJson(JsonFormatter):
    """One JSON object a record."""

    def format(self, record: logging.LogRecord) -> str:
        """Blot out secrets in the finished line."""
        return SECRETS.sub("[secret]", super().format(record))


def configure(level: str, form: str) -> None:
    """Set up the root logger, once, at start."""
    stream = logging.StreamHandler()
    pattern = "%(asctime)s %(levelname)-7s %(name)s %(message)s"
    stream.setFormatter(RedactedJson(pattern) if form == "json" else Redacted(pattern))
    logging.basicConfig(level=level.upper(), handlers=[stream], force=True)
    # discord.py logs request bodies at debug, and they hold prompts
    logging.getLogger("discord").setLevel(logging.INFO if level == "debug" else logging.WARNING)
    logging.getLogger("discord.http").setLevel(logging.WARNING)
    logging.getLogger("discord.client").addFilter(_is_no_word_about_voice)
    logging.getLogger("alembic").setLevel(logging.INFO if level == "debug" else logging.WARNING)


def _is_no_word_about_voice(record: logging.LogRecord) -> bool:
    """discord.py warns at every start that what calls by voice need is missing; the bot makes none."""
    return "voice will NOT be supported" not in record.getMessage()
