"""The flags of the prompt language (`--ar 3:2`): names, limits, and how values are parsed and printed."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, get_args

from bot.domain.model import Options
from bot.domain.prompting.quotes import masked, quoted
from bot.errors import BadOption
from engine import MAX_SEED, ControlType

MAX_REPEAT = 10
MAX_LORAS = 8
MAX_ASPECT = 4
"""Largest ratio of the longer side to the shorter side."""
MAX_NAME = 300
LORA_WEIGHTS = (-4.0, 4.0)
DECIMALS = 4
"""Decimals to which numbers are rounded, so that a printed number parses as the same number."""

MINUSES = "-−–—‐‑﹣－"
"""Characters that are read as a minus sign."""
_MINUS = str.maketrans(dict.fromkeys(MINUSES, "-"))

Value = str | int | float | bool | tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag: `read` parses its text into the value of `Options.<field>`, or raises `ValueError(why)`."""

    field: str
    names: tuple[str, ...]
    example: str
    read: Callable[[str], Value]
    takes: Literal["nothing", "figure", "name", "rest"] = "figure"
    repeatable: bool = False

    def value(self, text: str, word: str) -> Value:
        """Parse a value. Raises `BadOption` with the wrong word and the right form."""
        try:
            return self.read(text)
        except ValueError as error:
            raise BadOption(f"{word} {text}".strip(), f"{error}; write {self.example}") from error


def number(text: str, lowest: float, highest: float) -> float:
    """Parse a decimal number between the limits; comma and typographic minus are allowed. Raises `ValueError`."""
    try:
        value = float(text.replace(",", ".", 1).translate(_MINUS))
    except ValueError:
        raise ValueError(f"a number from {lowest:g} to {highest:g} goes here") from None
    if not (math.isfinite(value) and lowest <= value <= highest):
        raise ValueError(f"a number from {lowest:g} to {highest:g} goes here")
    return round(value, DECIMALS) + 0.0


def printed(value: float) -> str:
    """Return the shortest text that `number` parses as the same number."""
    return f"{value:.{DECIMALS}f}".rstrip("0").rstrip(".")


def whole(lowest: int, highest: int) -> Callable[[str], int]:
    """Return a parser of whole numbers between the limits."""

    def read(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,12}", text) or not lowest <= int(text) <= highest:
            raise ValueError(f"a whole number from {lowest} to {highest} goes here")
        return int(text)

    return read


def decimal(lowest: float, highest: float) -> Callable[[str], float]:
    """Return a parser of decimal numbers between the limits."""
    return lambda text: number(text, lowest, highest)


def aspect(text: str) -> tuple[int, int]:
    """Parse an aspect ratio ("3:2", "3/2", "1920x1080") into width and height in lowest terms. Raises `ValueError`."""
    found = re.fullmatch(r"([0-9]{1,5})\s*[:/x×]\s*([0-9]{1,5})", text)
    width, height = (int(found[1]), int(found[2])) if found else (0, 0)
    if not width or not height:
        raise ValueError("width and height go here as whole numbers")
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise ValueError(f"the longer side may be {MAX_ASPECT} times the shorter one")
    divisor = math.gcd(width, height)
    return width // divisor, height // divisor


def name(text: str) -> str:
    """Check the length of a name. Raises `ValueError`."""
    if not text or len(text) > MAX_NAME:
        raise ValueError("a name goes here")
    return text


def words(text: str) -> str:
    """Check that there are words. Raises `ValueError`."""
    if not text:
        raise ValueError("words go here")
    return text


def lora(text: str) -> tuple[tuple[str, float], ...]:
    """Parse the name and weight of a LoRA: "ink", "ink:0.8". Raises `ValueError`."""
    found, colon, weight = text.rpartition(":")
    if not colon:
        return ((name(weight), 1.0),)
    return ((name(found), number(weight, *LORA_WEIGHTS) if weight else 1.0),)


CONTROL_TYPES: Final[tuple[str, ...]] = get_args(ControlType)


def control_type(text: str) -> str:
    """Parse what a control picture says ("as it is" may be written with spaces). Raises `ValueError`."""
    wanted = re.sub(r"[\s-]+", "_", text.strip().lower())
    if wanted not in CONTROL_TYPES:
        raise ValueError(f"one of {', '.join(CONTROL_TYPES)} goes here")
    return wanted


SPEEDS = (("fine", "off"), ("careful", "careful"), ("fast", "fast"))
"""Flags by what they say of the step cache."""

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
    Flag("chaos", ("chaos", "c"), "--chaos 30", whole(0, 100)),
    Flag("relax", ("relax",), "--relax", lambda _: True, takes="nothing"),
    Flag("tile", ("tile",), "--tile", lambda _: True, takes="nothing"),
    Flag("draft", ("draft",), "--draft", lambda _: True, takes="nothing"),
    *(
        Flag("step_cache", (name,), f"--{name}", lambda _, level=level: level, takes="nothing")
        for name, level in SPEEDS
    ),
    Flag("style", ("style",), "--style 3d", name, takes="name"),
    Flag("style_weight", ("sw",), "--sw 200", whole(0, 1000)),
    Flag("strength", ("strength",), "--strength 0.7", decimal(0, 1)),
    Flag("control_type", ("ct", "control-type"), "--ct edges", control_type, takes="name"),
    Flag("control_strength", ("cw", "control-strength"), "--cw 0.8", decimal(0, 2)),
    Flag("loras", ("lora",), "--lora ink:0.8", lora, takes="name", repeatable=True),
)

SET = Flag("option_set", ("set",), "--set poster", name, takes="name")
"""Stands for the flags and words of a member's option set; the parsed options no longer name it."""

BY_NAME = {name: flag for flag in (*FLAGS, SET) for name in flag.names}
BY_FIELD = {flag.field: flag for flag in FLAGS}


def closest(word: str) -> Flag | None:
    """Return the flag with the most similar name, or None."""
    found = difflib.get_close_matches(word.lower(), BY_NAME, n=1, cutoff=0.6)
    return BY_NAME[found[0]] if found else None


def unknown(word: str) -> BadOption:
    """Return the error for an unknown flag: it names the most similar flag, or all flags."""
    if word.lower() in ("sref", "style-reference"):
        return BadOption(f"--{word}", "links are not fetched; upload the picture in the option `style_image` instead")
    meant = closest(word)
    if meant:
        return BadOption(f"--{word}", f"did you mean {meant.example}?")
    return BadOption(
        f"--{word}", "there is no such flag; there are " + ", ".join(f"--{f.names[0]}" for f in (*FLAGS, SET))
    )


def render_flags(options: Options) -> str:
    """Return all flags of `options` as text, in the order of `FLAGS`; `parse` reads them back."""
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
        case "tile" | "draft" | "relax", _:
            return [word]
        case "step_cache", level:
            return [word] if (flag.names[0], level) in SPEEDS else []
        case "control_type", kind:
            return [f"{word} {kind.replace('_', '-')}"]
        case "negative", text:
            return [f"{word} {masked(text)}"]
        case _, float(figure):
            return [f"{word} {printed(figure)}"]
        case _, other:
            return [f"{word} {quoted(str(other))}"]
