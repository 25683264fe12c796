"""SimCord's browser page, made live: it follows the bot while a job runs, and looks like a chat, not a test bench."""

# pyright: reportPrivateUsage=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
# (SimCord has no public way to any of this; see the package's docstring)

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, ClassVar

from aiohttp import web
from simcord.preview import Preview
from simcord.preview._server import PreviewServer

from bot.playground import gestures, served
from bot.playground.drawing import Drawing
from bot.playground.media import OwnPictures


class LivePage(PreviewServer):
    """Serves SimCord's page with our style and script, and lets members act while the bot is busy."""

    _STATIC_FILES: ClassVar[dict[str, str]] = {**PreviewServer._STATIC_FILES, **dict.fromkeys(served.PATHS, "")}

    def __init__(self, preview: Preview, port: int) -> None:
        super().__init__(preview, port)
        self.drawing: Drawing
        self._turn = asyncio.Lock()

    async def _static(self, request: web.Request) -> web.Response:
        if (own := served.own(request.path)) is not None:
            text, content_type = own
            return web.Response(text=text, content_type=content_type, headers=self._SECURITY_HEADERS)
        response: web.Response = await super()._static(request)
        if request.path in served.CHANGED and response.text is not None:
            response.text = served.changed(request.path, response.text)
        return response

    async def _asset(self, request: web.Request) -> web.Response:
        """A preview that was replaced before it was fetched is no error: the page has the next one in a moment."""
        response: web.Response = await super()._asset(request)
        return web.Response(status=204, headers=self._SECURITY_HEADERS) if response.status == 404 else response

    async def _state(self, request: web.Request) -> web.Response:
        """What changed since the revision that the reader has."""
        context = request.headers.get("X-Simcord-Context")
        since = request.query.get("since", "0")
        if context not in self.preview._pages or not self._authorized(request, context=context):
            return await super()._state(request)
        page = self.preview._get_page(context)
        payload = self.drawing.since(page, int(since) if since.isdecimal() else 0)
        return web.json_response(payload, headers=self._SECURITY_HEADERS)

    async def _action(self, request: web.Request) -> web.Response:
        """Two members may act at the same moment: the second waits a moment instead of being told "busy"."""
        async with self._turn:
            return await super()._action(request)


class LivePreview:
    """Makes SimCord's pages follow the simulated Discord, begin at the newest message, and know gestures."""

    def __init__(self, preview: Preview, port: int) -> None:
        self._preview: Any = preview
        # SimCord builds its server in the constructor and offers no way to name another class.
        server = self._preview._server = LivePage(preview, port)
        self._preview._media_worker = OwnPictures()
        server.drawing = self._drawing = Drawing(preview)
        self._open_at_the_newest()
        self._admit_more()
        self._preview.env.backend.subscribers.append(self._changed)
        self._follow_private_answers()

    def _open_at_the_newest(self) -> None:
        """SimCord opens each page, and a reloaded one too, at the message that was the newest when it started."""
        open_page = self._preview._open_page

        def open_now(viewer_id: Any = None, target_id: Any = None) -> Any:
            self._preview._python.target_id = self._preview._python.window_end_id = None
            return open_page(viewer_id, target_id)

        self._preview._open_page = open_now

    def _admit_more(self) -> None:
        """Act on pages as they are now, and know gestures.

        SimCord refuses a click made on a page that changed since, which a page with live previews always has. And an
        answer that takes long is a failure there, after which it refuses everything; here it just comes later.
        """
        admit = self._preview._action
        seen: dict[str, int] = {}

        async def admit_now(context_id: str | None, body: Any) -> Any:
            if isinstance(body, dict) and body.get("kind") in (gestures.REACT, gestures.MENU):
                return await gestures.act(self._preview, context_id, body)
            page = self._preview._pages.get(context_id)
            if page is not None and isinstance(body, dict) and "published_revision" in body:
                body["published_revision"] = seen.setdefault(f"{context_id} {body.get('request_id')}", page.revision)
                while len(seen) > 256:
                    seen.pop(next(iter(seen)))
            result = await admit(context_id, body)
            if page is not None and page.status == "stale":
                self._drawing.publish(page)
            return {**result, "settlement": "settled"} if result["settlement"] == "timeout" else result

        self._preview._action = admit_now

    def _follow_private_answers(self) -> None:
        """No gateway hears of what only one member sees, so an answer that came late would stay "thinking"."""
        backend = self._preview.env.backend

        def followed(do: Callable[..., Any]) -> Callable[..., Any]:
            def done(*arguments: Any, **options: Any) -> Any:
                self._changed()
                return do(*arguments, **options)

            return done

        for name in ("commit_message", "edit_message", "delete_message"):
            setattr(backend, name, followed(getattr(backend, name)))

    def _changed(self, *_: Any, **__: Any) -> None:
        self._drawing.changed()
