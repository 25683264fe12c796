"""The texts of replies: prompt, member, progress, and alt text of pictures."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from discord.utils import escape_markdown, escape_mentions

from bot.domain.model import Cell, Job, JobState, Verb
from bot.domain.ports import PutOff, Shown
from bot.domain.prompting.prompt import render, shorten
from bot.ui.content.cost_texts import cost
from engine import Finished, Progress, Queued, Started

MESSAGE_LIMIT = 2000
ALT_LIMIT = 1024
CONTROL_ALT = "What the model saw of the control picture."
MASK_ALT = "Where the picture was changed: white on black. Edit region changes it somewhere else."
NOT_SHOWN: Mapping[JobState, str] = MappingProxyType(
    {
        JobState.QUEUED: "It is not done yet. Press again in a moment.",
        JobState.RUNNING: "It is not done yet. Press again in a moment.",
        JobState.REVIEW: "A moderator looks at it first.",
        JobState.FAILED: "There is no result: it failed, and no picture was charged.",
        JobState.CANCELLED: "There is no result: it was cancelled.",
    }
)
"""Why a job has nothing to show."""
_ECHO = 1400
_ALT_ECHO = 600
_REASON = 100
_BAR = 12

_OPEN_BRACKET = re.compile(r"(?<!\\)((?:\\\\)*)\[")
"""One that no backslash takes out of action: discord.py escapes only the first of a line's masked links."""


def headline(job: Job, parent_url: str = "") -> str:
    """The prompt with its flags, the act, who asked, and a link to the picture it comes from."""
    said = echo(render(job.spec.options), _ECHO)
    done = "" if job.spec.verb is Verb.IMAGINE else act(job)
    origin = f" · [from this picture]({parent_url})" if parent_url else ""
    prompt = f"**{said}** · " if said and job.spec.verb is not Verb.DESCRIBE else ""
    return f"{prompt}{done + ' · ' if done else ''}<@{job.member_id}>{origin}"


def act(job: Job) -> str:
    """What a job did, in a word or two."""
    return job.spec.verb.done


def echo(text: str, limit: int) -> str:
    """A member's text made safe, in at most `limit` characters: what makes it safe makes it longer, too."""
    return shorten(safe(text), limit)


def fitted(text_of: Callable[[int], str], lengths: Sequence[int]) -> str:
    """The text with the first of the lengths (of what members wrote in it) with which it fits into a message."""
    text = ""
    for length in lengths:
        text = text_of(length)
        if len(text) <= MESSAGE_LIMIT:
            break
    return shorten(text, MESSAGE_LIMIT)


def safe(text: str) -> str:
    """A member's text with markdown, masked links and mentions taken out of action."""
    return escape_mentions(unmarked(text))


def unmarked(text: str) -> str:
    """Text with markdown and masked links taken out of action; mentions stay."""
    return _OPEN_BRACKET.sub(r"\1\\[", escape_markdown(text))


def live(job: Job, event: Shown, used: str = "") -> str:
    """The whole reply while a job lives, with what is `used` of a limit; room is left for a notice."""
    return f"{headline(job)}\n{status(job, event, used)}"


def status(job: Job, event: Shown, used: str = "") -> str:
    """The line below the headline while a job lives."""
    match event:
        case Queued():
            return f"{waiting(event)} · {cost(job, used)}"
        case Started():
            return "⏳ starting…"
        case Progress():
            return progress(event)
        case Finished():
            return "⏳ developing…"
        case PutOff():
            return _put_off(event)


def _put_off(event: PutOff) -> str:
    why = "my disk is full" if event.is_full else "my storage does not answer"
    return (
        f"⏳ put off: {why}. I try again by myself, and nothing is charged until the result is here. "
        "If it takes long, tell the person who runs me."
    )


def waiting(event: Queued) -> str:
    """ "waiting, 2 ahead of you, about 40 s" with the reason."""
    words = ["⏳ waiting"]
    words.append(f"{event.position} ahead of you" if event.position else "you are next")
    if event.eta_s is not None:
        words.append(f"about {duration(event.eta_s)}")
    line = ", ".join(words)
    return f"{line} ({shorten(event.reason, _REASON)})" if event.reason else line


