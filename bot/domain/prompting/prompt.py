"""The prompt language: words, `--flags` and weighted parts (`cat::2 dog::-0.5`); parses and prints `Options`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence

from bot.domain.model import Options
from bot.domain.prompting import foreign_syntax as foreign
from bot.domain.prompting import quotes
from bot.domain.prompting.flags import (
    BY_FIELD,
    BY_NAME,
    MAX_LORAS,
    MINUSES,
    SET,
    SPEEDS,
    Flag,
    Value,
    closest,
    number,
    printed,
    render_flags,
    unknown,
)
from bot.domain.prompting.permutations import expand
from bot.errors import BadOption
from engine import MAX_PROMPT_CHARS

MAX_PARTS = 16
MAX_PART_WEIGHT = 10.0

_FLAG = re.compile(r"(?<!\S)(?P<dash>--|[—–−]{1,2})(?P<name>[A-Za-z][\w-]*)(?:=(?=\S))?")
_WORD = re.compile(
    rf"\s*(?:[{quotes.MARKS}](?P<quoted>(?:\\.|[^\\{quotes.MARKS}])*)[{quotes.MARKS}](?=\s|$)|(?P<word>\S+))"
)
_NUMBER = r"(?:[0-9]{1,6}(?:[.,][0-9]{1,6})?|[.,][0-9]{1,6})"
_WEIGHT = re.compile(rf"::(?P<weight>[{MINUSES}+]?{_NUMBER})?(?=[\s,;]|$)[,;]*")
_CLOSERS = frozenset(quotes.MARKS + "»」』")
_ODD_WEIGHT = re.compile(rf"::(?!:)[{MINUSES}+]?[.,]?\d\S*")


def parse(
    text: str,
    *,
    suffixes: Sequence[str] = (),
    set_text: Callable[[str], str] | None = None,
    needs_words: bool = True,
    **overrides: str | float | None,
) -> Options:
    """Parse a prompt. The words of each suffix are appended; flags of what stands before override its flags.

    `set_text` returns the text that `--set NAME` stands for; it comes before the suffixes.
    `overrides` are command options by name of the `Options` field; one that is not None overrides the flag.
    Raises `BadOption` with the wrong word and the right form.
    """
    words, values = _split(clean(text))
    if (named := values.pop(SET.field, None)) is not None:
        if set_text is None:
            raise BadOption(f"--set {named}", "a set cannot stand here; write its flags")
        suffixes = (set_text(str(named)), *suffixes)
    for suffix in suffixes:
        more, defaults = _split(clean(suffix))
        if SET.field in defaults:
            raise BadOption(f"--set {defaults[SET.field]}", "a set cannot stand here; write its flags")
        values = {**defaults, **values}
        words = " ".join(filter(None, (words, more)))
    values |= _read(overrides)
    words = quotes.unmasked(words)
    parts = _parts(words)
    if parts:
        words = " ".join(f"{part}::{printed(weight)}" for part, weight in parts)
        if _parts(words) != parts:
            raise BadOption("::", 'close every quotation mark, as in a sign that says "open"::2 night::1')
    _check(words, str(values.get("negative", "")))
    if needs_words and not words:
        raise BadOption("prompt", "say what to draw, for example: a red fox in the snow --ar 3:2")
    if len(words) > MAX_PROMPT_CHARS:
        raise BadOption("prompt", f"{len(words)} characters are too many, at most {MAX_PROMPT_CHARS} fit")
    return Options.model_validate({"prompt": words, "parts": parts, **values})


def render(options: Options) -> str:
    """Return the text that `parse` reads as these options."""
    flags = render_flags(options)
    prompt = quotes.masked(options.prompt) if set(flags) & _CLOSERS else options.prompt
    return " ".join(filter(None, (prompt, flags)))


def clean(text: str) -> str:
    """Return the text as one line in NFC, without control characters, lone surrogates and runs of blanks."""
    kept = "".join(" " if unicodedata.category(char) in ("Cc", "Cs") else char for char in text)
    return " ".join(unicodedata.normalize("NFC", kept).split())


def shorten(text: str, limit: int) -> str:
    """Return at most `limit` characters; a cut is between words where possible, and ends with …."""
    if len(text) <= limit:
        return text
    head = text[: limit - 1]
    at = head.rfind(" ")
    return (head[:at] if at > 0.8 * limit else head).rstrip() + "…"


def _read(overrides: dict[str, str | float | None]) -> dict[str, Value]:
    return {
        field: BY_FIELD[field].value(_given(BY_FIELD[field], str(value)), f"{field}:")
        for field, value in overrides.items()
        if value not in (None, "")
    }


def _given(flag: Flag, text: str) -> str:
    return _plain(text) if flag.takes == "rest" else clean(text)


def _plain(text: str) -> str:
    """Return a command option's text. Raises `BadOption` when it contains flags."""
    text = clean(text)
    for flag in _flags(text):
        raise BadOption(flag[0], "write flags in the prompt, not in another option")
    return quotes.unmasked(text)


