"""Option sets: flags and words of a member under a name (`--set NAME`), or of a channel by default."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence

from bot.domain.model import Options
from bot.domain.prompting.prompt import clean, expand, parse
from bot.errors import BadOption

MAX_SETS = 25
"""As many as a menu of Discord can list."""
MAX_CHARS = 500
_NAME = re.compile(r"[\w-]{1,32}")
_NEEDS_PICTURE = ("image_weight", "strength", "control_type", "control_strength")
_FOR_ONE_JOB = ("seed", "repeat", "style_weight", "draft", *_NEEDS_PICTURE)
"""What a channel cannot have by default: it belongs to one job, or needs a picture."""

OptionSet = tuple[str, str]
"""A set's name and its text."""


def set_name(text: str) -> str:
    """Return the name in NFC and lower case. Raises `BadOption` for anything but letters, digits, - and _."""
    name = unicodedata.normalize("NFC", text.strip()).casefold()
    if not _NAME.fullmatch(name):
        raise BadOption("name", "a set's name has 1 to 32 letters, digits, - or _, for example poster")
    return name


def set_text(text: str) -> str:
    """Return the text of a set on one line. Raises `BadOption` for what `parse` refuses, and for {…} and `--set`."""
    text = clean(text)
    if not text:
        raise BadOption("options", "say what the set adds, for example --ar 3:2 --style poster")
    if len(text) > MAX_CHARS:
        raise BadOption("options", f"{len(text)} characters are too many, at most {MAX_CHARS} fit")
    if expand(text) != [text]:
        raise BadOption("{…}", "a set stands for one prompt; write {…} in the prompt itself")
    parse("x", suffixes=(text,))
    return text


def channel_text(text: str) -> Options:
    """Check what a channel shall have by default, and return it parsed. Raises `BadOption`, also for words."""
    text = set_text(text)
    options = parse("", suffixes=(text,), needs_words=False)
    if options.prompt:
        raise BadOption(options.prompt[:60], "a channel has flags by default, no words; write for example --ar 3:2")
    for field in _FOR_ONE_JOB:
        if getattr(options, field) != Options.model_fields[field].default:
            raise BadOption(field.replace("_", " "), "it belongs to one job and cannot be a channel's default")
    return options


def suffix_options(text: str) -> Options:
    """Parse what stands behind every prompt of a member. Raises `BadOption`, also for what only some pictures take."""
    options = parse("x", suffixes=(text,))
    if expand(clean(text)) != [clean(text)]:
        raise BadOption("{…}", "a suffix stands behind one prompt; write {…} in the prompt itself")
    for field in (*_NEEDS_PICTURE, *(() if options.style else ("style_weight",))):
        if getattr(options, field) is not None:
            why = "it is about a picture, so every prompt without one would be refused; keep it with /set save"
            raise BadOption(field.replace("_", " "), why)
    return options


def with_set(sets: Sequence[OptionSet], name: str, text: str) -> tuple[OptionSet, ...]:
    """Return the sets by name, with this one new or replaced. Raises `BadOption`, also when there are too many."""
    named = {**dict(sets), set_name(name): set_text(text)}
    if len(named) > MAX_SETS:
        raise BadOption("name", f"at most {MAX_SETS} sets are kept; delete one with /set delete")
    return tuple(sorted(named.items()))


def without_set(sets: Sequence[OptionSet], name: str) -> tuple[OptionSet, ...]:
    """Return the sets without one. Raises `BadOption` when there is none of that name."""
    named = dict(sets)
    text_of(named, name)
    return tuple(one for one in sets if one[0] != set_name(name))


def text_of(sets: Mapping[str, str], name: str) -> str:
    """Return the text of a set. Raises `BadOption` with the names that exist."""
    wanted = unicodedata.normalize("NFC", name.strip()).casefold()
    if wanted not in sets:
        known = f"you have {', '.join(sets)}" if sets else "you have none; /set save makes one"
        raise BadOption(f"--set {name[:32]}", known)
    return sets[wanted]
