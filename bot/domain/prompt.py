"""The prompt language: words, `--flags` and weighted parts (`cat::2 dog::-0.5`), read into `Options` and printed."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from bot.domain.flags import BY_FIELD, BY_NAME, MAX_LORAS, Flag, Value, closest, number, printed, render_flags, unknown
from bot.domain.model import Options
from bot.domain.permutations import expand
from bot.errors import BadOption
from engine.requests import MAX_PROMPT_CHARS

MAX_PARTS = 16
MAX_PART_WEIGHT = 10.0

_FLAG = re.compile(r"(?<!\S)(?P<dash>--|[—–]{1,2})(?P<name>[A-Za-z][\w-]*)(?:=(?=\S))?")
_WORD = re.compile(r'\s*(?:"(?P<quoted>[^"]*)"(?=\s|$)|(?P<word>\S+))')
_WEIGHT = re.compile(r"::(?P<weight>[+-]?(?:\d{1,6}(?:\.\d{1,6})?|\.\d{1,6}))?(?=\s|$)", re.ASCII)
_QUOTES = str.maketrans("“”„‟″", '"""""')


def parse(text: str, *, suffix: str = "", needs_words: bool = True, **overrides: str | float | None) -> Options:
    """Read a prompt. `suffix` is a member's default: its words are appended, its flags yield to the prompt's own.

    `overrides` are command options by the name of their `Options` field; one that is not None beats the flag.
    Raises `BadOption` with the wrong word and the right form.
    """
    words, values = _split(clean(text))
    more, defaults = _split(clean(suffix))
    values = {**defaults, **values, **_read(overrides)}
    words = " ".join(filter(None, (words, more)))
    parts = _parts(words)
    if parts:
        words = " ".join(f"{part}::{printed(weight)}" for part, weight in parts)
    if needs_words and not words:
        raise BadOption("prompt", "say what to draw, for example: a red fox in the snow --ar 3:2")
    if len(words) > MAX_PROMPT_CHARS:
        raise BadOption("prompt", f"{len(words)} characters are too many, at most {MAX_PROMPT_CHARS} fit")
    return Options.model_validate({"prompt": words, "parts": parts, **values})


def render(options: Options) -> str:
    """The text that `parse` reads as these options."""
    return " ".join(filter(None, (options.prompt, render_flags(options))))


def clean(text: str) -> str:
    """One line in NFC without control characters, lone surrogates and runs of blanks; typographic quotes made plain."""
    kept = "".join(" " if unicodedata.category(char) in ("Cc", "Cs") else char for char in text)
    return " ".join(unicodedata.normalize("NFC", kept).split())


def shorten(text: str, limit: int) -> str:
    """At most `limit` characters, cut between words where that costs little, with … at the end."""
    if len(text) <= limit:
        return text
    head = text[: limit - 1]
    at = head.rfind(" ")
    return (head[:at] if at > 0.8 * limit else head).rstrip() + "…"


def _read(overrides: dict[str, str | float | None]) -> dict[str, Value]:
    return {
        field: BY_FIELD[field].value(_plain(str(value)), f"{field}:")
        for field, value in overrides.items()
        if value not in (None, "")
    }


def _plain(text: str) -> str:
    """A command option's text, which may not carry flags of its own."""
    text = clean(text)
    for flag in _flags(text):
        raise BadOption(flag[0], "write flags in the prompt, not in another option")
    return text


def _flags(text: str) -> Iterator[re.Match[str]]:
    """Every flag in the text. Phones turn -- into a long dash: it counts when (nearly) a flag's name follows."""
    for found in _FLAG.finditer(text):
        if found["dash"] == "--" or closest(found["name"]):
            yield found


def _split(text: str) -> tuple[str, dict[str, Value]]:
    """The words of a prompt and the values of its flags."""
    found = list(_flags(text))
    words = [text[: found[0].start()] if found else text]
    values: dict[str, Value] = {}
    ends = [following.start() for following in found[1:]] + [len(text)]
    for here, end in zip(found, ends, strict=False):
        tail = text[here.end() : end]
        flag = BY_NAME.get(here["name"].lower())
        if flag is None:
            raise unknown(here["name"])
        argument, rest = _argument(flag, tail)
        values[flag.field] = _joined(flag, values.get(flag.field), flag.value(argument, f"--{here['name']}"))
        words.append(rest)
    return " ".join(" ".join(words).split()), values


def _argument(flag: Flag, tail: str) -> tuple[str, str]:
    """What belongs to the flag, and what goes back to the prompt."""
    if flag.takes == "nothing":
        return "", tail
    if flag.takes == "rest":
        return tail.strip(), ""
    tail = tail.translate(_QUOTES)
    found = _WORD.match(tail)
    if not found:
        return "", ""
    return found["word"] if found["quoted"] is None else found["quoted"].strip(), tail[found.end() :]


def _joined(flag: Flag, before: Value | None, value: Value) -> Value:
    if before is None or before == value:
        return value
    if isinstance(before, str) and isinstance(value, str) and flag.repeatable:
        return f"{before}, {value}"
    if isinstance(before, tuple) and isinstance(value, tuple) and flag.repeatable:
        if len(before) + len(value) > MAX_LORAS:
            raise BadOption(f"--{flag.names[0]}", f"at most {MAX_LORAS} of them act at once")
        return (*before, *value)
    raise BadOption(f"--{flag.names[0]}", f"it is there twice with different values; write it once: {flag.example}")


def _parts(words: str) -> tuple[tuple[str, float], ...]:
    """The weighted parts of a multi-prompt, or () for a plain one."""
    parts: list[tuple[str, float]] = []
    start = 0
    for found in _WEIGHT.finditer(words):
        parts.append(_part(words[start : found.start()].strip(), found))
        start = found.end()
    if parts and words[start:].strip():
        parts.append((words[start:].strip(), 1.0))
    if len(parts) > MAX_PARTS:
        raise BadOption("::", f"{len(parts)} parts are too many, at most {MAX_PARTS} are allowed")
    if parts and sum(weight for _, weight in parts) <= 0:
        raise BadOption("::", "the weights must add up to more than 0, as in cat::2 dog::-0.5")
    return tuple(parts)


def _part(text: str, found: re.Match[str]) -> tuple[str, float]:
    if not text:
        raise BadOption(found[0], "words go before it, as in cat::2")
    try:
        return text, number(found["weight"] or "1", -MAX_PART_WEIGHT, MAX_PART_WEIGHT)
    except ValueError as error:
        raise BadOption(f"{text}{found[0]}", f"{error}; write cat::2") from error


__all__ = ["clean", "expand", "parse", "render", "shorten"]
