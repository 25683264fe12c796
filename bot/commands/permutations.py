"""Many jobs from one command: `{red, blue}` and `--repeat`, each its own job, confirmed before they start."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Sequence

from bot.domain.model import Options, Verb
from bot.domain.permutations import MAX_PERMUTATIONS
from bot.domain.prompt import expand, parse, render
from bot.errors import AlreadyAsked, BadOption, NotTheOwner
from bot.ui import asking
from bot.ui.answer import Answer, Pressed
from bot.ui.buttons import permute_view
from bot.ui.custom_ids import ButtonId

FOLLOWUPS = 5
"""Discord's limit on answers to one interaction where the app is only installed by the member."""
LONGEST_ECHO = 1700
"""The confirmation carries the prompt in its own text, so that the button works after a restart."""
_FENCE = re.compile(r"```\n(?P<prompt>.+)\n```", re.DOTALL)


async def offer(interaction: Pressed, answer: Answer, options: Sequence[Options], compact: str) -> None:
    """Ask before many jobs start. Raises `BadOption` for prompts too long to be carried along."""
    wishes = repeated(options)
    if len(wishes) > FOLLOWUPS and not asking.place_of(interaction).bot_present:
        raise BadOption("prompt", f"where I am not a member of the server, at most {FOLLOWUPS} jobs start at once")
    text = _carried(wishes, compact, "\n".join(render(one) for one in options))
    await answer.private(
        f"This makes **{len(wishes)} jobs** of four pictures each, {4 * len(wishes)} in all. "
        f"Start them?\n```\n{text}\n```",
        view=permute_view(interaction.user.id),
    )


async def confirmed(interaction: Pressed, pressed: ButtonId) -> None:
    """Start all: read the prompt back from the confirmation and ask for each; pressed again, for what is left."""
    async with Answer(interaction) as answer:
        if pressed.job_id != str(interaction.user.id):
            raise NotTheOwner(int(pressed.job_id))
        message = interaction.message
        found = _FENCE.search(message.content) if message else None
        if message is None or found is None:
            raise BadOption("prompt", "it cannot be read any more; type the command again")
        started = 0
        for index, options in enumerate(wishes_of(found["prompt"])):
            with contextlib.suppress(AlreadyAsked):
                wish = asking.spec(Verb.IMAGINE, options)
                await asking.submit(interaction, answer, wish, index=index, asked_by=message.id)
                started += 1
        if not started:
            await answer.private("These are started already; type the command again for more.")


def wishes_of(text: str) -> list[Options]:
    """Every job the text stands for: each line's permutations, each as often as `--repeat` says."""
    return repeated([parse(prompt) for line in text.splitlines() for prompt in expand(line)])


def repeated(options: Iterable[Options]) -> list[Options]:
    """Each as often as it says. Raises `BadOption` for more jobs than one command may start."""
    wishes = [one.model_copy(update={"repeat": 1}) for one in options for _ in range(one.repeat)]
    if len(wishes) > MAX_PERMUTATIONS:
        raise BadOption("--repeat", f"that would be {len(wishes)} jobs; at most {MAX_PERMUTATIONS} start at once")
    return wishes


def _carried(wishes: list[Options], *texts: str) -> str:
    """The first text that fits and is read back as exactly these wishes."""
    for text in texts:
        if text and len(text) <= LONGEST_ECHO and "```" not in text and wishes_of(text) == wishes:
            return text
    raise BadOption("prompt", f"with {{…}} or --repeat it may have at most {LONGEST_ECHO} characters, and no ```")
