"""Buttons at a message's corner that SimCord's page lacks: reactions, and the bot's context menus under "Apps"."""

# pyright: reportPrivateUsage=false
# (see the package's docstring)

from __future__ import annotations

import contextlib
import html
import secrets
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from simcord.backend.errors import SetupError
from simcord.results import ResponseMessage

from bot.commands.buttons.context_menus import menus

REACT, MENU = "react", "menu"
_REACTIONS: Mapping[str, str] = MappingProxyType(
    {"⭐": "Keep as a favourite", "✉️": "Send me the pictures", "❌": "Cancel or delete"}
)


def buttons() -> str:
    """Return the buttons as an HTML template; the page's script adds them to each message with pictures."""
    reactions = "".join(_button(REACT, emoji, emoji, title) for emoji, title in _REACTIONS.items())
    apps = "".join(_button(MENU, menu.name, menu.name, "") for menu in menus())
    opened = f'<details class="apps"><summary class="message-action-button">Apps</summary><div>{apps}</div></details>'
    return f'<template id="playground-gestures">{reactions}{opened}</template>'


def _button(gesture: str, name: str, label: str, title: str) -> str:
    name, label, title = html.escape(name), html.escape(label), html.escape(title or label)
    return (
        f'<button type="button" class="message-action-button" data-gesture="{gesture}" data-name="{name}" '
        f'title="{title}" aria-label="{title}">{label}</button>'
    )


async def act(preview: Any, context_id: str | None, body: Mapping[str, Any]) -> dict[str, Any]:
    """Add or remove a reaction, or run a context menu, as the page's member; open a form that is the answer.

    A message that was deleted meanwhile is ignored. A slow answer appears on the page later.
    """
    page = preview._get_page(context_id)
    with contextlib.suppress(SetupError, TimeoutError):
        await _do(preview, page, body)
    preview.renderer.publish(page)
    return {}


async def _do(preview: Any, page: Any, body: Mapping[str, Any]) -> None:
    stored = preview._target_message(page, int(body["target_id"]))
    message = ResponseMessage(preview.env, stored)
    if body["kind"] == REACT:
        reaction = stored.reaction_for(body["name"])
        is_set = reaction is not None and page.viewer.id in reaction.user_ids
        await page.viewer.set_reaction(message, body["name"], reacted=not is_set)
        return
    answer = await page.viewer.context_menu(preview.channel, body["name"], message)
    if answer.modal is not None:
        page.modal, page.modal_handle = answer, "m_" + secrets.token_urlsafe(12)
