"""A prompt that was pasted from stable-diffusion-webui or Midjourney, in the words of this host's prompt language."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from bot.domain.prompting import quotes
from bot.domain.prompting.flags import BY_NAME, LORA_WEIGHTS, MAX_LORAS, aspect, printed
from bot.domain.prompting.foreign_syntax import NEGATIVE, NETWORK, SETTINGS
from bot.domain.prompting.prompt import MAX_PART_WEIGHT, MAX_PARTS, clean, parse
from bot.errors import BadOption

_LINK = re.compile(r"https?://\S+")
_FLAG = re.compile(r"(?<!\S)(?:--|[—–])(?P<name>[A-Za-z][\w-]*)(?P<tail>.*?)(?=\s(?:--|[—–])[A-Za-z]|$)")
_WEIGHED = re.compile(
    r"(?<!\\)\((?P<words>[^()\[\]]+?)(?::\s*(?P<weight>[0-9]*[.,]?[0-9]+))?\s*\)|(?<!\\)\[(?P<weaker>[^()\[\]]+)\]"
)
_ESCAPED = re.compile(r"\\([()\[\]])")
_BREAK = re.compile(r"\s*,?\s*\b(?:BREAK|AND)\b\s*,?\s*")
_QUOTED = re.compile("\ue000([0-9]+)\ue001")
_STRONGER, _WEAKER = 1.1, 1 / 1.1
"""What `(word)` and `[word]` mean there."""
_EVEN = 0.02
"""A weight so near 1 is none."""
_MINE = "Midjourney's own, with no counterpart here"
_GIVEN_AS: Mapping[str, str] = {
    **dict.fromkeys(("sref", "style-reference"), "upload that picture in the option style_image"),
    **dict.fromkeys(("oref", "cref"), "upload that picture in the option reference"),
    **dict.fromkeys(
        ("v", "version", "niji", "q", "quality", "s", "stylize", "w", "weird", "hd", "raw", "exp", "p", "personalize",
         "profile", "turbo", "public", "stealth", "ow", "sv", "video", "motion", "loop", "creative", "hq",
         "test", "testp", "upbeta", "uplight", "upanime", "sameseed", "beta"),
        _MINE,
    ),
}  # fmt: skip
_STYLES = frozenset({"raw", "cute", "expressive", "scenic", "original", "4a", "4b", "4c"})
"""What Midjourney's `--style` takes."""


@dataclass(frozen=True, slots=True)
class Translated:
    """The prompt as it is written here, and sentences on what is left out."""

    text: str
    lost: tuple[str, ...]


@dataclass
class _Found:
    """What was taken out of the words so far."""

    flags: list[str] = field(default_factory=list[str])
    parts: list[tuple[str, float]] = field(default_factory=list[tuple[str, float]])
    lost: list[str] = field(default_factory=list[str])


def translated_prompt(text: str, loras: Collection[str]) -> Translated | None:
    """Translate what another program would read; `loras` are the names on offer. None where nothing is to translate.

    Weights become parts (`cat::1.3`), networks `--lora`, a negative prompt `--no`, settings their flags.
    """
    before, found = clean(text), _Found()
    words, quoted = _hidden(before)
    words = _without_settings(words, found)
    words, negative = _split(words)
    words = _without_links(_without_flags(words, found), found)
    words = _without_networks(words, loras, found)
    negative = _flat(_without_flags(_without_networks(negative, (), found), found)).text
    words = _weighed(words, found)
    if negative:
        found.flags.append(f"--no {negative}")  # it takes everything up to the next flag: the last one
    after = _QUOTED.sub(lambda place: quoted[int(place[1])], " ".join(filter(None, (words, *found.flags))))
    if after in (before, _without_links(before, _Found())) or not _is_read(after):  # a link alone is no spelling
        return None
    return Translated(after, tuple(dict.fromkeys(found.lost)))


def _hidden(text: str) -> tuple[str, list[str]]:
    """The text with a mark in place of each quoted text, which is taken literally; and these texts."""
    found, words, end = quotes.spans(text), list[str](), 0
    for number, (start, stop) in enumerate(found):
        words += [text[end:start], f"\ue000{number}\ue001"]
        end = stop
    return "".join([*words, text[end:]]), [text[start:stop] for start, stop in found]


def _is_read(text: str) -> bool:
    try:
        parse(text)
    except BadOption:
        return False
    return True


def _split(text: str) -> tuple[str, str]:
    at = NEGATIVE.search(text)
    return (text[: at.start()].strip(" ,."), text[at.end() :].strip(" ,")) if at else (text, "")


