"""What comes over the gateway before discord.py reads it."""

from __future__ import annotations

from typing import Any

import pytest

from bot.ui.interactions.gateway_guard import GatewayGuard


def test_what_cannot_be_read_is_logged_and_let_go(caplog: pytest.LogCaptureFixture) -> None:
    def parse(payload: dict[str, Any]) -> None:
        del payload["guild"]

    parsers = {"GUILD_CREATE": parse}
    GatewayGuard(parsers)
    parsers["GUILD_CREATE"]({})
    assert "could not be read" in caplog.text


def test_an_interaction_is_heard_once() -> None:
    heard: list[dict[str, Any]] = []
    parsers = {"INTERACTION_CREATE": heard.append, "MESSAGE_DELETE": heard.append}
    events = GatewayGuard(parsers)
    for number in (1, 2, 1):
        parsers["INTERACTION_CREATE"]({"id": str(number), "type": 2})
    assert [payload["id"] for payload in heard] == ["1", "2"]
    assert events.at_hand(2) == {"id": "2", "type": 2}
    events.answered(2)
    parsers["INTERACTION_CREATE"]({"id": "5", "type": 4})
    assert events.at_hand(2) is events.at_hand(5) is None, "what is only typed is not kept"
    heard.pop()
    for _ in range(2):
        parsers["MESSAGE_DELETE"]({"id": "3"})
    assert len(heard) == 4


def test_what_no_database_takes_is_left_out_of_an_interaction() -> None:
    heard: list[dict[str, Any]] = []
    parsers = {"INTERACTION_CREATE": heard.append}
    GatewayGuard(parsers)
    typed = {"options": [{"name": "job", "value": "a\0b \ud800"}]}
    parsers["INTERACTION_CREATE"]({"id": "1", "type": 2, "data": typed, "member": {"nick": "\udfff"}})
    [payload] = heard
    assert payload["data"]["options"][0]["value"] == "ab ?" and payload["member"] == {"nick": "?"}
