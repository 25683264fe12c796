r"""Dynamic prompts: `__animal__` is a line of one of the host's lists, `{2$$red|blue|green}` two of the options.

The syntax is that of the extension *Dynamic Prompts* of stable-diffusion-webui: `{a|b}` one of them, `{1-2$$a|b|c}` one
or two, `{2$$ and $$a|b|c}` with " and " between, `{3::a|b}` a three times as often. What is chosen is the prompt from
then on, so that a recipe names it. `{a, b}` with commas is no choice but permutations.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from bot.errors import BadOption

MAX_CHOICES = 200
"""Choices in one prompt, those in chosen lines included."""
LIST_NAME = re.compile(r"(?:(?!__)[\w-])+(?:/(?:(?!__)[\w-])+)*")
_LIST = re.compile(r"(?<!\w)__(?P<name>[^\s_,{}|](?:[^\s{}|,]*?[^\s_,{}|])?)__(?!\w)")
_INNERMOST = re.compile(r"(?<!\\)\{(?P<inside>[^{}]*)\}")
_COUNT = re.compile(r"\s*(?P<least>\d{1,3})?(?P<range>-(?P<most>\d{1,3})?)?\s*\$\$(?:(?P<between>[^|$]*)\$\$)?")
_SHARE = re.compile(r"\s*(?P<share>\d{1,4}(?:\.\d{1,4})?)::(?P<text>.*)", re.DOTALL)
_HELD = re.compile("\ue000(\\d+)\ue001")
"""Stands for braces that are no choice while those around them are read."""

Lists = Mapping[str, Sequence[str]]


def rolled(text: str, lists: Lists, chance: Random) -> str:
    """Return the prompt with every choice made.

    Raises `BadOption` for a list that is not there or names itself, for more choices than `MAX_CHOICES`, and for more
    options than there are.
    """
    return _Roll(lists, chance).of(text, ())


def lists_in(text: str) -> list[str]:
    """Return every `__NAME__` of a text, each once."""
    return list(dict.fromkeys(found[0] for found in _LIST.finditer(text)))


@dataclass
class _Roll:
    """The choices of one prompt."""

    lists: Lists
    chance: Random
    choices: int = 0
    held: list[str] = field(default_factory=list[str])

    def of(self, text: str, names: tuple[str, ...]) -> str:
        """A text with its choices made; `names` are the lists whose lines it stands in."""
        text = text.replace("\ue000", "").replace("\ue001", "")
        if self.lists:
            text = _LIST.sub(lambda found: self._line(found["name"], names), text)
        while (found := _INNERMOST.search(text)) is not None:
            text = text[: found.start()] + self._braces(found) + text[found.end() :]
        while _HELD.search(text):
            text = _HELD.sub(lambda found: self.held[int(found[1])], text)
        return text

    def _line(self, name: str, names: tuple[str, ...]) -> str:
        self._count()
        if name in names:
            raise BadOption(f"__{name}__"[:60], f"this list names itself: {' → '.join((*names, name))}"[:200])
        if LIST_NAME.fullmatch(name) is None or not self.lists.get(name):
            known = ", ".join(f"__{one}__" for one in sorted(self.lists))
            raise BadOption(f"__{name}__"[:60], f"there is no such list; there are {known}"[:400])
        return self.of(self.chance.choice(self.lists[name]), (*names, name))

    def _braces(self, found: re.Match[str]) -> str:
        inside = found["inside"]
        if "|" not in inside or _is_object(found[0]):
            self.held.append(found[0])
            return f"\ue000{len(self.held) - 1}\ue001"
        self._count()
        count = _COUNT.match(inside)
        options = [_weighed(option) for option in inside[count.end() if count else 0 :].split("|")]
        return (_between(count) if count else "").join(self._some(options, self._number(count, len(options), found[0])))

    def _number(self, count: re.Match[str] | None, options: int, text: str) -> int:
        if count is None:
            return 1
        least = int(count["least"] or (0 if count["range"] else 1))
        most = int(count["most"] or options) if count["range"] else least
        if not least <= most <= options:
            raise BadOption(text[:60], f"there are {options} to choose from; write for example {{2$$red|blue|green}}")
        return self.chance.randint(least, most)

    def _some(self, options: list[tuple[str, float]], number: int) -> list[str]:
        left, chosen = list(options), list[str]()
        for _ in range(number):
            weights = [weight for _, weight in left]
            place = self.chance.choices(range(len(left)), weights if sum(weights) > 0 else None)[0]
            chosen.append(left.pop(place)[0])
        return chosen

    def _count(self) -> None:
        self.choices += 1
        if self.choices > MAX_CHOICES:
            raise BadOption("__…__", f"more than {MAX_CHOICES} choices are in this prompt; use fewer, or shorter lists")


def _between(count: re.Match[str]) -> str:
    return ", " if count["between"] is None else count["between"]


def _weighed(option: str) -> tuple[str, float]:
    found = _SHARE.fullmatch(option)
    return (option.strip(), 1.0) if found is None else (found["text"].strip(), float(found["share"]))


def _is_object(text: str) -> bool:
    try:
        return bool(json.loads(text))
    except ValueError:
        return False
