"""How long the phases of a chain game last."""

from __future__ import annotations

from bot.domain.model import Value


class Tempo(Value):
    """Seconds of each phase."""

    lobby_s: float
    write_s: float
    show_s: float
    """For a whole chain."""
    band_s: float
    """For a band of a corpse that others follow."""
    figure_s: float
    """For a whole corpse."""
    best_s: float


LIVE = Tempo(lobby_s=60.0, write_s=60.0, show_s=20.0, band_s=3.0, figure_s=8.0, best_s=40.0)
SLOW = Tempo(lobby_s=86400.0, write_s=86400.0, show_s=120.0, band_s=20.0, figure_s=120.0, best_s=3600.0)