def _without_settings(text: str, found: _Found) -> str:
    """Take "Steps: 20, Sampler: Euler a, Seed: 7, Size: 512x768" off the end, as flags."""
    at = SETTINGS.search(text)
    if at is None:
        return text
    pairs = [pair.partition(":") for pair in text[at.start() :].split(",")]
    given = {name.strip().casefold(): value.strip() for name, _, value in pairs}
    readers: Mapping[str, Callable[[str], str]] = {
        "steps": lambda value: f"--steps {int(value)}",
        "cfg scale": lambda value: f"--cfg {float(value):g}",
        "seed": lambda value: f"--seed {int(value)}",
        "size": lambda value: "--ar {}:{}".format(*aspect(value)),
    }
    for name, value in given.items():
        if name not in readers:
            found.lost += [f"the {name} {value}" for name in (name,) if name in ("sampler", "model") and value]
            continue
        try:
            flag = readers[name](value)
        except ValueError:
            flag = ""
        if flag and _is_read(f"x {flag}"):
            found.flags.append(flag)
        else:
            found.lost.append(f"{name} {value}")
    return text[: at.start()].strip(" ,")


def _without_flags(text: str, found: _Found) -> str:
    """Take flags off; ours stay flags, Midjourney's are named as left out."""
    flags = list(_FLAG.finditer(text))
    for flag in flags:
        name, tail = flag["name"].lower(), flag["tail"].strip()
        if name in ("r", "repeat"):
            found.flags.append(f"--repeat {tail}")
        elif name in _GIVEN_AS or (name == "style" and tail.casefold() in _STYLES):
            found.lost.append(f"--{name} {tail}".strip() + f": {_GIVEN_AS.get(name, _MINE)}")
        elif BY_NAME.get(name) is not None and BY_NAME[name].field == "negative":
            found.flags.append(f"--no {_flat(tail).text}")
        else:
            found.flags.append(f"--{name} {tail}".strip())
    found.flags.sort(key=lambda flag: flag.startswith("--no "))
    return text[: flags[0].start()].strip() if flags else text


def _without_links(text: str, found: _Found) -> str:
    links = _LINK.findall(text)
    found.lost += [f"{link[:60]}: upload that picture in the option image" for link in links]
    return " ".join(_LINK.sub(" ", text).split()) if links else text


def _without_networks(text: str, loras: Collection[str], found: _Found) -> str:
    here = {name.casefold(): name for name in loras}
    for network in NETWORK.finditer(text):
        name = here.get(network["name"].strip().casefold())
        if name is None or network["kind"].lower() == "hypernet":
            found.lost.append(f"{network['kind'].lower()} {network['name'].strip()}: it is not here")
        elif sum(flag.startswith("--lora ") for flag in found.flags) < MAX_LORAS:
            low, high = LORA_WEIGHTS
            weight = min(max(_number(network["weight"] or "1"), low), high)
            found.flags.insert(0, f"--lora {quotes.quoted(f'{name}:{printed(weight)}')}")
    return " ".join(NETWORK.sub(" ", text).split())


def _weighed(text: str, found: _Found) -> str:
    """The words with weights in brackets as parts; where there is no room for parts, without weights."""
    plain, parts, is_nested = _flat(_BREAK.sub(", ", text))
    if is_nested:
        found.lost.append("weights in brackets inside of brackets")
    if not parts:
        return plain
    rest = ", ".join(filter(None, (piece.strip(" ,.") for piece in re.split(r"\s*,\s*", _rest(text)))))
    written = " ".join([*([f"{rest}::1"] if rest else []), *(f"{words}::{printed(weight)}" for words, weight in parts)])
    if "::" in text or len(parts) >= MAX_PARTS or not _is_read(written):
        found.lost.append("weights in brackets")
        return plain
    return written


def _rest(text: str) -> str:
    """The words outside of weighed brackets."""
    text = _BREAK.sub(", ", text)
    while True:
        found = next((one for one in _WEIGHED.finditer(text)), None)
        if found is None:
            return _ESCAPED.sub(r"\1", text)
        # Inner brackets first: they stand within the outer ones, which follow with the words in them gone.
        text = f"{text[: found.start()].rstrip()} {text[found.end() :].lstrip()}"
        text = re.sub(r"[(\[]\s*(?::\s*[0-9.,]+)?\s*[)\]]", " ", text)


class _Flat(NamedTuple):
    text: str
    """Without brackets."""
    parts: list[tuple[str, float]]
    """What stood in brackets, with its weight: brackets around brackets multiply."""
    is_nested: bool
    """Whether a weight inside of a longer bracket was lost."""


def _flat(text: str) -> _Flat:
    weights, lost = dict[str, float](), list[str]()

    def flat(found: re.Match[str]) -> str:
        words = (found["words"] or found["weaker"]).strip(" ,")
        weight = _WEAKER if found["weaker"] else _number(found["weight"] or str(_STRONGER))
        inner = {key: weights.pop(key) for key in list(weights) if key in words}
        lost.extend(key for key in inner if key != words)
        weights[words] = inner.get(words, 1.0) * weight
        return words

    while (after := _WEIGHED.sub(flat, text)) != text:
        text = after
    parts = [(words, min(weight, MAX_PART_WEIGHT)) for words, weight in weights.items() if abs(weight - 1) > _EVEN]
    return _Flat(" ".join(_ESCAPED.sub(r"\1", text).split()), parts, bool(lost))


def _number(text: str) -> float:
    return float(text.replace(",", "."))
