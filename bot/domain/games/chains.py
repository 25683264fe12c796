"""The chains of a telephone game: lines that pass from member to member, each with the picture drawn of it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

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
    """Who writes line `step` of a chain: a Latin shift, so that nobody meets a chain twice."""
    return order[(chain + step) % len(order)]


def chain_of(order: Sequence[int], member_id: int, step: int) -> int:
    """The chain that a member holds at a step. Raises `ValueError` for others."""
    return (order.index(member_id) - step) % len(order)


def asleep(chain: Chain, author: int, opening: str) -> Line:
    """What stands for a line that nobody wrote: the one before, or `opening` where there is none."""
    if not chain:
        return Line(author=None, text=opening)
    return chain[-1].model_copy(update={"author": author, "is_asleep": True})


def pictures_of(chain: Chain) -> tuple[str, ...]:
    """The jobs of a chain's pictures in their order, each once."""
    return tuple(dict.fromkeys(line.job_id for line in chain if line.job_id))
