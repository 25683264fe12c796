"""Commands as an older client, or an older bot, knew them: nothing is done with what does not fit."""

from __future__ import annotations

from typing import Any

import pytest
from discord.app_commands import Choice

from bot.client import OUTDATED_COMMAND
from tests.bot.court import said
from tests.bot.world import World


def declare(world: World, command: str, option: str, **newer: Any) -> None:
    """Let the bot take something else by now than what Discord knows."""
    found: Any = world.bot.tree.get_command(command)
    for name, value in newer.items():
        setattr(found._params[option], name, value)


@pytest.mark.parametrize(
    ("option", "value", "newer"),
    [
        ("steps", 400, {"max_value": 300}),
        ("guidance", 0.5, {"min_value": 1.0}),
        ("aspect", "3:2", {"min_value": 4}),
        ("control_type", "edges", {"choices": [Choice(name="a new one", value="new")]}),
    ],
)
async def test_a_value_of_before_is_not_taken(world: World, option: str, value: Any, newer: dict[str, Any]) -> None:
    declare(world, "imagine", option, **newer)

    answer = said(await world.ada.slash(world.channel, "imagine", prompt="a fox", **{option: value}))

    assert answer == f"`{option}`: {OUTDATED_COMMAND}" and not world.job_service.asks and not world.messages


async def test_a_command_of_before_is_answered(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.bot.tree.remove_command("queue")

    assert said(await world.ada.slash(world.channel, "queue")) == OUTDATED_COMMAND
    assert "Traceback" not in caplog.text
    vars(world.env)["_errors"].clear()  # SimCord notes what the tree was told
