"""What we send, checked against the description of Discord's API."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from referencing import Registry, Resource

from tests.bot.world import World

DOCUMENT = Path(os.environ.get("DISCORD_OPENAPI", Path(__file__).parents[4] / "shared" / "discord-openapi.json"))
pytestmark = pytest.mark.skipif(not DOCUMENT.exists(), reason="Discord's OpenAPI document is not beside the checkout")


MEDIA_CHANNEL = 16
"""In Discord's documentation, not in the description yet; discord.py names it wherever a forum is allowed."""
CALLBACKS = {
    4: "CreateMessageInteractionCallbackRequest",
    5: "CreateMessageInteractionCallbackRequest",
    7: "UpdateMessageInteractionCallbackRequest",
    8: "ApplicationCommandAutocompleteCallbackRequest",
    9: "ModalInteractionCallbackRequest",
}


@cache
def validator(schema: str) -> Draft202012Validator:
    document = json.loads(DOCUMENT.read_text(encoding="utf-8"))
    registry = Registry().with_resource("discord", Resource.opaque(document))
    return Draft202012Validator({"$ref": f"discord#/components/schemas/{schema}"}, registry=registry)


def fault(schema: str, payload: Any) -> str:
    """The most telling fault, or "" for a payload Discord takes."""
    error = best_match(validator(schema).iter_errors(payload))
    return "" if error is None else f"{error.json_path}: {error.message[:300]}"


def plain(payload: Any) -> Any:
    """The payload as JSON, without what Discord takes though its description, a preview, says otherwise."""
    return json.loads(json.dumps(payload), object_hook=_as_described)


def _as_described(node: dict[str, Any]) -> dict[str, Any]:
    for attachment in node.get("attachments") or []:
        attachment["id"] = str(attachment["id"])  # discord.py counts new files from 0 with numbers
    if "channel_types" in node:
        node["channel_types"] = [kind for kind in node["channel_types"] if kind != MEDIA_CHANNEL]
    return node


async def test_every_command_is_one_discord_takes(world: World) -> None:
    for command in await world.env.bot.command_payload():
        found = fault("ApplicationCommandUpdateRequest", plain(command))
        assert not found, (command["name"], found)


async def test_a_wrong_command_is_found(world: World) -> None:
    wrong = dict(next(iter(await world.env.bot.command_payload())))
    assert fault("ApplicationCommandUpdateRequest", {**wrong, "name": "x" * 33})


async def test_a_whole_conversation_is_one_discord_takes(world: World) -> None:
    await world.ada.slash(world.channel, "imagine", prompt="a red fox")
    await world.studio.done()
    post = (await world.ada.click(world.messages[-1], label="U1")).response
    assert post is not None
    await world.ada.click(post, label="Vary region")
    await world.ada.click(post, label="Custom zoom")
    await world.ada.slash(world.channel, "info me")

    seen = 0
    for entry in world.env.http_requests:
        schema = _schema(entry.method, entry.path, entry.json)
        if schema:
            seen += 1
            found = fault(schema, plain(entry.json))
            assert not found, (entry.method, entry.path, found)
    assert seen >= 6


def _schema(method: str, path: str, payload: Any) -> str | None:
    if payload is not None and path.endswith("/callback"):
        return CALLBACKS[payload["type"]]
    if payload is not None and method == "PATCH" and path.startswith("/webhooks/"):
        return "IncomingWebhookUpdateRequestPartial"
    return None
