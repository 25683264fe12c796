"""How the bot logs: as its engine's workers do, and nothing of what discord.py knows of members' words."""

from __future__ import annotations

import logging

from engine import LogSetup, configure_logs


def configure(level: str, form: str) -> None:
    """Set up the root logger, once, at start."""
    configure_logs(LogSetup(logging.getLevelNamesMapping()[level.upper()], form))
    # discord.py logs request bodies at debug, and they hold prompts
    logging.getLogger("discord").setLevel(logging.INFO if level == "debug" else logging.WARNING)
    logging.getLogger("discord.http").setLevel(logging.WARNING)
    logging.getLogger("discord.client").addFilter(_is_no_word_about_voice)
    logging.getLogger("alembic").setLevel(logging.INFO if level == "debug" else logging.WARNING)


def _is_no_word_about_voice(record: logging.LogRecord) -> bool:
    """discord.py warns at every start that what calls by voice need is missing; the bot makes none."""
    return "voice will NOT be supported" not in record.getMessage()
