"""What one message shows: a text, files with alt text, buttons. A value; files are opened anew for each attempt."""

from __future__ import annotations

import io
from dataclasses import dataclass

import discord
from discord.ui import View


@dataclass(frozen=True, slots=True)
class Upload:
    """One file of a message."""

    name: str
    content: bytes
    alt: str
    spoiler: bool = False

    def file(self) -> discord.File:
        """A fresh file for one attempt to send it."""
        return discord.File(io.BytesIO(self.content), self.name, description=self.alt, spoiler=self.spoiler)


@dataclass(frozen=True, slots=True)
class Page:
    """The whole content of a message; an edit removes what the page does not have."""

    text: str
    uploads: tuple[Upload, ...] = ()
    view: View | None = None
    mentions: tuple[int, ...] = ()
    """The members who are pinged when the page is written anew; an edit pings nobody."""

    def files(self) -> list[discord.File]:
        """Fresh files for one attempt."""
        return [upload.file() for upload in self.uploads]
