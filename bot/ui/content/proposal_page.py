"""A proposed prompt: what is new and what is gone, marked, and the text that its buttons read back."""

from __future__ import annotations

import re
from collections.abc import Sequence

import discord

from bot.domain.prompting.differences import steps
from bot.domain.prompting.prompt import shorten
from bot.errors import BadOption
from bot.ui.content.texts import MESSAGE_LIMIT, safe

LONGEST = 900
"""The message carries the text, so that its buttons work after a restart, and shows the difference beside it."""
_FENCE = re.compile(r"```\n(?P<text>[^`]+)\n```")
_WHY = 300


def proposal_text(before: str, after: str, why: str, lost: Sequence[str] = ()) -> str:
    """The message. Raises `BadOption` for a text too long to be carried by it."""
    if len(after) > LONGEST or "`" in after:
        raise BadOption("prompt", f"a proposal has at most {LONGEST} characters, and no `; shorten the prompt")
    marked = [safe(words) if kind == " " else f"**{safe(words)}**" if kind == "+" else f"~~{safe(words)}~~"
              for kind, words in steps(before, after)]  # fmt: skip
    left_out = f"\n-# Left out: {safe('; '.join(lost))}" if lost else ""
    head, fence = shorten(why, _WHY), f"```\n{after}\n```"
    room = MESSAGE_LIMIT - len(head) - len(fence) - 2
    return f"{head}\n{shorten(' '.join(marked) + left_out, room)}\n{fence}"


def proposed_in(message: discord.Message | None) -> str:
    """The text of a proposal. Raises `BadOption` where the message holds none."""
    found = _FENCE.search(message.content) if message else None
    if found is None:
        raise BadOption("prompt", "it cannot be read any more; type the command again")
    return found["text"]
