"""Exquisite corpse: the lines of a chain become the bands of one picture. Pure.

Who words a band sees only the edge that it joins; a reveal stops after each band that was drawn.
"""

from __future__ import annotations

import enum

from bot.domain.games.chains import Chain

BANDS = 3
"""How many bands there are where nobody says it: head, middle and feet."""
EDGE = 0.25
"""How much of the picture is the joining edge, as a share of its shorter side: all that the next band goes on from."""
TRIM = 0.1875
"""How much is cut off first where it grows, as a share of the shorter side: so a band goes on from inside a thing."""
GROWTH = 0.75
"""By how much a band makes the picture longer, as a share of its shorter side."""


class Shape(enum.StrEnum):
    """Where the next band joins. The values stand in the database: never change one."""

    TALL = "tall"
    """Below."""
    WIDE = "wide"
    """At the right."""

    @property
    def pan(self) -> tuple[float, float, float, float]:
        """What is added left, right, at the top and at the bottom, in shares of the shorter side."""
        return (0.0, GROWTH, 0.0, 0.0) if self is Shape.WIDE else (0.0, 0.0, 0.0, GROWTH)


def stops(chain: Chain) -> tuple[int, ...]:
    """The lines after which the reveal of a chain stops; a line without a band of its own comes with the next one."""
    drawn = [number for number, line in enumerate(chain) if line.job_id is not None and not line.is_asleep]
    return (*drawn[:-1], len(chain) - 1)
