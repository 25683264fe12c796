"""Many jobs from one command: `{red, blue}` and `--repeat`, each its own job, confirmed before they start."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot.domain.model import Options
from bot.domain.prompting.prompt import expand, parse, render
from bot.domain.prompting.repeats import repeated
from bot.errors import AskersOnly, BadOption, JobNotFound
from bot.ui.content.buttons import permute_view
from bot.ui.content.custom_ids import ButtonId
from bot.ui.interactions.answer import Answer, Pressed
from bot.ui.interactions.lists import as_it_stands
from bot.ui.interactions.submissions import check_number, submit_rest

LONGEST_ECHO = 1700
"""The confirmation carries the prompt in its own text, so that the button works after a restart."""
_FENCE = re.compile(r"```\n(?P<prompt>.+)\n```", re.DOTALL)


async def offer(interaction: Pressed, answer: Answer, options: Sequence[Options], compact: str) -> None:
    """Ask for confirmation of several jobs. Raises `BadOption` for prompts too long to be stored in the message."""
    asked = repeated(options)
    check_number(interaction, len(asked))
    text = _carried(asked, compact, "\n".join(render(one) for one in options))
    note = as_it_stands(*options)
    await answer.private(
        f"This makes **{len(asked)} jobs** of four pictures each, {4 * len(asked)} in all. "
        f"Start them?\n```\n{text}\n```{note}",
        view=permute_view(interaction.user.id),
    )


async def confirmed(interaction: Pressed, pressed: ButtonId) -> None:
    """Start all jobs: read the prompt back from the confirmation; pressed again, start those that are left."""
    async with Answer(interaction) as answer:
        if not pressed.job_id.isdecimal():
            raise JobNotFound(pressed.job_id)
        if pressed.job_id != str(interaction.user.id):
            raise AskersOnly(int(pressed.job_id))
        message = interaction.message
        found = _FENCE.search(message.content) if message else None
        if message is None or found is None:
            raise BadOption("prompt", "it cannot be read any more; type the command again")
        await answer.goes_on()
        asked = jobs_of(found["prompt"])
        if not await submit_rest(interaction, answer, asked, asked_by=message.id):
            await answer.private("These are started already; type the command again for more.")


def jobs_of(text: str) -> list[Options]:
    """Return the options of every job that the text stands for: each permutation, `--repeat` times."""
    return repeated([parse(prompt) for line in text.splitlines() for prompt in expand(line)])


def _carried(asked: list[Options], *texts: str) -> str:
    """Return the first of the texts that fits and is read back as exactly these jobs."""
    for text in texts:
        if text and len(text) <= LONGEST_ECHO and "```" not in text and jobs_of(text) == asked:
            return text
    raise BadOption("prompt", f"with {{…}} or --repeat it may have at most {LONGEST_ECHO} characters, and no ```")
