"""The chains of a telephone game: lines that pass from member to member, each with the picture drawn of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bot.domain.model import Value


class Line(Value):
    """What one member wrote, and the picture of it."""

    author: int | None
    """None: the bot wrote it, because nobody else did."""
    text: str
    job_id: str | None = None
    is_asleep: bool = False
    """`author` did not write in time: the line before, with its picture, went on unchanged."""
    why: str = ""
    """Why there is no picture."""


Chain = tuple[Line, ...]


def holder(order: Sequence[int], chain: int, step: int) -> int:
    """Who writes line `step` of a chain: a Latin shift, so that nobody meets a chain twice; 0: they are forgotten."""
    return order[(chain + step) % len(order)]


def chain_of(order: Sequence[int], member_id: int, step: int) -> int:
    """The chain that a member holds at a step. Raises `ValueError` for others."""
    return (order.index(member_id) - step) % len(order)


def asleep(chain: Chain, author: int | None, opening: str) -> Line:
    """What stands for a line that nobody wrote: the one before, or `opening` where there is none."""
    if not chain:
        return Line(author=None, text=opening)
    return chain[-1].model_copy(update={"author": author, "is_asleep": True})


def pictures_of(chain: Chain) -> tuple[str, ...]:
    """The jobs of a chain's pictures in their order, each once."""
    return tuple(dict.fromkeys(line.job_id for line in chain if line.job_id))


def picture_of(chain: Chain) -> str | None:
    """The job of a chain's newest picture."""
    return next((line.job_id for line in reversed(chain) if line.job_id), None)


def lined(chains: Sequence[Chain], changes: Mapping[int, Mapping[str, Any]]) -> tuple[Chain, ...]:
    """With changes to the last lines of some chains."""
    return tuple(
        (*lines[:-1], lines[-1].model_copy(update=dict(changes[chain]))) if chain in changes else lines
        for chain, lines in enumerate(chains)
    )


def without(chains: Sequence[Chain], member_id: int) -> tuple[Chain, ...]:
    """Without the words and the name of a member."""
    gone = {"author": None, "text": ""}
    return tuple(
        tuple(line.model_copy(update=gone) if line.author == member_id else line for line in chain) for chain in chains
    )


def best_of(showable: Sequence[int], marks: Sequence[int], order: Sequence[int]) -> int | None:
    """The chain with the most marks; the one that comes later in `order` wins a tie, None where nobody marked any."""
    liked = [chain for chain in showable if chain in marks]
    return max(liked, key=lambda chain: (marks.count(chain), order[chain]), default=None)
