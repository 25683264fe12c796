"""Gateway guard: drops events that discord.py cannot read, and interactions that were received before."""

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


class GatewayGuard:
    """Wraps every parser of a connection; keeps the payload of each interaction until it is answered."""

    def __init__(self, parsers: MutableMapping[str, Parser]) -> None:
        """Wrap the parsers in place: an event of an unknown form must not end the connection."""
        self._heard = OrderedDict[int, None]()
        self._at_hand = OrderedDict[int, Payload]()
        for event, parser in parsers.items():
            parsers[event] = _tolerant(event, parser)
        self._parse = parsers.get(_INTERACTION, lambda _: None)
        if _INTERACTION in parsers:
            parsers[_INTERACTION] = _tolerant(_INTERACTION, self._once)

    def ignore(self, interaction_ids: Iterable[int]) -> None:
        """Drop these interactions when they are repeated: an earlier process has received them."""
        self._heard.update(dict.fromkeys(interaction_ids))

    def again(self, payload: Payload) -> None:
        """Parse an interaction of an earlier process as if it came now."""
        interaction_id = int(payload["id"])
        self.ignore([interaction_id])
        self._at_hand[interaction_id] = payload
        self._parse(payload)

    def at_hand(self, interaction_id: int) -> Payload | None:
        """The payload of an interaction that is not answered yet."""
        return self._at_hand.get(interaction_id)

    def amend(self, interaction_id: int, payload: Payload) -> None:
        """Replace the payload of an interaction."""
        self._at_hand[interaction_id] = payload

    def answered(self, interaction_id: int) -> None:
        """Forget the payload: the interaction was answered."""
        self._at_hand.pop(interaction_id, None)

    def _once(self, payload: Any) -> None:
        """Parse an interaction once: resumed sessions repeat events, and a command must not run twice."""
        payload = _storable(payload)
        interaction_id = int(payload["id"])
        if interaction_id in self._heard:
            log.info("interaction received twice, dropped", extra={"action": "interaction"})
            return
        self._heard[interaction_id] = None
        if payload["type"] != _AUTOCOMPLETE:
            self._at_hand[interaction_id] = payload
        for kept, most in ((self._heard, _REMEMBERED), (self._at_hand, _AT_HAND)):
            if len(kept) > most:
                kept.popitem(last=False)
        self._parse(payload)


def _storable(value: Any) -> Any:
    """The same without NUL characters and lone surrogates in texts: databases take none."""
    match value:
        case str():
            return value.encode("utf-8", "replace").decode().replace("\0", "")
        case dict():
            return {key: _storable(one) for key, one in value.items()}  # pyright: ignore[reportUnknownVariableType]
        case list():
            return [_storable(one) for one in value]  # pyright: ignore[reportUnknownVariableType]
        case _:
            return value


def _tolerant(event: str, parser: Parser) -> Parser:
    @functools.wraps(parser)
    def tolerant(payload: Any) -> None:
        try:
            parser(payload)
        except (LookupError, TypeError, ValueError, AttributeError):
            log.exception("an event could not be read", extra={"action": event.lower()})

    return tolerant
