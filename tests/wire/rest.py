"""The REST routes the bot uses, with Discord's error codes."""

from __future__ import annotations

import json
import time
from typing import Any

from aiohttp import web

from tests.wire import components
from tests.wire.world import (
    ACK_S,
    APPLICATION_ID,
    CHANNEL_ID,
    GUILD_ID,
    OTHER_CHANNEL_ID,
    OTHER_GUILD_ID,
    Interaction,
    World,
    as_json,
)

THINKING, EPHEMERAL = 128, 64
MODAL, AUTOCOMPLETE = 9, 8


def problem(status: int, code: int, message: str) -> web.Response:
    """An error as Discord words it."""
    return as_json({"message": message, "code": code}, status=status)


class Rest:
    """Answers from the world; every rule broken by the bot is noted in `world.violations`."""

    def __init__(self, world: World, host: str) -> None:
        self.world, self.host = world, host
        self.url = ""

    def routes(self) -> list[web.RouteDef]:
        """All routes below /api/v10."""
        api = "/api/v10"
        message = api + "/webhooks/{app}/{token}/messages/{message}"
        in_channel = api + "/channels/{channel}/messages/{message}"
        return [
            web.get(api + "/gateway/bot", self._gateway),
            web.get(api + "/gateway", self._gateway),
            web.get(api + "/users/@me", self._me),
            web.get(api + "/users/{user}", self._user),
            web.get(api + "/oauth2/applications/@me", self._application),
            web.get(api + "/applications/@me", self._application),
            web.put(api + "/applications/{app}/commands", self._put_commands),
            web.get(api + "/applications/{app}/commands", self._get_commands),
            web.post(api + "/interactions/{id}/{token}/callback", self._callback),
            web.get(message, self._webhook_get),
            web.patch(message, self._webhook_patch),
            web.delete(message, self._webhook_delete),
            web.post(api + "/webhooks/{app}/{token}", self._webhook_post),
            web.get(api + "/guilds/{guild}/members/{user}", self._member),
            web.get(api + "/channels/{channel}", self._channel),
            web.post(api + "/channels/{channel}/messages", self._send),
            web.get(api + "/channels/{channel}/messages", self._history),
            web.get(in_channel, self._get),
            web.patch(in_channel, self._patch),
            web.delete(in_channel, self._delete),
            web.put(in_channel + "/reactions/{emoji}/{user}", self._no_content),
            web.delete(in_channel + "/reactions/{emoji}/{user}", self._no_content),
            web.post(api + "/users/@me/channels", self._open_dm),
            web.post(api + "/channels/{channel}/typing", self._no_content),
            web.get("/attachments/{channel}/{id}/{name}", self._file),
        ]

    # --- who and what ---------------------------------------------------------------------------

    async def _gateway(self, _: web.Request) -> web.Response:
        limits = {"total": 1000, "remaining": 999, "reset_after": 86400000, "max_concurrency": 1}
        return as_json({"url": f"ws://{self.host}/gateway", "shards": self.world.shards, "session_start_limit": limits})

    async def _me(self, _: web.Request) -> web.Response:
        return as_json(self.world.bot_user)

    async def _user(self, request: web.Request) -> web.Response:
        return as_json(self.world.user(int(request.match_info["user"]), "someone"))

    async def _member(self, request: web.Request) -> web.Response:
        user = int(request.match_info["user"])
        if user in self.world.gone:
            return problem(404, 10007, "Unknown Member")
        member = self.world.member(self.world.user(user, f"user{user}"), moderator=False)
        return as_json({key: value for key, value in member.items() if key != "permissions"})

    async def _application(self, _: web.Request) -> web.Response:
        owner = self.world.user(1, "owner")
        return as_json(
            {
                "id": str(APPLICATION_ID),
                "name": "Darkroom",
                "icon": None,
                "description": "",
                "bot_public": True,
                "bot_require_code_grant": False,
                "verify_key": "00",
                "owner": owner,
                "team": None,
                "flags": 0,
                "summary": "",
                "integration_types_config": {},
            }
        )

    async def _put_commands(self, request: web.Request) -> web.Response:
        commands: list[dict[str, Any]] = await request.json()
        self.world.commands = [
            {
                **c,
                "id": str(self.world.snowflake()),
                "application_id": str(APPLICATION_ID),
                "version": "1",
                "type": c.get("type", 1),
                "description": c.get("description", ""),
            }
            for c in commands
        ]
        return as_json(self.world.commands)

    async def _get_commands(self, _: web.Request) -> web.Response:
        return as_json(self.world.commands)

    async def _channel(self, request: web.Request) -> web.Response:
        is_other = int(request.match_info["channel"]) == OTHER_CHANNEL_ID
        return as_json(self.world.channel(OTHER_GUILD_ID if is_other else GUILD_ID))

    async def _open_dm(self, request: web.Request) -> web.Response:
        user = int((await request.json())["recipient_id"])
        recipients = [self.world.user(user, f"user{user}")]
        return as_json(
            {"id": str(900000000000000000 + user), "type": 1, "recipients": recipients, "last_message_id": None}
        )

    async def _no_content(self, _: web.Request) -> web.Response:
        return web.Response(status=204)

    async def _file(self, request: web.Request) -> web.Response:
        return web.Response(body=self.world.files[int(request.match_info["id"])])

    # --- interactions ---------------------------------------------------------------------------

    async def _callback(self, request: web.Request) -> web.Response:
        known = self.world.interactions.get(request.match_info["token"])
        after = time.time() - known.sent_at if known else 0
        if known is not None and known.acked_after is not None:
            return problem(400, 40060, "Interaction has already been acknowledged.")
        if known is None or after > ACK_S:
            return problem(404, 10062, "Unknown interaction")
        body, files = await self._body(request)
        known.acked_after, known.callback = after, body
        kind, content = body["type"], body.get("data") or {}
        if kind == MODAL:
            known.modal = content
        elif kind in (4, 5):
            known.ephemeral = bool(content.get("flags", 0) & EPHEMERAL)
            flags = content.get("flags", 0) | (THINKING if kind == 5 else 0)
            message = self._store({**content, "flags": flags}, files, known)
            known.original = int(message["id"])
        elif kind in (6, 7):
            source = known.payload["message"]
            known.original = int(source["id"])
            if kind == 7:
                self._change(self.world.messages[known.original], content, files)
        if request.query.get("with_response") in ("1", "true"):
            shown = self.world.messages.get(known.original or 0)
            resource = {"type": kind, "message": shown} if shown else {"type": kind}
            info = {
                "id": str(known.id),
                "type": known.payload["type"],
                "response_message_id": str(known.original or 0),
                "response_message_loading": False,
                "response_message_ephemeral": known.ephemeral,
            }
            return as_json({"interaction": info, "resource": resource})
        return web.Response(status=204)

    def _of_token(self, request: web.Request) -> Interaction | web.Response:
        known = self.world.interactions.get(request.match_info["token"])
        if known is None or known.acked_after is None:
            return problem(404, 10015, "Unknown Webhook")
        if time.time() - known.sent_at > self.world.token_s:
            return problem(401, 50027, "Invalid Webhook Token")
        return known

    async def _webhook_post(self, request: web.Request) -> web.Response:
        known = self._of_token(request)
        if isinstance(known, web.Response):
            return known
        body, files = await self._body(request)
        return as_json(self._store(body, files, known))

    async def _webhook_message(self, request: web.Request) -> dict[str, Any] | web.Response:
        known = self._of_token(request)
        if isinstance(known, web.Response):
            return known
        name = request.match_info["message"]
        return self._standing(known.original if name == "@original" else int(name))

    async def _webhook_get(self, request: web.Request) -> web.Response:
        found = await self._webhook_message(request)
        return found if isinstance(found, web.Response) else as_json(found)

    async def _webhook_patch(self, request: web.Request) -> web.Response:
        found = await self._webhook_message(request)
        return found if isinstance(found, web.Response) else await self._edit(found, request)

    async def _webhook_delete(self, request: web.Request) -> web.Response:
        found = await self._webhook_message(request)
        return found if isinstance(found, web.Response) else self._drop(found)

    # --- channel messages -----------------------------------------------------------------------

    async def _send(self, request: web.Request) -> web.Response:
        body, files = await self._body(request)
        channel, nonce = int(request.match_info["channel"]), body.get("nonce")
        if len(nonce or "") > 25:
            self.world.violations.append(f"a nonce longer than 25: {nonce}")
        known = self.world.nonces.get((channel, nonce)) if body.get("enforce_nonce") else None
        if known is None:
            known = self._store(body, files, None, channel)
            self.world.nonces[channel, nonce] = known
        return as_json(known)

    async def _history(self, request: web.Request) -> web.Response:
        """The newest messages of the channel, newest first; what only one member sees is not among them."""
        channel, most = request.match_info["channel"], int(request.query.get("limit", 50))
        there = [one for one in self.world.messages.values() if one["channel_id"] == channel]
        newest = sorted((one for one in there if not one["flags"] & EPHEMERAL), key=lambda one: -int(one["id"]))
        return as_json(newest[:most])

    def _by_bot(self, request: web.Request) -> dict[str, Any] | web.Response:
        found = self._standing(int(request.match_info["message"]))
        if isinstance(found, dict) and found.get("flags", 0) & EPHEMERAL:
            return problem(404, 10008, "Unknown Message")
        return found

    async def _get(self, request: web.Request) -> web.Response:
        found = self._by_bot(request)
        return found if isinstance(found, web.Response) else as_json(found)

    async def _patch(self, request: web.Request) -> web.Response:
        found = self._by_bot(request)
        return found if isinstance(found, web.Response) else await self._edit(found, request)

    async def _delete(self, request: web.Request) -> web.Response:
        found = self._by_bot(request)
        return found if isinstance(found, web.Response) else self._drop(found)

    # --- messages and their files ---------------------------------------------------------------

    def _standing(self, message_id: int | None) -> dict[str, Any] | web.Response:
        message = self.world.messages.get(message_id or 0)
        if message is None or message_id in self.world.deleted:
            return problem(404, 10008, "Unknown Message")
        return message

    def _drop(self, message: dict[str, Any]) -> web.Response:
        self.world.deleted.add(int(message["id"]))
        return web.Response(status=204)

    async def _edit(self, message: dict[str, Any], request: web.Request) -> web.Response:
        body, files = await self._body(request)
        self.world.edits.setdefault(int(message["id"]), []).append(time.time())
        self._change(message, body, files)
        return as_json(message)

    def _store(
        self,
        body: dict[str, Any],
        files: dict[int, tuple[str, bytes]],
        of: Interaction | None,
        channel: int = CHANNEL_ID,
    ) -> dict[str, Any]:
        message: dict[str, Any] = {
            "id": str(self.world.snowflake()),
            "channel_id": str(channel),
            "author": self.world.bot_user,
            "content": "",
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime()),
            "edited_timestamp": None,
            "tts": False,
            "mention_everyone": False,
            "mentions": [],
            "mention_roles": [],
            "attachments": [],
            "embeds": [],
            "pinned": False,
            "type": 20 if of else 0,
            "flags": 0,
            "components": [],
        }
        if of and int(of.payload["channel_id"]) == OTHER_CHANNEL_ID:
            message["channel_id"] = str(OTHER_CHANNEL_ID)
        if of:
            message |= {"webhook_id": str(APPLICATION_ID), "application_id": str(APPLICATION_ID)}
        if reference := body.get("message_reference"):
            message["message_reference"] = reference
        self._change(message, body, files)
        message["flags"] |= body.get("flags", 0)
        self.world.messages[int(message["id"])] = message
        return message

    def _change(self, message: dict[str, Any], body: dict[str, Any], files: dict[int, tuple[str, bytes]]) -> None:
        self._check(message, body, files)
        message["flags"] |= (body.get("flags") or 0) & components.IS_COMPONENTS_V2
        for key in ("content", "embeds", "components"):
            if key in body:
                message[key] = body[key] or ([] if key != "content" else "")
        if "attachments" in body or files:
            kept = {a["id"] for a in body.get("attachments") or [] if int(a["id"]) not in files}
            remaining = [a for a in message["attachments"] if a["id"] in kept or "attachments" not in body]
            told = {int(a["id"]): a for a in body.get("attachments") or []}
            message["attachments"] = remaining + [self._attach(i, told.get(i, {}), *f) for i, f in files.items()]
        components.resolve(message)
        if message["content"] or message["attachments"] or message["embeds"] or message["components"]:
            message["flags"] &= ~THINKING

    def _attach(self, index: int, told: dict[str, Any], name: str, content: bytes) -> dict[str, Any]:
        key = self.world.snowflake()
        self.world.files[key] = content
        url = f"http://{self.host}/attachments/{CHANNEL_ID}/{key}/{name}"
        return {
            "id": str(key),
            "filename": name,
            "size": len(content),
            "url": url,
            "proxy_url": url,
            "description": told.get("description"),
            "content_type": "image/png",
            "width": 64,
            "height": 64,
        }

    def _check(self, message: dict[str, Any], body: dict[str, Any], files: dict[int, tuple[str, bytes]]) -> None:
        """Discord would answer 50035 to these; here they are noted, so that a test fails.

        Only an album that shall become a text again is no violation: the bot tries that, and makes it an album anew.
        """
        broken = self.world.violations
        try:
            names = [one["filename"] for one in message["attachments"]] + [name for name, _ in files.values()]
            components.check(message, body, set(names))
        except components.Refused as error:
            if not (components.is_v2(message) and body.get("content")):
                broken.append(str(error))
            raise
        if sum(len(content) for _, content in files.values()) > 25 * 1024 * 1024:
            broken.append("a request of more than 25 MiB")
        if len(body.get("content") or "") > 2000:
            broken.append("content longer than 2000")
        if len(files) > 10 or any(len(content) > 10 * 1024 * 1024 for _, content in files.values()):
            broken.append("too many or too large files")
        for row in [part for part in body.get("components") or [] if part["type"] == components.ROW]:
            ids = [c.get("custom_id", "") for c in row.get("components", [])]
            if len(ids) > 5 or any(len(i) > 100 for i in ids) or len(set(ids)) < len(ids):
                broken.append(f"components: {ids}")
        if (body.get("allowed_mentions") or {}).get("parse"):
            broken.append("mentions allowed")

    @staticmethod
    async def _body(request: web.Request) -> tuple[dict[str, Any], dict[int, tuple[str, bytes]]]:
        if not request.content_type.startswith("multipart/"):
            return (await request.json() if request.can_read_body else {}), {}
        body: dict[str, Any] = {}
        files: dict[int, tuple[str, bytes]] = {}
        async for part in await request.multipart():
            content = await part.read(decode=False)
            if part.name == "payload_json":
                body = json.loads(content)
            else:
                files[int(part.name.removeprefix("files[").removesuffix("]"))] = (
                    part.filename or "file",
                    bytes(content),
                )
        inner = body.get("data") if "type" in body and isinstance(body.get("data"), dict) else None
        return ({**body, "data": inner} if inner is not None else body), files
