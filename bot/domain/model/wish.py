"""What is asked for: a verb, what the prompt says, and the pictures it begins from."""

from __future__ import annotations

import enum
from collections.abc import Collection
from typing import Final

from bot.domain.model.value import Value


class Verb(enum.StrEnum):
    """What a job does."""

    IMAGINE = "imagine"
    REROLL = "reroll"
    VARY_SUBTLE = "vary_subtle"
    VARY_STRONG = "vary_strong"
    REGION = "region"
    ZOOM = "zoom"
    PAN = "pan"
    BLEND = "blend"
    UPSCALE_SUBTLE = "upscale_subtle"
    UPSCALE_CREATIVE = "upscale_creative"
    DESCRIBE = "describe"


class Options(Value):
    """What a prompt says, parsed. `None` means: the member's default, else the model's."""

    prompt: str
    parts: tuple[tuple[str, float], ...] = ()
    """Weighted parts of a multi-prompt, or () for a plain one."""
    negative: str = ""
    aspect: tuple[int, int] | None = None
    seed: int | None = None
    steps: int | None = None
    guidance: float | None = None
    model: str | None = None
    stop: int | None = None
    """Percent of the steps, 10-100."""
    repeat: int = 1
    image_weight: float | None = None
    tile: bool = False
    style: str | None = None
    strength: float | None = None
    loras: tuple[tuple[str, float], ...] = ()


class CellRef(Value):
    """One kept picture: cell `cell` (0-3) of a job."""

    job_id: str
    cell: int


WITHDRAWN: Final = "uploads/withdrawn"
"""Stands for the key of an upload that its uploader has taken back."""


class JobSpec(Value):
    """All that is needed to run a job again from its seed. Pictures are named by key, never held."""

    verb: Verb
    options: Options
    seed: int
    """Fixed when accepted, so that running again gives the same picture."""
    count: int = 4
    width: int | None = None
    height: int | None = None
    source: CellRef | None = None
    """The kept picture this derives from."""
    parent_id: str | None = None
    """The job this was asked from, where that is not the source's (a new seed for the same wish)."""
    images: tuple[str, ...] = ()
    """Keys of uploaded pictures in the picture store."""
    mask: str | None = None
    """Key of the mask (white = redraw)."""
    style_image: str | None = None
    """Key of a picture in whose manner to draw."""
    zoom: float = 1.0
    pan: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    """Shares of the shorter side to add: left, right, top, bottom."""
    factor: float = 4.0
    alone: bool = False
    """Drawn in forward passes of its own, so that nothing depends on who else is there."""

    @property
    def uploads(self) -> frozenset[str]:
        """The keys of all uploaded pictures it names."""
        return frozenset(key for key in (*self.images, self.mask, self.style_image) if key is not None)

    def without_uploads(self, keys: Collection[str]) -> JobSpec:
        """The same, with `WITHDRAWN` in the place of these keys."""
        kept = {key: WITHDRAWN if key in keys else key for key in self.uploads}
        update = {"images": tuple(kept[key] for key in self.images)}
        named = {name: kept[key] for name in ("mask", "style_image") if (key := getattr(self, name)) is not None}
        return self.model_copy(update=update | named)
