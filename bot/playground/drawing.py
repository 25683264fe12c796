"""Draws a page when it is looked at, and of its messages only those that changed; sends only what the reader lacks.

SimCord draws each page anew at every change in its world: a summary of every message there is, and up to 50 messages
with their Markdown, on the event loop that the bot runs on. The seam is three of the preview's own methods, and the
two functions that draw a message and say who may see it.
"""

# pyright: reportPrivateUsage=false, reportPrivateImportUsage=false
# (see the package's docstring)

from __future__ import annotations

from typing import Any

from simcord.backend.access import can_access_channel
from simcord.preview import _snapshot

from bot.playground.letters import Letters
from bot.playground.sheet import PARTS, Drawn, Sheet

_draw, _may_see = _snapshot._message_projection, _snapshot.can_access_message
_REFERENCES = ("referenced_assets", "referenced_messages", "message_references")
"""What a page notes while it draws a message, beside the drawing itself."""

_NO_LIST = "0"
"""SimCord's list of all messages, which our page hides, holds those that answer this: no message has this number."""


class Drawing:
    """The pages of one preview."""

    def __init__(self, preview: Any) -> None:
        self.messages_drawn = 0
        """How many messages were drawn so far, each time one was."""
        self._preview, self._changes = preview, 0
        self._sheets: dict[str, Sheet] = {}
        self._letters = Letters(preview.env.backend)
        self._access: dict[tuple[int, int], bool] = {}
        self._publish, self._payload = preview._publish, preview._page_payload
        preview.drawing = self
        preview._publish, preview._publish_message_pages = self.publish, self._publish_later
        preview._page_payload = self.whole
        _snapshot._message_projection, _snapshot.can_access_message = _drawn_once, _seen_by

    def changed(self) -> None:
        """Something is new in the world: each page is drawn anew when it is looked at."""
        self._changes += 1

    def publish(self, page: Any, *, reason: Any = "action") -> None:
        """Draw a page now."""
        page.navigation_query = _NO_LIST
        sheet = self._sheet(page)
        sheet.changes = self._changes
        self._access.clear()
        self._preview._advance_presentation_time()  # "3 minutes ago" counts from now, not from the page's start
        self._publish(page, reason=reason)
        page.snapshot["letters"] = self._letters.to(page.viewer.id)
        sheet.stamp(page)

    def whole(self, page: Any) -> dict[str, Any]:
        """All that a page shows."""
        self._look(page)
        return self._payload(page)

    def since(self, page: Any, revision: int) -> dict[str, Any]:
        """What changed on a page after this revision; under `kept`, the names of all that is there."""
        self._look(page)
        snapshot, new = page.snapshot, self._sheet(page).since(revision)
        page.snapshot = {**snapshot, **new, "timeline": list(new["messages"])}
        try:
            payload = self._payload(page)
        finally:
            page.snapshot = snapshot
        if payload["status"] == "access_denied":
            return payload
        kept = {part: list(snapshot[part]) for part in PARTS}
        return {**payload, "timeline": snapshot["timeline"], "targetId": snapshot["targetId"], "kept": kept}

    def message(self, page: Any, message: Any, *, compact: bool, channel: Any) -> dict[str, Any]:
        """A message as this page shows it; the same object as long as nothing about it changed."""
        state, drawn = self._state(page, message, compact), self._sheet(page).drawn
        last = drawn.get(message.id)
        if last is None or last.state != state or not last.notes["referenced_assets"] <= page.assets.keys():
            last = drawn[message.id] = self._draw(page, message, state, compact=compact, channel=channel)
        for name, noted in last.notes.items():
            getattr(page, name).update(noted)
        return last.value

    def may_see(self, message: Any, viewer: Any) -> bool:
        """Whether somebody sees a message; their access to its channel is looked up once a drawing."""
        where = (message.channel_id, viewer.id)
        if where not in self._access:
            self._access[where] = can_access_channel(self._preview.env, message.channel_id, viewer, history=True)
        return self._access[where] and message.visible_to(viewer.id)

    def _draw(self, page: Any, message: Any, state: tuple[str, ...], *, compact: bool, channel: Any) -> Drawn:
        before = {name: getattr(page, name) for name in _REFERENCES}
        for name, noted in before.items():
            setattr(page, name, type(noted)())
        try:
            value = _draw(self._preview, page, message, compact=compact, channel=channel)
            notes = {name: getattr(page, name) for name in _REFERENCES}
        finally:
            for name, noted in before.items():
                setattr(page, name, noted)
        self.messages_drawn += 1
        return Drawn(state, value, notes)

    def _state(self, page: Any, message: Any, compact: bool) -> tuple[str, ...]:
        """All that decides how a message looks: itself, what it answers, and who looks at it."""
        reference: dict[str, Any] = message.reference or {}
        answered = int(reference.get("message_id") or 0)
        told = self._preview.env.backend.messages.get(message.channel_id, {}).get(answered)
        return (repr(message), repr(told), str(page.viewer.id), str(compact))

    def _publish_later(self, *, reason: str = "action") -> None:
        """The page somebody acted on is drawn now, the others when they are looked at."""
        self.changed()
        acting = self._preview._action_page
        if acting is not None and acting.id in self._preview._pages:
            self.publish(acting, reason=reason)

    def _look(self, page: Any) -> None:
        if page.pinned_snapshot is None and self._sheet(page).changes != self._changes:
            self.publish(page, reason="refresh")

    def _sheet(self, page: Any) -> Sheet:
        if page.id not in self._sheets:
            open_pages = self._preview._pages
            self._sheets = {key: sheet for key, sheet in self._sheets.items() if key in open_pages}
        return self._sheets.setdefault(page.id, Sheet())


def _drawn_once(preview: Any, page: Any, message: Any, *, compact: bool, channel: Any) -> dict[str, Any]:
    """SimCord's own for a preview that is not ours."""
    ours: Drawing | None = getattr(preview, "drawing", None)
    if ours is None:
        return _draw(preview, page, message, compact=compact, channel=channel)
    return ours.message(page, message, compact=compact, channel=channel)


def _seen_by(env: Any, channel_id: int, message: Any, viewer: Any, *, history: bool = False) -> bool:
    ours: Drawing | None = getattr(env._preview, "drawing", None)
    if ours is None or message.channel_id != channel_id or not history:
        return _may_see(env, channel_id, message, viewer, history=history)
    return ours.may_see(message, viewer)
