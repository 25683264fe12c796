"""What we send, checked against the description of Discord's API."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from referencing import Registry, Resource

from bot.domain.model import Preferences
from bot.ui.content.custom_ids import Act, ButtonId
from bot.ui.interactions.command_sync import command_payload
from tests.bot.world import World

DOCUMENT = Path(os.environ.get("DISCORD_OPENAPI", Path(__file__).parents[4] / "shared" / "discord-openapi.json"))
pytestmark = pytest.mark.skipif(not DOCUMENT.exists(), reason="Discord's OpenAPI document is not beside the checkout")


MEDIA_CHANNEL = 16
"""In Discord's documentation, not in the description yet; discord.py names it wherever a forum is allowed."""
NASTY = {
    "emoji": "🦊" * 6000,
    "markdown": "**_~~||`[x](https://x.y)`||" * 200 + " @everyone <@1> <#2> <@&3>",
    "zalgo from right to left": "\u202e" + "z\u0334\u0322\u0349" * 1400 + "\u200b\u2066",
    "fences": "```\n" * 1000 + "\\" * 1000,
    "flags": "a fox --no " + "x" * 1900 + " --ar 3:2 --cfg 5 --seed 4294967295",
}
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


MOST = {"content": 2000, "custom_id": 100, "placeholder": 150, "description": 4096, "value": 4000}
LABELS = {2: 80, 18: 45}
"""By type of component; of an option of a menu 100."""


def too_long(node: Any) -> list[str]:
    """What is longer than Discord takes, where its description does not say so."""
    if isinstance(node, list):
        return [found for inner in node for found in too_long(inner)]
    if not isinstance(node, dict):
        return []
    most = {**MOST, "label": LABELS.get(node.get("type"), 100), "title": 45 if "components" in node else 256}
    found = [
        f"{key}: {len(node[key])}" for key in most if isinstance(node.get(key), str) and len(node[key]) > most[key]
    ]
    whole = sum(len(text) for embed in node.get("embeds") or [] for text in _texts(embed))
    return found + [f"embeds: {whole}"] * (whole > 6000) + too_long(list(node.values()))


def _texts(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _texts(inner)


async def test_every_command_is_one_discord_takes(world: World) -> None:
    for command in await command_payload(world.env.bot.tree):
        found = fault("ApplicationCommandUpdateRequest", plain(command))
        assert not found, (command["name"], found)


async def test_a_wrong_command_is_found(world: World) -> None:
    wrong = dict(next(iter(await command_payload(world.env.bot.tree))))
    assert fault("ApplicationCommandUpdateRequest", {**wrong, "name": "x" * 33})


async def test_a_whole_conversation_is_one_discord_takes(world: World) -> None:
    await world.ada.slash(world.channel, "imagine", prompt="a red fox")
    await world.job_service.done()
    post = (await world.ada.click(world.messages[-1], label="U1")).response
    assert post is not None
    await world.ada.click(post, label="Vary region")
    await world.ada.click(post, label="Custom zoom")
    await world.ada.slash(world.channel, "info me")

    assert taken(world) >= 6


async def test_an_album_is_one_discord_takes(world: World) -> None:
    await world.members.prefer(world.ada.id, Preferences(results="album"))
    for prompt in ("a red fox", *NASTY.values()):
        await world.ada.slash(world.channel, "imagine", prompt=prompt)
        await world.job_service.done()
    await world.ada.slash(world.channel, "show", job="job0000001")
    albums = [
        entry.json
        for entry in world.env.http_requests
        if isinstance(entry.json, dict) and entry.json.get("flags", 0) & 1 << 15
    ]
    assert len(albums) >= 4 and taken(world) >= 5


@pytest.mark.parametrize("prompt", NASTY.values(), ids=NASTY)
async def test_the_nastiest_words_make_messages_discord_takes(world: World, prompt: str) -> None:
    await world.ada.slash(world.channel, "imagine", prompt=prompt)
    await world.job_service.done()
    grid = world.messages[-1]
    post = (await world.ada.click(grid, label="U1")).response
    assert post is not None
    await world.ada.click(grid, custom_id=str(ButtonId(Act.RECIPE, "job0000001")))
    for label in ("Vary region", "Custom zoom", "Describe"):
        await world.ada.click(post, label=label)
    await world.ada.slash(world.channel, "settings", suffix=prompt[-400:].replace("--", ""), remix=True)
    await world.env.advance_time(5)
    await world.ada.click(grid, label="V1")
    world.job_service.gate.clear()
    await world.ada.slash(world.channel, "imagine", prompt="{a, b} " + prompt[:900])
    await world.ada.slash(world.channel, "imagine", prompt=prompt[:5000])
    for name in ("queue", "info me"):
        await world.ada.slash(world.channel, name)
    await world.ada.slash(world.channel, "imagine", prompt="x", negative=prompt[:2000], model=prompt[:100])
    await world.ada.autocomplete(world.channel, "show", "job", "")
    await world.ada.autocomplete(world.channel, "cancel", "job", "")
    await world.ada.slash(world.channel, "show", job=prompt[:100])
    world.job_service.gate.set()
    await world.job_service.done()
    await world.ada.react(grid, "✉️")
    assert taken(world) >= 15
    assert all(len(message.content) <= 2000 and "@everyone" not in message.content for message in world.messages)


def taken(world: World) -> int:
    """How many of our messages Discord takes; fails with the first that it would not."""
    seen = 0
    for entry in world.env.http_requests:
        assert not (found := too_long(entry.json)), (entry.method, entry.path, found)
        if schema := _schema(entry.method, entry.path, entry.json):
            seen += 1
            assert not (found := fault(schema, plain(entry.json))), (entry.method, entry.path, found)
    return seen


def _schema(method: str, path: str, payload: Any) -> str | None:
    if payload is not None and path.endswith("/callback"):
        return CALLBACKS[payload["type"]]
    if payload is not None and method == "PATCH" and path.startswith("/webhooks/"):
        return "IncomingWebhookUpdateRequestPartial"
    return None
