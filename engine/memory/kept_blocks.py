"""Which blocks of a streamed denoiser stay on the device, where it has room for some. Pure and torch-free."""

from __future__ import annotations

from collections.abc import Sequence


def blocks_that_stay(sizes: Sequence[int], room: int) -> frozenset[int]:
    """The numbers of the blocks that stay: as many as fit in `room` bytes, of blocks of `sizes` bytes in their order.

    The others are spread evenly, each behind blocks that stay, so that it arrives while those compute: copies of
    neighbours would wait for one another (`darkroom bench --suite kept-blocks`).
    """
    total, count = sum(sizes), len(sizes)
    for streamed in range(count + 1):
        away = {(turn + 1) * count // streamed - 1 for turn in range(streamed)}
        spare = room - total + sum(sizes[number] for number in away)
        if spare >= 0:
            return frozenset(range(count)) - (away - _that_fit(sizes, away, spare))
    return frozenset()


def _that_fit(sizes: Sequence[int], away: set[int], spare: int) -> set[int]:
    """Those of the blocks for which there is room after all: blocks need not be of one size."""
    found: set[int] = set()
    for number in sorted(away, key=lambda number: (-sizes[number], number)):
        if sizes[number] <= spare:
            found.add(number)
            spare -= sizes[number]
    return found
