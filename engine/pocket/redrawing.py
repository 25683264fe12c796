"""Things that new words put in place of old ones: placed where a picture has those."""

# torch leaves many types open
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.pocket.boxes import Box
from engine.pocket.framing import Frame
from engine.pocket.outlining import filled, ink
from engine.pocket.palette import COLOURS
from engine.pocket.pose import Pose
from engine.pocket.pose_search import UPRIGHT, pose_in
from engine.pocket.recall import CHANNELS, fitted
from engine.pocket.styles import STYLES

VARIANTS = 4
"""How many ways there are to draw a thing; a cell's seed says which."""
_SEEN = 0.1
"""Opacity from which on a place belongs to a drawing."""
_MARGIN = 2
"""By so many pixels of 64 the place of a drawing is made wider."""
_ALIKE = 0.02
_TILT, _SMALLER = math.radians(4), 0.92


@dataclass(frozen=True)
class Sheets:
    """Drawings in every style (N, 4, 64, 64) as words lay them out; `mirrorable` for each of the `boxes`."""

    drawings: Tensor
    boxes: tuple[Box, ...]
    mirrorable: tuple[bool, ...]


@dataclass(frozen=True)
class Redrawn:
    """Drawings (VARIANTS, N, 4, 64, 64) as a frame has them, and where they or the old ones lie (64, 64), in [0, 1]."""

    drawings: Tensor
    area: Tensor


@dataclass(frozen=True)
class Words:
    """A prompt and the drawings that it brings to mind."""

    text: str
    sheets: Sheets

    @property
    def style(self) -> int | None:
        """The number of the style that is said, the first if there are several."""
        said = re.findall(r"\w+", self.text.lower())
        return next((number for number, style in enumerate(STYLES) if style in said), None)

    @property
    def uncoloured(self) -> list[str]:
        """The words that are no colours."""
        return [word for word in re.findall(r"\w+", self.text.lower()) if word not in COLOURS]


def redrawn(picture: Tensor, old: Words, new: Words) -> Redrawn | None:
    """How the new drawings are placed in a picture (1, 3, H, W) in [0, 1] of the old words.

    None where nothing is drawn anew: outlines stay, the old things are not found, or they are laid out otherwise.
    """
    before, after = old.sheets, new.sheets
    if before.boxes != after.boxes or not after.boxes:
        return None
    if old.uncoloured == new.uncoloured:
        return None  # "green apple" is another drawing than "red apple", but who says so wants this apple in green
    apart = (before.drawings[:, 3] - after.drawings[:, 3]).abs().amax(0)
    if float(apart.max()) < _ALIKE:
        return None
    if len(after.boxes) > 1:
        return _in_boxes(picture, before, after, apart, new.style)
    return _alone(picture, before, after, new.style)


def thing_in(picture: Tensor, words: Words) -> Tensor | None:
    """Where the things of some words are in a picture (1, 3, H, W) in [0, 1]: (H, W) booleans; None if not seen."""
    alone, mirrorable = len(words.sheets.boxes) == 1, words.sheets.mirrorable[:1] == (True,)
    flat = words.sheets.drawings.flatten(0, 1)[None]
    pose = pose_in(picture, flat, alone=alone, mirrorable=mirrorable) if words.sheets.boxes else None
    if pose is None:
        return None
    height, width = picture.shape[2:]
    drawn = fitted(_frame(picture).drawings(flat, pose), height, width).unflatten(1, (-1, CHANNELS))[0, :, 3].amax(0)
    near = F.max_pool2d((drawn > _SEEN).float()[None, None], 5, stride=1, padding=2)[0, 0] > 0
    return filled(ink(picture * 2 - 1))[0] & near


def _alone(picture: Tensor, old: Sheets, new: Sheets, named: int | None) -> Redrawn | None:
    flat = old.drawings.flatten(0, 1)[None]
    pose = pose_in(picture, flat, alone=True, mirrorable=old.mirrorable[0])
    if pose is None:
        return None
    frame = _frame(picture)
    before = frame.drawings(flat, pose).unflatten(1, (-1, CHANNELS))[0]
    placed: list[Tensor] = []
    for number in range(VARIANTS):
        sheets = _recalled(new.drawings, number, named)
        standing = _varied(pose, number, mirrorable=new.mirrorable[0])
        placed.append(frame.drawings(sheets.flatten(0, 1)[None], standing).unflatten(1, (-1, CHANNELS))[0])
    drawings = torch.stack(placed)
    return Redrawn(drawings, _area(before[:, 3].amax(0), drawings))


def _in_boxes(picture: Tensor, old: Sheets, new: Sheets, apart: Tensor, named: int | None) -> Redrawn | None:
    if pose_in(picture, old.drawings.flatten(0, 1)[None], alone=False, mirrorable=False) is None:
        return None
    changed = [float(apart[top : top + edge, left : left + edge].max()) >= _ALIKE for edge, left, top in new.boxes]
    placed = torch.stack([new.drawings] * VARIANTS)
    before = torch.zeros_like(apart)
    for (edge, left, top), mirrorable, is_new in zip(new.boxes, new.mirrorable, changed, strict=True):
        if not is_new:
            continue
        box = (..., slice(top, top + edge), slice(left, left + edge))
        before[box] = old.drawings[:, 3].amax(0)[box]
        every = torch.ones(len(new.drawings), dtype=torch.bool)
        for number in range(VARIANTS):
            pose = _varied(UPRIGHT, number, mirrorable=mirrorable)
            placed[number][box] = pose.place(_recalled(new.drawings[box], number, named), every, every)
    inside = torch.zeros_like(apart)
    for (edge, left, top), is_new in zip(new.boxes, changed, strict=True):
        inside[top : top + edge, left : left + edge] = float(is_new)
    return Redrawn(placed, _area(before, placed * inside) * inside)


def _frame(picture: Tensor) -> Frame:
    height, width = picture.shape[2:]
    return Frame((width, height), (0.0, 0.0, 1.0, 1.0), (width, height))


def _recalled(drawings: Tensor, number: int, named: int | None) -> Tensor:
    """The drawings (N, 4, H, W) that a variant looks at: all, or those of one style, which words may name."""
    drawn = drawings[:, 3].flatten(1).amax(1) > _SEEN
    one = (number - 1) % len(drawn) if named is None else named
    is_alone = number > 0 if named is None else number % 2 == 1
    kept = torch.arange(len(drawn)) == one if is_alone and bool(drawn[one]) else drawn
    return drawings * kept[:, None, None, None]


def _varied(pose: Pose, number: int, *, mirrorable: bool) -> Pose:
    """The pose of a variant: as it is, the other way round, tilted and smaller, both."""
    turns = (0.0, 0.0 if mirrorable else -1.0, 1.0, -1.0 if mirrorable else 0.0)
    smaller = (1.0, 1.0, _SMALLER, _SMALLER)
    scale = pose.scale * smaller[number]
    mirrored = pose.mirrored ^ (mirrorable and bool(number % 2))
    return replace(pose, scale=scale, turn=pose.turn + turns[number] * _TILT, mirrored=mirrored)


def _area(before: Tensor, drawings: Tensor) -> Tensor:
    seen = torch.maximum(before, drawings[:, :, 3].amax((0, 1))) > _SEEN
    return F.max_pool2d(seen.float()[None, None], 2 * _MARGIN + 1, stride=1, padding=_MARGIN)[0, 0]