def _check(words: str, negative: str) -> None:
    """Raise `BadOption` for text that would parse differently after printing, and for other programs' syntax."""
    for text in (words, negative):
        for flag in _flags(text):
            raise BadOption(flag[0], "it is not clear whether that is a flag; write flags at the end of the prompt")
    if ":" in words or ":" in negative:  # all of it has a colon
        foreign.refuse(words, negative)


def _flags(text: str) -> Iterator[re.Match[str]]:
    """Yield every flag outside quotation marks."""
    quoted = quotes.spans(text)
    for found in _FLAG.finditer(text):
        if not quotes.covers(quoted, found.start()) and (found["dash"] == "--" or _is_meant(found, text)):
            yield found


def _is_meant(found: re.Match[str], text: str) -> bool:
    """Whether a long dash begins a flag (phones replace --) or direct speech; the text behind it decides."""
    name, tail = found["name"], text[found.end() :]
    if not (found[0].endswith("=") or not tail or tail[0].isspace()):
        return False
    begins, flag = tail.lstrip()[:1], BY_NAME.get(name.lower())
    if flag is None:
        near = closest(name)
        return near is not None and near.takes == "figure" and begins.isdecimal()
    if flag.takes == "figure":
        return begins.isdecimal()
    # "—No pasar" is speech: a flag that takes words must be in lower case.
    follows = flag.takes == "nothing" or (begins != "" and begins not in MINUSES)
    return name == name.lower() and follows


def _split(text: str) -> tuple[str, dict[str, Value]]:
    """Return the words of a prompt, and the values of its flags by field."""
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
    """Return the argument of a flag, and the rest, which belongs to the prompt."""
    if flag.takes == "nothing":
        return "", tail
    if flag.takes == "rest":
        return quotes.unmasked(tail.strip()), ""
    found = _WORD.match(tail)
    if not found:
        return "", ""
    if found["quoted"] is not None:
        return quotes.unquoted(found["quoted"]), tail[found.end() :]
    if found["word"][0] in quotes.MARKS:
        raise BadOption(f"--{flag.names[0]} {found['word']}", f"a quotation mark is missing; write {flag.example}")
    return found["word"], tail[found.end() :]


def _joined(flag: Flag, before: Value | None, value: Value) -> Value:
    if before is None or before == value:
        return value
    if isinstance(before, str) and isinstance(value, str) and flag.repeatable:
        return f"{before}, {value}"
    if isinstance(before, tuple) and isinstance(value, tuple) and flag.repeatable:
        if len(before) + len(value) > MAX_LORAS:
            raise BadOption(f"--{flag.names[0]}", f"at most {MAX_LORAS} of them act at once")
        return (*before, *value)
    if flag.field == "step_cache":
        other = next(name for name, level in SPEEDS if level == before)
        raise BadOption(flag.example, f"it contradicts --{other}; write one of them")
    raise BadOption(f"--{flag.names[0]}", f"it is there twice with different values; write it once: {flag.example}")


def _parts(words: str) -> tuple[tuple[str, float], ...]:
    """Return the weighted parts of a multi-prompt; () for a plain prompt."""
    parts: list[tuple[str, float]] = []
    start, quoted = 0, quotes.spans(words)
    for odd in _ODD_WEIGHT.finditer(words):
        if not quotes.covers(quoted, odd.start()) and not _WEIGHT.match(words, odd.start()):
            raise BadOption(odd[0], "a number and a blank go behind ::, as in cat::2 dog::-0.5")
    for found in _WEIGHT.finditer(words):
        if quotes.covers(quoted, found.start()):
            continue
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
