"""Many jobs from one interaction: prompts with `--repeat` or {…}."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from bot.domain.model import JobSpec, Options, Verb
from bot.domain.prompting.repeats import repeated
from bot.errors import AlreadyAsked, BadOption
from bot.ui.interactions import submission
from bot.ui.interactions.answer import Answer, Pressed
from bot.ui.interactions.asker import place_of

FOLLOWUPS = 5
"""Discord's limit on answers to one interaction where the app is only installed by the member."""


def check_number(interaction: Pressed, jobs: int) -> None:
    """Raise `BadOption` for more jobs than can be answered in this place."""
    if jobs > FOLLOWUPS and not place_of(interaction).bot_present:
        raise BadOption("prompt", f"where I am not a member of the server, at most {FOLLOWUPS} jobs start at once")


async def submit_each(
    interaction: Pressed, answer: Answer, options: Iterable[Options], spec_of: Callable[[Options], JobSpec]
) -> None:
    """Submit a job for each of the options; `spec_of` makes a job's spec from them.

    Raises what `submission.submit` raises; jobs before that one are submitted, those behind it are not.
    """
    repeats = repeated(options)
    check_number(interaction, len(repeats))
    for index, one in enumerate(repeats):
        await submission.submit(interaction, answer, spec_of(one), index=index)


async def submit_rest(interaction: Pressed, answer: Answer, asked: Iterable[Options], *, asked_by: int | None) -> bool:
    """Submit the jobs from words that no earlier press of the same button has submitted; False where none was left.

    `asked_by` is the message with the button. True, too, where an earlier process was interrupted in the answer.
    Raises what `submission.submit` raises.
    """
    started = 0
    for index, options in enumerate(asked):
        spec = submission.spec(Verb.IMAGINE, options)
        try:
            await submission.submit(interaction, answer, spec, index=index, asked_by=asked_by)
            started += 1
        except AlreadyAsked:
            if answer.is_taken_up:
                answer.hand_over()  # the first message is the reply of that job
    return started > 0 or answer.is_taken_up
