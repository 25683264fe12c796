"""Commands and buttons as another client or another version knew them: nothing is done with what does not fit."""

from __future__ import annotations

from typing import Any

import pytest
from discord.app_commands import Choice
from discord.ui import Button, View

from bot.client import OUTDATED_BUTTON, OUTDATED_COMMAND
from tests.bot.court import said
from tests.bot.world import World


def declare(world: World, patch: pytest.MonkeyPatch, command: str, option: str, **newer: Any) -> None:
    """Let the bot take something else by now than what Discord knows; bots of one process share declarations."""
    found: Any = world.bot.tree.get_command(command)
    for name, value in newer.items():
        patch.setattr(found._params[option], name, value)


@pytest.mark.parametrize(
    ("option", "value", "newer"),
    [
        ("steps", 400, {"max_value": 300}),
        ("guidance", 0.5, {"min_value": 1.0}),
        ("aspect", "3:2", {"min_value": 4}),
        ("control_type", "edges", {"choices": [Choice(name="a new one", value="new")]}),
    ],
)
async def test_a_value_of_before_is_not_taken(
    world: World, monkeypatch: pytest.MonkeyPatch, option: str, value: Any, newer: dict[str, Any]
) -> None:
    declare(world, monkeypatch, "imagine", option, **newer)

    answer = said(await world.ada.slash(world.channel, "imagine", prompt="a fox", **{option: value}))

    assert answer == f"`{option}`: {OUTDATED_COMMAND}" and not world.job_service.asks and not world.messages


async def test_a_command_of_before_is_answered(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.bot.tree.remove_command("queue")

    assert said(await world.ada.slash(world.channel, "queue")) == OUTDATED_COMMAND
    assert "Traceback" not in caplog.text
    vars(world.env)["_errors"].clear()  # SimCord notes what the tree was told


@pytest.mark.parametrize("custom_id", ["dr:zz:0123456789:0", "dr-round:q:0123456789abcdef:1", "mod:zz:0123456789", "x"])
async def test_a_button_of_another_version_is_answered(world: World, custom_id: str) -> None:
    view = View(timeout=None)
    view.add_item(Button(label="Later", custom_id=custom_id))
    view.stop()
    await world.bot.get_partial_messageable(world.channel.id).send("of tomorrow", view=view)

    assert said(await world.ada.click(world.messages[-1], label="Later")) == OUTDATED_BUTTON
