"""Which blocks of a streamed denoiser stay on the device, where it has room for some. Pure and torch-free."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from engine.memory.model_sizes import ComponentSizes, ModelSizes
from engine.memory.plan import ComponentPlan, MemoryPlan


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


def keep_blocks(sizes: ModelSizes, streamed: MemoryPlan, grid: MemoryPlan) -> MemoryPlan:
    """A plan that streams whole denoisers, with as many of their blocks on the device as find room there.

    `grid` is the same plan for wider passes of denoisers, for which there is to be room too.
    """
    each_pass = zip(streamed.components, grid.components, strict=True)
    passes = tuple(many if one.role == "denoiser" else one for one, many in each_pass)
    room = streamed.usable_bytes - replace(streamed, components=passes).peak_bytes
    components = list[ComponentPlan]()
    for each, size in zip(streamed.components, sizes.components, strict=True):
        made = _kept(each, size, max(0, room)) if each.role == "denoiser" and each.away_bytes else each
        room -= made.lasting_bytes - each.lasting_bytes
        components.append(made)
    made = replace(streamed, components=tuple(components), residency="partly_streamed")
    return streamed if made.streamed_bytes == streamed.streamed_bytes else made


def _kept(streamed: ComponentPlan, sizes: ComponentSizes, room: int) -> ComponentPlan:
    blocks = sizes.block_bytes(streamed.storage, streamed.compute)
    if sum(blocks) <= room + two_largest(blocks):  # where none passes through, nothing is needed for those that do
        room = sum(blocks)
    stay = blocks_that_stay(blocks, room)
    lasting = streamed.lasting_bytes + sum(blocks[number] for number in stay)
    return replace(streamed, lasting_bytes=lasting, device_bytes=lasting + two_largest(blocks, stay), room_bytes=room)


def two_largest(blocks: Sequence[int], stay: Collection[int] = ()) -> int:
    """Bytes of blocks that pass through, but for those that stay: while one computes, the next is on its way."""
    return sum(sorted((size for number, size in enumerate(blocks) if number not in stay), reverse=True)[:2])
