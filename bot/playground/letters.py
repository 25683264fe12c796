"""The direct messages the bot sent to a member, for the page to show: SimCord's page shows one channel only."""

# pyright: reportPrivateUsage=false
# (see the package's docstring)

from __future__ import annotations

import base64
from typing import Any

from simcord.preview._markdown import markdown_tokens

NEWEST = 5
"""So many are shown; each comes with its pictures."""


class Letters:
    """Reads the members' direct messages; what was read once is not read again."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend
        self._read: dict[int, tuple[str, dict[str, Any]]] = {}

    def to(self, viewer_id: int) -> dict[str, dict[str, Any]]:
        """The newest ones to this member by id, oldest first: their words, and their files in base64."""
        channel = self._backend.dm_channels.get(viewer_id)
        messages = sorted(self._backend.messages.get(channel, {}).values(), key=lambda message: message.id)
        return {str(message.id): self._letter(message) for message in messages[-NEWEST:]}

    def _letter(self, message: Any) -> dict[str, Any]:
        state, letter = self._read.get(message.id, ("", {}))
        if state != repr(message):
            files = [self._file(one) for one in message.attachments]
            names = {"users": {str(user.id): user.name for user in self._backend.users.values()}}
            tokens = markdown_tokens(message.content, context=names)
            letter = {"content": message.content, "tokens": tokens, "files": files}
            self._read[message.id] = (repr(message), letter)
        return letter

    def _file(self, attachment: Any) -> dict[str, Any]:
        content = self._backend.cdn.get(attachment["url"]) or b""
        return {
            "name": attachment["filename"],
            "description": attachment.get("description") or attachment["filename"],
            "type": attachment["content_type"],
            "content": base64.b64encode(content).decode(),
        }