def progress(event: Progress) -> str:
    """Return a progress bar with the step count as text."""
    share = min(1.0, event.step / event.steps) if event.steps else 0.0
    filled = round(_BAR * share)
    bar = "▰" * filled + "▱" * (_BAR - filled)
    eta = f", about {duration(event.eta_s)} left" if event.eta_s is not None and event.eta_s >= 1 else ""
    return f"{bar} step {event.step} of {event.steps}{eta}"


def duration(seconds: float) -> str:
    """Seconds as people say them."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


def result(job: Job, parent_url: str = "", credit: str = "") -> str:
    """What stands above the finished pictures; `credit` is a line about whose pictures they are made from."""
    notes = "".join(f"\n-# {safe(note)}" for note in job.notes)
    captions = "".join(f"\n{number}. {safe(caption)}" for number, caption in enumerate(job.captions, 1))
    below = f"\n{credit}" if credit else ""
    return shorten(headline(job, parent_url) + captions + notes, MESSAGE_LIMIT - len(below)) + below


def alt_text(job: Job, cell: int | None = None) -> str:
    """What a picture shows, as far as the prompt says it."""
    of = _of_what(job)
    if cell is not None:
        return f"Picture {cell + 1} {of}"[:ALT_LIMIT]
    if job.spec.count == 1:
        return f"A picture {of}"[:ALT_LIMIT]
    return f"{job.spec.count} pictures, numbered left to right, top to bottom, {of}"[:ALT_LIMIT]


def preview_alt(job: Job, event: Progress) -> str:
    """What an unfinished picture is."""
    return f"Unfinished pictures after step {event.step} of {event.steps} {_of_what(job)}"[:ALT_LIMIT]


def _of_what(job: Job) -> str:
    """What a picture shows, or what was done where no words say it."""
    if what := shorten(job.spec.options.prompt, _ALT_ECHO):
        return f"of the prompt: {what}"
    return f"without words ({act(job)})"


def message_url(guild_id: int | None, channel_id: int, message_id: int) -> str:
    """The address of a message."""
    return f"https://discord.com/channels/{guild_id or '@me'}/{channel_id}/{message_id}"


def reply_url(job: Job) -> str:
    """The address of a job's reply; "" where it has none."""
    at = job.reply.message_id
    return "" if at is None else message_url(job.guild_id, job.channel_id, at)


def file_name(job: Job, suffix: str, cell: int | None = None) -> str:
    """A name that says which job it is and holds nothing a member wrote."""
    part = "" if cell is None else f"-{cell + 1}"
    return f"darkroom-{job.id}{part}.{suffix}"


def mask_name(job: Job) -> str:
    """The file name of the mask that an edit found."""
    return f"darkroom-{job.id}-where.png"


def control_name(job: Job) -> str:
    """The file name of the control picture as the model saw it."""
    return f"darkroom-{job.id}-control.png"


_NAMED = re.compile(r"(?:SPOILER_)?darkroom-(?P<job>[0-9a-z]{10})(?:-(?P<cell>[1-9]))?\.\w+")


def named_in(name: str) -> tuple[str, int | None] | None:
    """The job and the cell that a file name of ours tells of, or None for other names."""
    found = _NAMED.fullmatch(name)
    return found and (found["job"], int(found["cell"]) - 1 if found["cell"] else None)


def cell_caption(job: Job, cell: Cell, by: int, parent_url: str, prices: str = "") -> str:
    """What stands above one kept picture, and below it what its buttons cost."""
    said = echo(render(job.spec.options), _ECHO - len(prices))
    origin = f" · [from this grid]({parent_url})" if parent_url else ""
    prompt = f"**{said}** · " if said else ""
    return shorten(f"{prompt}picture {cell.cell + 1}, <@{by}>{origin}{prices}", MESSAGE_LIMIT)
