"""Gateway events before discord.py reads them: one it cannot read is let go, an interaction is heard once."""

from __future__ import annotations

import functools
import logging
from collections import OrderedDict
from collections.abc import Callable, MutableMapping
from typing import Any

_REMEMBERED = 10_000
_INTERACTION = "INTERACTION_CREATE"

Parser = Callable[[Any], None]

log = logging.getLogger(__name__)


def guard(parsers: MutableMapping[str, Parser]) -> None:
    """Put a guard before every parser: what is new in Discord's events must not end this bot's connection."""
    for event, parser in parsers.items():
        parsers[event] = _tolerant(event, _once(parser) if event == _INTERACTION else parser)


def _tolerant(event: str, parser: Parser) -> Parser:
    @functools.wraps(parser)
    def tolerant(payload: Any) -> None:
        try:
            parser(payload)
        except (LookupError, TypeError, ValueError, AttributeError):
            log.exception("an event could not be read", extra={"action": event.lower()})

    return tolerant


def _once(parser: Parser) -> Parser:
    """Resumed sessions repeat events. A second answer would be refused, but what a command does is done by then."""
    heard = OrderedDict[str, None]()

    @functools.wraps(parser)
    def once(payload: Any) -> None:
        if payload["id"] in heard:
            log.info("heard before", extra={"action": "interaction"})
            return
        heard[payload["id"]] = None
        if len(heard) > _REMEMBERED:
            heard.popitem(last=False)
        parser(payload)

    return once
