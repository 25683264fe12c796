"""What scripted friends do in games with hidden words: they join, write secrets, fakes and lines, guess, and vote."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from typing import Any

from bot.domain.games.deals import DEALT, FIGURES
from bot.playground.behaviours import Hands, Seen
from bot.ui.content.custom_ids import GAME_TEMPLATE, GUESS_TEMPLATE, GameAct

_BUTTON, _MENU = re.compile(GAME_TEMPLATE), re.compile(GUESS_TEMPLATE)
_NUMBERED = re.compile(r"^\*\*\d+\.\*\*", re.MULTILINE)


def buttons_of(seen: Seen, *acts: GameAct) -> list[tuple[str, str]]:
    """A key that is another one in each stage, and the custom id, of every button of a game that does this."""
    found = [(button, _BUTTON.fullmatch(button)) for button in seen.buttons]
    return [(f"{match['game']} {match['slot']}", button) for button, match in found if match and match["act"] in acts]


class Joins:
    """Joins every game."""

    pause_s = (1.0, 4.0)

    def about(self, name: str, seen: Seen) -> str | None:
        """Each lobby once."""
        found = buttons_of(seen, GameAct.JOIN)
        return f"join {found[0][0]}" if found else None

    async def act(self, name: str, seen: Seen, hands: Hands) -> None:
        """Press the button."""
        for _, button in buttons_of(seen, GameAct.JOIN):
            await hands.press(button)


class Writes:
    """Writes what a form asks for; who may not write is told so in private, and leaves it."""

    pause_s = (3.0, 9.0)
    _acts = (GameAct.TELL, GameAct.FAKE, GameAct.HAND)

    def about(self, name: str, seen: Seen) -> str | None:
        """Each stage once."""
        found = buttons_of(seen, *self._acts)
        return f"write {found[0][0]}" if found else None

    async def act(self, name: str, seen: Seen, hands: Hands) -> None:
        """Open the form, below one's private hand where there is one, and write a line."""
        key, button = buttons_of(seen, *self._acts)[0]
        form = await hands.press(button)
        if f":{GameAct.HAND.value}:" in button and hands.press_below is not None:
            form = await hands.press_below(form, "Word my band" if _is_corpse(seen) else "Say what you see")
        if form is not None and form.modal is not None:
            await hands.fill(form, {"prompt": line_of(name, key, FIGURES if _is_corpse(seen) else DEALT)})


class Guesses:
    """Guesses which line is the secret."""

    pause_s = (3.0, 9.0)

    def about(self, name: str, seen: Seen) -> str | None:
        """Each vote once."""
        menu = next(filter(None, map(_MENU.fullmatch, seen.buttons)), None)
        return f"guess {menu['game']} {menu['stage']}" if menu else None

    async def act(self, name: str, seen: Seen, hands: Hands) -> None:
        """Choose a line, and another where that is one's own."""
        menu = next(button for button in seen.buttons if _MENU.fullmatch(button))
        if hands.choose is None:
            return
        number = max(1, len(_NUMBERED.findall(seen.text)))
        first = _dice(name, menu) % number
        answer = await hands.choose(menu, str(first))
        if "your own" in _said(answer):
            await hands.choose(menu, str((first + 1) % number))


class LikesAChain:
    """Votes for one of the chains."""

    pause_s = (2.0, 7.0)

    def about(self, name: str, seen: Seen) -> str | None:
        """Each vote once."""
        found = buttons_of(seen, GameAct.BEST)
        return f"best {found[0][0]}" if found else None

    async def act(self, name: str, seen: Seen, hands: Hands) -> None:
        """Press one."""
        found = buttons_of(seen, GameAct.BEST)
        await hands.press(found[_dice(name, found[0][0]) % len(found)][1])


def line_of(name: str, key: str, among: Sequence[str] = DEALT) -> str:
    """What a friend writes, another line in each stage."""
    return among[_dice(name, key) % len(among)]


def _is_corpse(seen: Seen) -> bool:
    return "Exquisite corpse" in seen.text


def _dice(name: str, key: str) -> int:
    return zlib.crc32(f"{name} {key}".encode())


def _said(answer: Any) -> str:
    said = [message for message in (answer.response, *answer.followups) if message is not None]
    return " ".join(message.content for message in said)


GAME_HABITS = (Joins(), Writes(), Guesses(), LikesAChain())
