"""Where drawings stand in a picture of 64 x 64, by what its words say."""

SIZE = 64
"""Edge of a training picture in pixels."""

Box = tuple[int, int, int]
"""Edge, left, top of one drawing in the picture, pixels."""

SINGLE: tuple[Box, ...] = ((SIZE, 0, 0),)
SMALL: tuple[Box, ...] = ((32, 16, 16),)
BESIDE: tuple[Box, ...] = ((32, 0, 16), (32, 32, 16))
STACKED: tuple[Box, ...] = ((32, 16, 0), (32, 16, 32))
THREE: tuple[Box, ...] = ((32, 16, 0), (32, 0, 32), (32, 32, 32))
FOUR: tuple[Box, ...] = ((32, 0, 0), (32, 32, 0), (32, 0, 32), (32, 32, 32))
GRID: tuple[Box, ...] = tuple((20, 2 + 20 * (i % 3), 2 + 20 * (i // 3)) for i in range(9))
FIVE, SIX, SEVEN, EIGHT = (
    tuple(GRID[place] for place in places)
    for places in ((0, 2, 4, 6, 8), (0, 1, 2, 6, 7, 8), (0, 2, 3, 4, 5, 6, 8), (0, 1, 2, 3, 5, 6, 7, 8))
)
"""Places of the grid; training never painted these."""
