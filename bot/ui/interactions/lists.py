"""`__NAME__` where it is kept for later, or where there is no list of that name."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable

from bot.domain.model import Options, Preferences
from bot.domain.prompting.dynamic_prompts import Lists, lists_in, rolled
from bot.errors import BadOption
from bot.ui.content import texts
from bot.ui.discord_errors import REFUSALS
from bot.ui.interactions.answer import Answer, Pressed

_ECHO = 200

log = logging.getLogger(__name__)


def as_it_stands(*asked: Options) -> str:
    """Say which lists are not there and are drawn as they are written, in one sentence; "" for none."""
    named = lists_in(" ".join(f"{options.prompt} {options.negative}" for options in asked))
    if not named:
        return ""
    is_one = len(named) == 1
    here = "is drawn as it stands: no list of that name is" if is_one else "are drawn as they stand: no such lists are"
    return f"ℹ️ {texts.echo(', '.join(named), _ECHO)} {here} here."


async def tell(answer: Answer, options: Options) -> None:
    """Say it privately. The job is accepted: that this cannot be said changes nothing."""
    if said := as_it_stands(options):
        try:
            await answer.private(said)
        except REFUSALS as error:
            log.info("note not sent: %s", error, extra={"action": "lists"})


async def with_lines(preferences: Preferences, roll: Callable[[str], Awaitable[str]]) -> Preferences:
    """Return the settings with lines in place of the lists in sets and suffix; one that is not there stays."""

    async def chosen(text: str) -> str:
        try:
            return await roll(text) if lists_in(text) else text
        except BadOption:
            return text

    sets = tuple([(name, await chosen(text)) for name, text in preferences.sets])
    return preferences.model_copy(update={"sets": sets, "suffix": await chosen(preferences.suffix)})


async def require_lists(interaction: Pressed, text: str) -> None:
    """Raise `BadOption` for a list in a text to be kept that is not there."""
    if not (named := lists_in(text)):
        return
    wildcards = interaction.client.services.wildcards
    lists: Lists = {} if wildcards is None else await wildcards.all()
    if not lists:
        raise BadOption(named[0][:60], "this host has no lists, so it would be drawn as it stands; leave it out")
    rolled(text, lists, secrets.SystemRandom())
