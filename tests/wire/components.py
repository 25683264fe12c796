"""Components V2 as Discord's OpenAPI document describes them: what a message may hold, and where its files show."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from tests.wire.world import as_json

IS_COMPONENTS_V2 = 1 << 15
ROW, BUTTON, SECTION, TEXT, THUMBNAIL, GALLERY, FILE, SEPARATOR, CONTAINER = 1, 2, 9, 10, 11, 12, 13, 14, 17
_LAYOUT = {ROW, SECTION, TEXT, GALLERY, FILE, SEPARATOR, CONTAINER}
_INTERACTIVE = {BUTTON, 3, 5, 6, 7, 8}
_MOST, _MOST_TEXT, _MOST_ALT = 40, 4000, 1024
_LEGACY = "The '{0}' field cannot be used when using MessageFlags.IS_COMPONENTS_V2"


class Refused(Exception):
    """What Discord answers with 50035."""


@web.middleware
async def refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer in Discord's words."""
    try:
        return await handler(request)
    except Refused as error:
        told = {"_errors": [{"code": "INVALID", "message": str(error)}]}
        return as_json({"message": "Invalid Form Body", "code": 50035, "errors": told}, status=400)


def is_v2(message: dict[str, Any]) -> bool:
    """Whether a message, or a request for one, consists of Components V2."""
    return bool((message.get("flags") or 0) & IS_COMPONENTS_V2)


def check(before: dict[str, Any], body: dict[str, Any], names: set[str]) -> None:
    """Raise `Refused` for what Discord would not take; `names` are the files that the message has then."""
    after = {**before, **body}
    components: list[dict[str, Any]] = after.get("components") or []
    if not is_v2(before) and not is_v2(body):
        if any(part["type"] != ROW for part in components):
            raise Refused("components of this type need MessageFlags.IS_COMPONENTS_V2")
        return
    for name in ("content", "embeds", "poll", "sticker_ids"):
        if after.get(name):
            raise Refused(_LEGACY.format(name))
    if not components:
        raise Refused("a message of components needs one")
    for part in components:
        _check_part(part, names, _LAYOUT)
    if len(list(walk(components))) > _MOST:
        raise Refused(f"more than {_MOST} components")
    if sum(len(part["content"]) for part in walk(components) if part["type"] == TEXT) > _MOST_TEXT:
        raise Refused(f"more than {_MOST_TEXT} characters")
    ids = [part["custom_id"] for part in walk(components) if part.get("custom_id")]
    if len(ids) != len(set(ids)) or any(len(custom_id) > 100 for custom_id in ids):
        raise Refused("custom_id cannot be duplicated or longer than 100")


def _check_part(part: dict[str, Any], names: set[str], allowed: set[int]) -> None:
    kind = part["type"]
    if kind not in allowed:
        raise Refused(f"a component of type {kind} cannot stand here")
    match kind:
        case 1:
            _check_inner(part["components"], names, _INTERACTIVE, 1, 5)
        case 9:
            _check_inner(part["components"], names, {TEXT}, 1, 3)
            _check_part(part["accessory"], names, {BUTTON, THUMBNAIL})
        case 10:
            if not 1 <= len(part["content"]) <= _MOST_TEXT:
                raise Refused("a text display has 1 to 4000 characters")
        case 11:
            _check_media(part, "media", names)
        case 12:
            if not 1 <= len(part["items"]) <= 10:
                raise Refused("a gallery has 1 to 10 items")
            for item in part["items"]:
                _check_media(item, "media", names)
        case 13:
            _check_media(part, "file", names)
        case 17:
            _check_inner(part["components"], names, _LAYOUT - {CONTAINER}, 1, _MOST)
        case _:
            return


def _check_inner(parts: list[dict[str, Any]], names: set[str], allowed: set[int], least: int, most: int) -> None:
    if not least <= len(parts) <= most:
        raise Refused(f"{least} to {most} components go here")
    for part in parts:
        _check_part(part, names, allowed)


def _check_media(holder: dict[str, Any], key: str, names: set[str]) -> None:
    url, alt = holder[key]["url"], holder.get("description")
    if alt is not None and not 1 <= len(alt) <= _MOST_ALT:
        raise Refused(f"a description has 1 to {_MOST_ALT} characters")
    if url.startswith("attachment://") and url.removeprefix("attachment://") not in names:
        raise Refused(f"{url} was not uploaded")


def walk(components: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield every component, also those inside others."""
    for part in components:
        yield part
        yield from walk(part.get("components") or [])
        if "accessory" in part:
            yield part["accessory"]


def media(components: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield what shows a file, and the key of its address."""
    for part in walk(components):
        if part["type"] == GALLERY:
            yield from ((item, "media") for item in part["items"])
        elif part["type"] in (THUMBNAIL, FILE):
            yield part, "media" if part["type"] == THUMBNAIL else "file"


def resolve(message: dict[str, Any]) -> None:
    """Give components the addresses of the files they show; these files leave the message's `attachments`."""
    if not is_v2(message):
        return
    there, shown = {one["filename"]: one for one in message["attachments"]}, set[str]()
    for holder, key in media(message["components"]):
        name = holder[key]["url"].removeprefix("attachment://")
        if (file := there.get(name)) is not None:
            unfurled = {name: file[name] for name in ("url", "proxy_url", "width", "height", "content_type")}
            holder[key] = {"id": file["id"], "attachment_id": file["id"], **unfurled}
            holder |= {"description": holder.get("description"), "spoiler": bool(holder.get("spoiler"))}
            shown.add(name)
    message["attachments"] = [one for one in message["attachments"] if one["filename"] not in shown]
