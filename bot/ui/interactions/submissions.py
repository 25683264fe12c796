"""What a form asks for: one job, or several where `--repeat` or {…} stands in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from bot.domain.model import JobSpec, Options
from bot.domain.prompting.repeats import repeated
from bot.errors import BadOption
from bot.ui.interactions import submission
from bot.ui.interactions.answer import Answer, Pressed

FOLLOWUPS = 5
"""Discord's limit on answers to one interaction where the app is only installed by the member."""


def check_number(interaction: Pressed, jobs: int) -> None:
    """Raise `BadOption` for more jobs than can be answered in this place."""
    if jobs > FOLLOWUPS and not submission.place_of(interaction).bot_present:
        raise BadOption("prompt", f"where I am not a member of the server, at most {FOLLOWUPS} jobs start at once")


async def submit(
    interaction: Pressed, answer: Answer, options: Iterable[Options], wish: Callable[[Options], JobSpec]
) -> None:
    """Ask for each; `wish` makes a job's spec of its options. Raises as `asking.submit`, for what is left."""
    wishes = repeated(options)
    check_number(interaction, len(wishes))
    for index, one in enumerate(wishes):
        await submission.submit(interaction, answer, wish(one), index=index)
