"""Renders pages lazily: only when a browser asks, only changed messages, and sends only what the browser lacks.

SimCord renders each page at every change: a summary of all messages, and up to 50 messages with their Markdown, on the
bot's event loop. This module replaces three methods of the preview, and the two functions that render a message and
decide who may see it.
"""

# pyright: reportPrivateUsage=false, reportPrivateImportUsage=false
# (see the package's docstring)

from __future__ import annotations

from typing import Any

from simcord.backend.access import can_access_channel
from simcord.preview import _snapshot

from bot.playground.direct_messages import DirectMessages
from bot.playground.page_state import PARTS, Drawn, PageState

_draw, _may_see = _snapshot._message_projection, _snapshot.can_access_message
_REFERENCES = ("referenced_assets", "referenced_messages", "message_references")
"""Attributes in which a page records references while it renders a message."""

_NO_LIST = "0"
"""Query of SimCord's list of all messages, which this page hides; no message matches it."""


class PageRenderer:
    """Renders the pages of one preview."""

    def __init__(self, preview: Any) -> None:
        self.messages_drawn = 0
        """Number of rendered messages so far; repeated renderings count."""
        self._preview, self._changes = preview, 0
        self._page_states: dict[str, PageState] = {}
        self._direct_messages = DirectMessages(preview.env.backend)
        self._access: dict[tuple[int, int], bool] = {}
        self._publish, self._payload = preview._publish, preview._page_payload
        preview.renderer = self
        preview._publish, preview._publish_message_pages = self.publish, self._publish_later
        preview._page_payload = self.whole
        _snapshot._message_projection, _snapshot.can_access_message = _drawn_once, _seen_by

    def changed(self) -> None:
        """Mark all pages as changed; each is rendered when a browser asks."""
        self._changes += 1

    def publish(self, page: Any, *, reason: Any = "action") -> None:
        """Render a page now."""
        page.navigation_query = _NO_LIST
        page_state = self._page_state(page)
        page_state.changes = self._changes
        self._access.clear()
        self._preview._advance_presentation_time()  # "3 minutes ago" counts from now, not from the page's start
        self._publish(page, reason=reason)
        page.snapshot["directMessages"] = self._direct_messages.to(page.viewer.id)
        page_state.stamp(page)

    def whole(self, page: Any) -> dict[str, Any]:
        """Return the whole payload of a page."""
        self._look(page)
        return self._payload(page)

    def since(self, page: Any, revision: int) -> dict[str, Any]:
        """Return what changed after this revision; `kept` lists the keys of everything that is still there."""
        self._look(page)
        snapshot, new = page.snapshot, self._page_state(page).since(revision)
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
        """Return a rendered message; the same object until the message changes."""
        state, drawn = self._state(page, message, compact), self._page_state(page).drawn
        last = drawn.get(message.id)
        if last is None or last.state != state or not last.notes["referenced_assets"] <= page.assets.keys():
            last = drawn[message.id] = self._draw(page, message, state, compact=compact, channel=channel)
        for name, noted in last.notes.items():
            getattr(page, name).update(noted)
        return last.value

    def may_see(self, message: Any, viewer: Any) -> bool:
        """Whether the viewer may see a message; channel access is looked up once for each rendering."""
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
        """Return everything that decides how a message is rendered: itself, the message it answers, the viewer."""
        reference: dict[str, Any] = message.reference or {}
        answered = int(reference.get("message_id") or 0)
        told = self._preview.env.backend.messages.get(message.channel_id, {}).get(answered)
        return (repr(message), repr(told), str(page.viewer.id), str(compact))

    def _publish_later(self, *, reason: str = "action") -> None:
        """Render the page of the current action now, the others when a browser asks."""
        self.changed()
        acting = self._preview._action_page
        if acting is not None and acting.id in self._preview._pages:
            self.publish(acting, reason=reason)

    def _look(self, page: Any) -> None:
        if page.pinned_snapshot is None and self._page_state(page).changes != self._changes:
            self.publish(page, reason="refresh")

    def _page_state(self, page: Any) -> PageState:
        if page.id not in self._page_states:
            open_pages = self._preview._pages
            self._page_states = {key: page_state for key, page_state in self._page_states.items() if key in open_pages}
        return self._page_states.setdefault(page.id, PageState())


def _drawn_once(preview: Any, page: Any, message: Any, *, compact: bool, channel: Any) -> dict[str, Any]:
    """Render a message; previews without a `PageRenderer` use SimCord's function."""
    ours: PageRenderer | None = getattr(preview, "renderer", None)
    if ours is None:
        return _draw(preview, page, message, compact=compact, channel=channel)
    return ours.message(page, message, compact=compact, channel=channel)


def _seen_by(env: Any, channel_id: int, message: Any, viewer: Any, *, history: bool = False) -> bool:
    ours: PageRenderer | None = getattr(env._preview, "renderer", None)
    if ours is None or message.channel_id != channel_id or not history:
        return _may_see(env, channel_id, message, viewer, history=history)
    return ours.may_see(message, viewer)
