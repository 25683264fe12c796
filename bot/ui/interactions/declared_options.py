"""Checks options against what their command declares: an older client, or an interaction left by an older bot, may not.

Discord checks them as well, but by the commands that it knew when they were typed.
"""

from __future__ import annotations

from typing import Any

from discord.app_commands import Namespace
from discord.app_commands.commands import Parameter

from bot.ui.interactions.interaction_responder import Pressed


def misfit(interaction: Pressed) -> str | None:
    """Return the name of an option whose value its command does not take; None when all fit."""
    given: Namespace = interaction.namespace
    declared: list[Parameter] = getattr(interaction.command, "parameters", [])  # a context menu has none
    there = (parameter for parameter in declared if parameter.display_name in given)
    return next((one.display_name for one in there if not _takes(one, given[one.display_name])), None)


def _takes(parameter: Parameter, value: Any) -> bool:
    """Whether the value is one of the choices, or its size is within the bounds: of a text, its length."""
    if parameter.choices:
        return value in [choice.value for choice in parameter.choices]
    size = len(value) if isinstance(value, str) else value
    if not isinstance(size, int | float):
        return True
    least, most = parameter.min_value, parameter.max_value
    return (least is None or size >= least) and (most is None or size <= most)
