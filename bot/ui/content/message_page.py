"""What one message shows: a text, files with alt text, buttons. A value; files are opened anew for each attempt."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import discord
from discord.ui import ActionRow, LayoutView, MediaGallery, Section, TextDisplay, Thumbnail, View


@dataclass(frozen=True, slots=True)
class Upload:
    """One file of a message."""

    name: str
    content: bytes
    alt: str
    spoiler: bool = False
    is_aside: bool = False
    """In an album it stands small beside the text, not among the pictures."""

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
    is_album: bool = False
    """Every picture by itself, to swipe through (Discord's Components V2). A message that was an album stays one."""

    def files(self) -> list[discord.File]:
        """Fresh files for one attempt."""
        return [upload.file() for upload in self.uploads]

    def new(self) -> dict[str, Any]:
        """Arguments that send the page as a new message, for one attempt."""
        files = self.files()
        if self.is_album:
            return {"files": files, "view": self._album(files)}
        return {"content": self.text, "files": files, **({} if self.view is None else {"view": self.view})}

    def changes(self) -> dict[str, Any]:
        """Arguments that edit a message to be the page, for one attempt."""
        files = self.files()
        if self.is_album:  # Discord takes no album beside a text or embeds of the message before
            return {"content": None, "embeds": [], "attachments": files, "view": self._album(files)}
        return {"content": self.text, "attachments": files, "view": self.view}

    def _album(self, files: Sequence[discord.File]) -> LayoutView:
        """Text, pictures and buttons as components: files show nowhere else in such a message."""
        album = LayoutView(timeout=None)
        items = [discord.MediaGalleryItem(file) for file in files]
        beside = [item for item, upload in zip(items, self.uploads, strict=True) if upload.is_aside]
        text = TextDisplay[LayoutView](self.text)
        album.add_item(Section(text, accessory=_thumbnail(beside[0])) if beside else text)
        if pictures := [item for item in items if item not in beside]:
            album.add_item(MediaGallery(*pictures))
        buttons: list[Any] = [] if self.view is None else list(self.view.children)
        for _, row in groupby(buttons, key=_row):
            album.add_item(ActionRow[LayoutView](*row))
        # A stopped view is drawn but not remembered: the buttons are found by their ids, in this process or the next.
        album.stop()
        return album


def _row(button: Any) -> int:
    return button.row


def _thumbnail(item: discord.MediaGalleryItem) -> Thumbnail[LayoutView]:
    return Thumbnail(item.media, description=item.description, spoiler=item.spoiler)
