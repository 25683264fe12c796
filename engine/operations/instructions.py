"""Instructions for models that were not made for editing: they need the words of the picture to be.

"make it blue" said of "a red apple" is "a blue apple". What is not understood stays as it is.
"""

from __future__ import annotations

import re

_COLOURS = frozenset(
    re.findall(
        r"\w+",
        "red orange yellow green blue purple violet pink brown black white grey gray golden gold silver turquoise",
    )
)
_IT = r"(?:it|this|that|them|the (?:picture|image|colou?r)s?)"
_MADE = re.compile(
    rf"(?:please )?(?:make|turn|paint|colou?r|recolou?r|dye|change|transform) {_IT}(?: in)?(?: to| into)? (?P<how>.+)",
    re.I,
)
_PUT = re.compile(rf"(?:please )?(?:put|place|set|show) {_IT} (?P<where>(?:on|in|under|next to|beside|above) .+)", re.I)
_ADDED = re.compile(r"(?:please )?(?:add|give it) (?P<what>.+)", re.I)
_ARTICLE = re.compile(r"(?:a|an|the|one) ", re.I)


def picture_to_be(instruction: str, old: str) -> str:
    """The words of the picture that an instruction asks for, where `old` are those of the picture there is."""
    said = " ".join(instruction.split()).rstrip(".!")
    if put := _PUT.fullmatch(said):
        return f"{old} {put['where']}"
    if added := _ADDED.fullmatch(said):
        return f"{old} with {added['what']}"
    made = _MADE.fullmatch(said)
    if made is None:
        return instruction
    how = made["how"]
    return how if _ARTICLE.match(how) else _painted(how, old)


def _painted(how: str, old: str) -> str:
    """The old words with an adjective more; a colour takes the place of the one that was said."""
    words = old.split()
    article = words.pop(0) if words and _ARTICLE.fullmatch(f"{words[0]} ") else ""
    if any(word in _COLOURS for word in how.lower().split()):
        words = [word for word in words if word.lower().strip(",") not in _COLOURS]
    if article.lower() in ("a", "an"):
        article = "an" if how[:1].lower() in "aeiou" else "a"
    return " ".join(filter(None, (article, how, *words)))
