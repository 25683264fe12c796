"""SimCord's browser page, made live: it updates while a job runs, and looks like a chat."""

# pyright: reportPrivateUsage=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
# (SimCord has no public way to any of this; see the package's docstring)

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, ClassVar

from aiohttp import web
from simcord.backend.errors import SetupError
from simcord.preview import Preview
from simcord.preview._server import PreviewServer

from bot.playground import gestures, page_files
from bot.playground.friends import Friends
from bot.playground.media import OwnPictures
from bot.playground.page_renderer import PageRenderer

FRIENDS = "friends"
"""The action of the page's button that lets the scripted friends join."""


class LivePage(PreviewServer):
    """Serves SimCord's page with Darkroom's style and scripts; members can act while the bot is busy."""

    _STATIC_FILES: ClassVar[dict[str, str]] = {**PreviewServer._STATIC_FILES, **dict.fromkeys(page_files.PATHS, "")}

    def __init__(self, preview: Preview, port: int) -> None:
        super().__init__(preview, port)
        self.renderer: PageRenderer
        self.turn = asyncio.Lock()

    async def _static(self, request: web.Request) -> web.Response:
        if (own := page_files.own(request.path)) is not None:
            text, content_type = own
            return web.Response(text=text, content_type=content_type, headers=self._SECURITY_HEADERS)
        response: web.Response = await super()._static(request)
        if request.path in page_files.CHANGED and response.text is not None:
            response.text = page_files.changed(request.path, response.text)
        return response

    async def _asset(self, request: web.Request) -> web.Response:
        """Answer 204 instead of 404 for a preview that was replaced, or its page closed, before it was fetched."""
        with contextlib.suppress(SetupError):
            response: web.Response = await super()._asset(request)
            if response.status != 404:
                return response
        return web.Response(status=204, headers=self._SECURITY_HEADERS)

    async def _state(self, request: web.Request) -> web.Response:
        """Answer with what changed since the browser's revision; SimCord answers for pages that are not open."""
        context = request.headers.get("X-Simcord-Context")
        since = request.query.get("since", "0")
        if not self._authorized(request, context=context):
            return await super()._state(request)
        try:
            page = self.preview._get_page(context)
        except SetupError:
            return await super()._state(request)
        payload = self.renderer.since(page, int(since) if since.isdecimal() else 0)
        return web.json_response(payload, headers=self._SECURITY_HEADERS)

    async def _action(self, request: web.Request) -> web.Response:
        """Run actions one after another; a second one waits instead of getting the answer "busy"."""
        async with self.turn:
            return await super()._action(request)


class LivePreview:
    """Adapts SimCord's preview: live updates, start at the newest message, gestures."""

    def __init__(self, preview: Preview, port: int, friends: Friends | None = None) -> None:
        self._preview: Any = preview
        self._friends, self._joining = friends, asyncio.Future[None]()
        # SimCord creates its server in the constructor; the class cannot be passed.
        server = self._preview._server = LivePage(preview, port)
        self._preview._media_worker = OwnPictures()
        if friends is not None:
            server.turn = friends.turn
        server.renderer = self._renderer = PageRenderer(preview)
        self._open_at_the_newest()
        self._admit_more()
        self._preview.env.backend.subscribers.append(self._changed)
        self._follow_private_answers()

    def _open_at_the_newest(self) -> None:
        """Open pages at the newest message; SimCord opens them at the message that was newest at the start."""
        open_page = self._preview._open_page

        def open_now(viewer_id: Any = None, target_id: Any = None) -> Any:
            self._preview._python.target_id = self._preview._python.window_end_id = None
            return open_page(viewer_id, target_id)

        self._preview._open_page = open_now

    def _admit_more(self) -> None:
        """Accept actions on pages that changed meanwhile, and accept gestures.

        SimCord refuses an action on a page that has changed; a page with live previews changes all the time. SimCord
        also treats a slow answer as a failure and then refuses every action; here the answer appears later.
        """
        admit = self._preview._action
        seen: dict[str, int] = {}

        async def admit_now(context_id: str | None, body: Any) -> Any:
            if isinstance(body, dict) and body.get("kind") in (gestures.REACT, gestures.MENU):
                return await gestures.act(self._preview, context_id, body)
            if isinstance(body, dict) and body.get("kind") == FRIENDS and self._friends is not None:
                self._joining = asyncio.ensure_future(self._friends.bring())
                return {}
            page = self._preview._pages.get(context_id)
            if page is not None and isinstance(body, dict) and "published_revision" in body:
                body["published_revision"] = seen.setdefault(f"{context_id} {body.get('request_id')}", page.revision)
                while len(seen) > 256:
                    seen.pop(next(iter(seen)))
            result = await admit(context_id, body)
            if self._friends is not None:
                self._friends.look_at_answers()
            if page is not None and page.status == "stale":
                self._renderer.publish(page)
            return {**result, "settlement": "settled"} if result["settlement"] == "timeout" else result

        self._preview._action = admit_now

    def _follow_private_answers(self) -> None:
        """Update pages for ephemeral messages, which cause no gateway event; else slow answers stay "thinking"."""
        backend = self._preview.env.backend

        def followed(do: Callable[..., Any]) -> Callable[..., Any]:
            def done(*arguments: Any, **options: Any) -> Any:
                self._changed()
                return do(*arguments, **options)

            return done

        for name in ("commit_message", "edit_message", "delete_message"):
            setattr(backend, name, followed(getattr(backend, name)))

    def _changed(self, *_: Any, **__: Any) -> None:
        self._renderer.changed()
