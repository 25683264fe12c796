"""Refuses the prompt syntax of other programs, which would have no effect here, and names the right form."""

from __future__ import annotations

import re

from bot.domain.prompting import quotes
from bot.errors import BadOption

NETWORK = re.compile(
    r"<(?P<kind>lora|lyco|hypernet):(?P<name>[^<>:]+)(?::(?P<weight>[+-]?[0-9.]+)?[^<>]*)?>", re.IGNORECASE
)
_WEIGHT = re.compile(
    r"\((?P<words>[^():]*(?:[^():\s](?=\s*:\s*[0-9]{0,2}[.,])|[^():\s0-9]))\s*:\s*"
    r"(?P<weight>[0-9]{0,2}[.,][0-9]{1,4}|[0-9])\s*\)"
)
"""Matches `(word:1.3)` of stable-diffusion-webui and ComfyUI, but no ratio (3:2) and no verse (John 3:16)."""
NEGATIVE = re.compile(r"(?<!\S)negative prompt\s*:", re.IGNORECASE)
SETTINGS = re.compile(r"(?<!\S)Steps: ?[0-9]+\s*,\s*(?:Sampler|CFG scale|Seed|Size|Schedule type|Model)\b.*$")
"""What stable-diffusion-webui writes behind a prompt."""
_ECHO = 60


def refuse(words: str, negative: str) -> None:
    """Raise `BadOption` for `(word:1.3)`, `<lora:ink:0.8>` or `Negative prompt:` outside quotation marks."""
    for text, is_negative in ((words, False), (negative, True)):
        if found := _first(NETWORK, text):
            raise BadOption(found[0][:_ECHO], _network(found))
        if found := _first(_WEIGHT, text):
            raise BadOption(found[0][:_ECHO], _weight(found, is_negative=is_negative))
        if found := _first(NEGATIVE, text):
            raise BadOption(found[0], "that is another program's spelling; write --no and what should not be there")
        if found := _first(SETTINGS, text):
            raise BadOption(
                found[0][:_ECHO], "these are another program's settings; write --steps, --cfg, --seed, --ar"
            )


def translated(text: str) -> tuple[str, tuple[str, ...]]:
    """The text without weights in brackets and networks, and sentences on what was left out."""
    lost: list[str] = []
    if NETWORK.search(text):
        text = NETWORK.sub("", text)
    while (plain := _WEIGHT.sub(lambda found: found["words"].strip(), text)) != text:
        lost = ["weights in brackets were left out"]
        text = plain
    return " ".join(text.split()).strip(" ,"), tuple(lost)


def _first(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    quoted = quotes.spans(text)
    return next((found for found in pattern.finditer(text) if not quotes.covers(quoted, found.start())), None)


def _network(found: re.Match[str]) -> str:
    if found["kind"].lower() == "hypernet":
        return "there are no hypernetworks here; leave it out"
    wanted = quotes.quoted(f"{found['name'].strip()}:{found['weight'] or 1}")
    return f"that is another program's spelling; write --lora {wanted} behind the prompt"


def _weight(found: re.Match[str], *, is_negative: bool) -> str:
    words = found["words"].strip()[:_ECHO]
    if is_negative:
        return f"what should not be there has no weights; write --no {words}"
    weight = found["weight"].replace(",", ".")
    return (
        f"that is another program's spelling; write {words}::{weight} with the other parts behind it, "
        'or put it in "quotation marks" to draw it as it stands'
    )
