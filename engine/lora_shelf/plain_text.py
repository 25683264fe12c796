"""Text of strangers (sidecars, file headers) as short plain text: no markup, no control characters, cut to a length."""

from __future__ import annotations

import unicodedata
from html.parser import HTMLParser

_LONGEST = 200_000
"""Characters that are read at most."""
_HIDDEN = frozenset({"script", "style", "head", "template", "svg"})
_BREAKS = frozenset({"p", "br", "div", "li", "h1", "h2", "h3", "h4", "tr", "hr"})


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.said: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in _HIDDEN
        self.said += [" "] if tag in _BREAKS else []

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in _HIDDEN and self._hidden > 0
        self.said += [" "] if tag in _BREAKS else []

    def handle_data(self, data: str) -> None:
        self.said += [] if self._hidden else [data]


def plain(text: object, limit: int) -> str:
    """The words of a text that may be HTML, on one line, in at most `limit` characters; "" for what is no text."""
    if not isinstance(text, str):
        return ""
    text = text[:_LONGEST]
    if "<" in text or "&" in text:
        parser = _Words()
        parser.feed(text)
        parser.close()
        text = "".join(parser.said)
    kept = "".join(" " if unicodedata.category(char) in ("Cc", "Cs", "Cf") else char for char in text)
    line = " ".join(unicodedata.normalize("NFC", kept).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"
