"""Direct messages from the bot, for the page; SimCord's own page shows only one channel."""

# pyright: reportPrivateUsage=false
# (see the package's docstring)

from __future__ import annotations

import base64
from typing import Any

from simcord.preview._markdown import markdown_tokens

NEWEST = 5
"""Number of direct messages that the page shows."""
_CACHED = 100
"""Number of rendered messages that are kept, of all viewers."""


class DirectMessages:
    """Reads members' direct messages; unchanged ones are cached."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend
        self._read: dict[int, tuple[str, dict[str, Any]]] = {}

    def to(self, viewer_id: int) -> dict[str, dict[str, Any]]:
        """Return the newest direct messages to a member by id, oldest first: text tokens, and files in base64."""
        channel = self._backend.dm_channels.get(viewer_id)
        messages = sorted(self._backend.messages.get(channel, {}).values(), key=lambda message: message.id)
        return {str(message.id): self._rendered(message) for message in messages[-NEWEST:]}

    def _rendered(self, message: Any) -> dict[str, Any]:
        state, rendered = self._read.get(message.id, ("", {}))
        if state != repr(message):
            files = [self._file(one) for one in message.attachments]
            names = {"users": {str(user.id): user.name for user in self._backend.users.values()}}
            tokens = markdown_tokens(message.content, context=names)
            rendered = {"content": message.content, "tokens": tokens, "files": files}
            self._read[message.id] = (repr(message), rendered)
            while len(self._read) > _CACHED:
                self._read.pop(next(iter(self._read)))
        return rendered

    def _file(self, attachment: Any) -> dict[str, Any]:
        content = self._backend.cdn.get(attachment["url"]) or b""
        return {
            "name": attachment["filename"],
            "description": attachment.get("description") or attachment["filename"],
            "type": attachment["content_type"],
            "content": base64.b64encode(content).decode(),
        }
