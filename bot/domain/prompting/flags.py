"""The flags a prompt may carry (`--ar 3:2`): their names, their limits, and how each value is read and printed."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from bot.domain.model import Options
from bot.domain.prompting.quotes import masked, quoted
from bot.errors import BadOption
from engine import MAX_SEED

MAX_REPEAT = 10
MAX_LORAS = 8
MAX_ASPECT = 4
"""The longer side is at most this many times the shorter one."""
MAX_NAME = 300
LORA_WEIGHTS = (-4.0, 4.0)
DECIMALS = 4
"""Numbers are kept to this many decimals, so that what is printed reads back as the same number."""

MINUSES = "-−–—‐‑﹣－"
"""How people and their keyboards write a minus."""
_MINUS = str.maketrans(dict.fromkeys(MINUSES, "-"))

Value = str | int | float | bool | tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag: `read` turns the text after it into the value of `Options.<field>`, or raises `ValueError(why)`."""

    field: str
    names: tuple[str, ...]
    example: str
    read: Callable[[str], Value]
    takes: Literal["nothing", "figure", "name", "rest"] = "figure"
    repeatable: bool = False

    def value(self, text: str, word: str) -> Value:
        """Read a value; raises `BadOption` that shows the wrong word and the right form."""
        try:
            return self.read(text)
        except ValueError as error:
            raise BadOption(f"{word} {text}".strip(), f"{error}; write {self.example}") from error


def number(text: str, lowest: float, highest: float) -> float:
    """A decimal number between the limits; a decimal comma and a typographic minus are understood."""
    try:
        value = float(text.replace(",", ".", 1).translate(_MINUS))
    except ValueError:
        raise ValueError(f"a number from {lowest:g} to {highest:g} goes here") from None
    if not (math.isfinite(value) and lowest <= value <= highest):
        raise ValueError(f"a number from {lowest:g} to {highest:g} goes here")
    return round(value, DECIMALS) + 0.0


def printed(value: float) -> str:
    """The shortest text that `number` reads back as the same number."""
    return f"{value:.{DECIMALS}f}".rstrip("0").rstrip(".")


def whole(lowest: int, highest: int) -> Callable[[str], int]:
    """A reader of whole numbers between the limits."""

    def read(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,12}", text) or not lowest <= int(text) <= highest:
            raise ValueError(f"a whole number from {lowest} to {highest} goes here")
        return int(text)

    return read


def decimal(lowest: float, highest: float) -> Callable[[str], float]:
    """A reader of decimal numbers between the limits."""
    return lambda text: number(text, lowest, highest)


def aspect(text: str) -> tuple[int, int]:
    """Width to height in lowest terms: "3:2", "3/2" and "1920x1080" are understood."""
    found = re.fullmatch(r"([0-9]{1,5})\s*[:/x×]\s*([0-9]{1,5})", text)
    width, height = (int(found[1]), int(found[2])) if found else (0, 0)
    if not width or not height:
        raise ValueError("width and height go here as whole numbers")
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise ValueError(f"the longer side may be {MAX_ASPECT} times the shorter one")
    divisor = math.gcd(width, height)
    return width // divisor, height // divisor


def name(text: str) -> str:
    """A name as the host configured it."""
    if not text or len(text) > MAX_NAME:
        raise ValueError("a name goes here")
    return text


def words(text: str) -> str:
    """Any words."""
    if not text:
        raise ValueError("words go here")
    return text


def lora(text: str) -> tuple[tuple[str, float], ...]:
    """One LoRA's name and weight: "ink", "ink:0.8"."""
    found, colon, weight = text.rpartition(":")
    if not colon:
        return ((name(weight), 1.0),)
    return ((name(found), number(weight, *LORA_WEIGHTS) if weight else 1.0),)


FLAGS: tuple[Flag, ...] = (
    Flag("aspect", ("ar", "aspect"), "--ar 3:2", aspect),
    Flag("seed", ("seed",), "--seed 7", whole(0, MAX_SEED)),
    Flag("negative", ("no", "negative"), "--no text, logo", words, takes="rest", repeatable=True),
    Flag("steps", ("steps",), "--steps 30", whole(1, 500)),
    Flag("guidance", ("cfg", "guidance"), "--cfg 5", decimal(0, 50)),
    Flag("model", ("model",), "--model sdxl", name, takes="name"),
    Flag("stop", ("stop",), "--stop 80", whole(10, 100)),
    Flag("repeat", ("repeat",), "--repeat 3", whole(1, MAX_REPEAT)),
    Flag("image_weight", ("iw",), "--iw 0.7", decimal(0, 3)),
    Flag("tile", ("tile",), "--tile", lambda _: True, takes="nothing"),
    Flag("style", ("style",), "--style 3d", name, takes="name"),
    Flag("strength", ("strength",), "--strength 0.7", decimal(0, 1)),
    Flag("loras", ("lora",), "--lora ink:0.8", lora, takes="name", repeatable=True),
)

BY_NAME = {name: flag for flag in FLAGS for name in flag.names}
BY_FIELD = {flag.field: flag for flag in FLAGS}


def closest(word: str) -> Flag | None:
    """The flag somebody probably meant."""
    found = difflib.get_close_matches(word.lower(), BY_NAME, n=1, cutoff=0.6)
    return BY_NAME[found[0]] if found else None


def unknown(word: str) -> BadOption:
    """There is no such flag: name the one probably meant, or all."""
    if word.lower() in ("sref", "style-reference"):
        return BadOption(f"--{word}", "links are not fetched; upload the picture in the option `style_image` instead")
    meant = closest(word)
    if meant:
        return BadOption(f"--{word}", f"did you mean {meant.example}?")
    return BadOption(f"--{word}", "there is no such flag; there are " + ", ".join(f"--{f.names[0]}" for f in FLAGS))


def render_flags(options: Options) -> str:
    """All flags of `options` in the table's order; `parse` reads them back."""
    return " ".join(word for flag in FLAGS for word in _rendered(flag, options))


def _rendered(flag: Flag, options: Options) -> list[str]:
    value = getattr(options, flag.field)
    if value is None or value == Options.model_fields[flag.field].default:
        return []
    word = f"--{flag.names[0]}"
    match flag.field, value:
        case "aspect", (width, height):
            return [f"{word} {width}:{height}"]
        case "loras", pairs:
            return [f"{word} {quoted(f'{lora}:{printed(weight)}')}" for lora, weight in pairs]
        case "tile", _:
            return [word]
        case "negative", text:
            return [f"{word} {masked(text)}"]
        case _, float(figure):
            return [f"{word} {printed(figure)}"]
        case _, other:
            return [f"{word} {quoted(str(other))}"]
