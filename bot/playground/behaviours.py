"""What scripted friends do with what they see: each behaviour waits a while and acts once.

A new game adds a behaviour to `BEHAVIOURS`: which messages it answers to (`about`), and what friends do then (`act`).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

from bot.domain.rounds.round import RoundAct
from bot.playground.tastes import COLUMNS, liked
from bot.ui.pictures import show_sheet

_BUTTON = re.compile(r"dr-round:(?P<act>[a-z]{1,2}):(?P<round>[0-9a-z]{1,16}):(?P<slot>[0-9]{1,2})")
WILD_CARDS: Mapping[str, str] = MappingProxyType(
    {"kim": "on a red background", "lou": "on a blue background", "nia": "in the snow", "sam": "under a night sky"}
)


@dataclass(frozen=True, slots=True)
class Seen:
    """A message of the bot's, as a friend sees it: its text, the ids of its buttons, its last picture."""

    text: str
    buttons: tuple[str, ...]
    picture: bytes | None = None

    def of(self, act: RoundAct) -> list[tuple[str, str]]:
        """Round id and custom id of every button of a round that does this, in their order."""
        found = [(button, _BUTTON.fullmatch(button)) for button in self.buttons]
        return [(match["round"], button) for button, match in found if match is not None and match["act"] == act.value]


@dataclass(frozen=True, slots=True)
class Hands:
    """What a friend can do: press a button by its id, and fill in the form that came of it."""

    press: Callable[[str], Awaitable[Any]]
    fill: Callable[[Any, dict[str, str]], Awaitable[Any]]
    press_below: Callable[[Any, str], Awaitable[Any]] | None = None
    """Press a button of a private answer by its label; None where there is none."""
    choose: Callable[[str, str], Awaitable[Any]] | None = None
    """Choose a value in a menu by the menu's id."""


class Behaviour(Protocol):
    """One habit of the friends."""

    pause_s: tuple[float, float]
    """They act after a time between these."""

    def about(self, name: str, seen: Seen) -> str | None:
        """What is to be done once by this friend, as a key; None when there is nothing."""
        ...

    async def act(self, name: str, seen: Seen, hands: Hands) -> None:
        """Do it, with the message as it is after the pause."""
        ...


class Votes:
    """Marks what the friend likes best, wherever there is a vote."""

    pause_s = (2.0, 7.0)

    def about(self, name: str, seen: Seen) -> str | None:
        """Each round once."""
        votes = seen.of(RoundAct.VOTE)
        return f"vote {votes[0][0]}" if votes else None

    async def act(self, name: str, seen: Seen, hands: Hands) -> None:
        """Press the letters."""
        votes = seen.of(RoundAct.VOTE)
        across = show_sheet.columns(len(votes)) if "**The show**" in seen.text else COLUMNS
        for slot in await asyncio.to_thread(liked, name, seen.picture, len(votes), across):
            if slot < len(votes):
                await hands.press(votes[slot][1])


class WildCards:
    """Hands in the friend's line in the first round of an /evolve; which one is used is the bot's choice."""

    pause_s = (4.0, 12.0)

    def about(self, name: str, seen: Seen) -> str | None:
        """Once in the first round."""
        wild = seen.of(RoundAct.WILD)
        return f"wild {wild[0][0]}" if wild and name in WILD_CARDS and "Round 1 of" in seen.text else None

    async def act(self, name: str, seen: Seen, hands: Hands) -> None:
        """Open the form and write the line."""
        if wild := seen.of(RoundAct.WILD):
            form = await hands.press(wild[0][1])
            if form.modal is not None:
                await hands.fill(form, {"prompt": WILD_CARDS[name]})


BEHAVIOURS: tuple[Behaviour, ...] = (Votes(), WildCards())
