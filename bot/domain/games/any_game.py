"""A game of any kind, and how it is read from JSON."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, TypeAdapter

from bot.domain.games.bluff import Bluff
from bot.domain.games.telephone import Telephone

AnyGame = Bluff | Telephone

_READ: TypeAdapter[AnyGame] = TypeAdapter(Annotated[AnyGame, Field(discriminator="kind")])


def read(body: str) -> AnyGame:
    """The game that was stored. Raises `ValueError` for one this version cannot read."""
    return _READ.validate_json(body)
