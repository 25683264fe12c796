"""The difference between two prompts, as people speak of it: "+ rain − noon strength 0.55"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import SequenceMatcher

from bot.domain.model import Options

_WORD = re.compile(r"[^\s,;]+")
_NAMES = ("negative", "model", "style", "style_weight", "aspect", "strength", "guidance", "steps", "loras")


def difference(before: Options, after: Options) -> str:
    """Words that came (+) and went (−), then options that are others; "" where nothing is."""
    came, went = _words(before.prompt, after.prompt)
    told = [f"+ {part}" for part in came] + [f"− {part}" for part in went]
    return " ".join([*told, *_options(before, after)])


def _words(before: str, after: str) -> tuple[list[str], list[str]]:
    old, new = _WORD.findall(before), _WORD.findall(after)
    came, went = list[str](), list[str]()
    for tag, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag != "equal":
            went += [" ".join(old[a:b])] if b > a else []
            came += [" ".join(new[c:d])] if d > c else []
    return came, went


def _options(before: Options, after: Options) -> Iterator[str]:
    for name in _NAMES:
        old, new = getattr(before, name), getattr(after, name)
        if old != new and (new or new == 0):
            yield f"{name} {_told(name, after)}"
        elif old != new:
            yield f"− {name}"


def _told(name: str, options: Options) -> str:
    match name:
        case "aspect" if options.aspect is not None:
            return "{}:{}".format(*options.aspect)
        case "loras":
            return ", ".join(f"{lora}:{weight:g}" for lora, weight in options.loras)
        case "strength" | "guidance":
            return f"{getattr(options, name):g}"
        case _:
            return str(getattr(options, name))


def steps(before: str, after: str) -> list[tuple[str, str]]:
    """Words that stay (" "), went ("-") and came ("+"), in reading order."""
    old, new, found = before.split(), after.split(), list[tuple[str, str]]()
    for tag, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            found.append((" ", " ".join(old[a:b])))
            continue
        found += [("-", " ".join(old[a:b]))] if b > a else []
        found += [("+", " ".join(new[c:d]))] if d > c else []
    return found
