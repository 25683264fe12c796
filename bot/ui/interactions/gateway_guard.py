"""Gateway events before discord.py reads them: one it cannot read is let go, an interaction is heard once."""

from __future__ import annotations

import functools
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable, MutableMapping
from typing import Any

from bot.domain.jobs.pending_answers import Payload

_REMEMBERED, _AT_HAND = 10_000, 1000
_INTERACTION = "INTERACTION_CREATE"
_AUTOCOMPLETE = 4

Parser = Callable[[Any], None]

log = logging.getLogger(__name__)


class Events:
    """Guards every parser of a connection, and keeps each interaction at hand, as it came, until it is answered."""

    def __init__(self, parsers: MutableMapping[str, Parser]) -> None:
        """What is new in Discord's events must not end this bot's connection."""
        self._heard = OrderedDict[int, None]()
        self._at_hand = OrderedDict[int, Payload]()
        for event, parser in parsers.items():
            parsers[event] = _tolerant(event, parser)
        self._parse = parsers.get(_INTERACTION, lambda _: None)
        if _INTERACTION in parsers:
            parsers[_INTERACTION] = _tolerant(_INTERACTION, self._once)

    def ignore(self, interaction_ids: Iterable[int]) -> None:
        """An earlier process has heard them: whoever repeats them is not heard."""
        self._heard.update(dict.fromkeys(interaction_ids))

    def again(self, payload: Payload) -> None:
        """Read an interaction of an earlier process as if it came now."""
        interaction_id = int(payload["id"])
        self.ignore([interaction_id])
        self._at_hand[interaction_id] = payload
        self._parse(payload)

    def at_hand(self, interaction_id: int) -> Payload | None:
        """An interaction that is not answered yet, as it came."""
        return self._at_hand.get(interaction_id)

    def amend(self, interaction_id: int, payload: Payload) -> None:
        """Keep this in place of what came."""
        self._at_hand[interaction_id] = payload

    def answered(self, interaction_id: int) -> None:
        """It is needed no more."""
        self._at_hand.pop(interaction_id, None)

    def _once(self, payload: Any) -> None:
        """Resumed sessions repeat events. A second answer would be refused, but what a command does is done by then."""
        interaction_id = int(payload["id"])
        if interaction_id in self._heard:
            log.info("heard before", extra={"action": "interaction"})
            return
        self._heard[interaction_id] = None
        if payload["type"] != _AUTOCOMPLETE:
            self._at_hand[interaction_id] = payload
        for kept, most in ((self._heard, _REMEMBERED), (self._at_hand, _AT_HAND)):
            if len(kept) > most:
                kept.popitem(last=False)
        self._parse(payload)


def _tolerant(event: str, parser: Parser) -> Parser:
    @functools.wraps(parser)
    def tolerant(payload: Any) -> None:
        try:
            parser(payload)
        except (LookupError, TypeError, ValueError, AttributeError):
            log.exception("an event could not be read", extra={"action": event.lower()})

    return tolerant
