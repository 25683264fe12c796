"""Sixty edits that training never saw as a whole, and whether an edit did what was asked and kept what should stay."""

# torch leaves many types open
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.pocket.everyday import EVERYDAY
from engine.pocket.obedience import HUES, STYLES, Score, colour_pairs, labels_for_ranking
from engine.pocket.outlining import filled, ground, ink, overlap
from engine.pocket.palette import COLOURS, MainColour, rgb
from engine.pocket.text import SentenceEncoder
from engine.pocket.vision import PictureEncoder

Kind = Literal["colour", "background", "style", "one of two"]
EACH = 15
KEPT = 0.8
"""The outline is kept where old and new overlap by this share of both together (intersection over union)."""
_GROUNDS = ("blue", "green", "yellow", "pink", "red", "purple", "orange", "grey")
_SIMPLE = (
    *("red heart", "banana", "rocket", "pizza", "ghost", "panda", "fox", "sunflower", "octopus", "rainbow"),
    *("strawberry", "frog", "crab", "robot", "snail"),
)
_THINGS = (
    *("apple", "rocket", "pizza", "ghost", "panda", "fox", "sunflower", "octopus", "strawberry", "frog", "crab"),
    *("robot", "snail", "star", "house"),
)


@dataclass(frozen=True)
class EditCase:
    """What a picture shows, what it shall show, and the word that makes the difference."""

    kind: Kind
    old: str
    new: str
    word: str


def cases(each: int = EACH) -> list[EditCase]:
    """The list: as many of every kind."""
    painted = [_painted(index, *pair) for index, pair in enumerate(colour_pairs()[: 2 * EACH : 2])]
    kinds = (painted, *([make(i) for i in range(EACH)] for make in (_grounded, _styled, _replaced)))
    return [case for kind in kinds for case in kind[:each]]


def _painted(index: int, colour: str, thing: str) -> EditCase:
    style, other = STYLES[index % 3], HUES[(HUES.index(colour) + 3) % len(HUES)]
    return EditCase("colour", f"{colour} {thing}, {style}", f"{other} {thing}, {style}", other)


def _grounded(index: int) -> EditCase:
    plain = f"{_SIMPLE[index]}, {STYLES[index % 3]}"
    before, after = _GROUNDS[index % 8], _GROUNDS[(index + 3) % 8]
    old = f"{plain} on a {before} background" if index % 2 else plain
    return EditCase("background", old, f"{plain} on a {after} background", after)


def _styled(index: int) -> EditCase:
    before, after = (("3d", "flat"), ("flat", "cartoon"), ("cartoon", "3d"))[index % 3]
    return EditCase("style", f"{_SIMPLE[index]}, {before}", f"{_SIMPLE[index]}, {after}", after)


def _replaced(index: int) -> EditCase:
    stays, goes, comes = (_THINGS[(index + step) % len(_THINGS)] for step in (0, 4, 9))
    style = STYLES[index % 3]
    return EditCase("one of two", f"{stays} next to {goes}, {style}", f"{stays} next to {comes}, {style}", comes)


class EditJudge:
    """Judges pictures (n, 3, 64, 64) in [-1, 1]: is the change there, and is the rest kept?"""

    def __init__(self, judge: PictureEncoder, sentences: SentenceEncoder | None = None) -> None:
        """`judge` learned from other art; the shipped encoder knows the styles that the model draws in."""
        self._judge, self._own = judge, PictureEncoder.load()
        things = [each for each in _THINGS if each not in labels_for_ranking(sorted(EVERYDAY))]
        self._labels = [*labels_for_ranking(sorted(EVERYDAY)), *things]
        self._anchors = (sentences or SentenceEncoder()).embed(self._labels)

    @torch.inference_mode()
    def is_there(self, wanted: Sequence[EditCase], after: Tensor) -> list[bool]:
        """Whether each picture shows what was asked for."""
        found = MainColour.of(torch.cat(((after + 1) / 2, ((1 - after).amax(1, keepdim=True) > 0.25).float()), dim=1))
        _, styles = self._own(after)
        seen, _ = self._judge(after[..., 16:48, 32:])
        ranked = (seen @ self._anchors.T).topk(5).indices.tolist()
        shades = rgb(torch.tensor(list(COLOURS.values())))
        nearest: Tensor = torch.cdist((ground(after) + 1) / 2, shades).argmin(1)
        answers: list[bool] = []
        for row, case in enumerate(wanted):
            match case.kind:
                case "colour":
                    answers.append(_hue(float(found.hue[row])) == case.word)
                case "background":
                    answers.append(tuple(COLOURS)[int(nearest[row])] == case.word)
                case "style":
                    answers.append(self._own.styles[int(styles[row].argmax())] == case.word)
                case "one of two":
                    answers.append(self._labels.index(case.word) in ranked[row])
        return answers

    def is_kept(self, wanted: Sequence[EditCase], before: Tensor, after: Tensor) -> list[bool]:
        """Whether the outline of each object, or of the one of two that stays, is kept."""
        old, new = filled(ink(before)), filled(ink(after))
        halves = [slice(0, 32 if case.kind == "one of two" else 64) for case in wanted]
        return [overlap(old[i, :, half], new[i, :, half]) >= KEPT for i, half in enumerate(halves)]


def small(pictures: Tensor) -> Tensor:
    """Pictures (n, 3, H, W) in [-1, 1] at the size that the model draws."""
    return F.interpolate(pictures, size=(64, 64), mode="area")


@dataclass(frozen=True)
class Row:
    """How many edits of a kind did what was asked, kept what should stay, and both."""

    kind: str
    there: Score
    kept: Score
    both: Score


def table(wanted: Sequence[EditCase], there: Sequence[bool], kept: Sequence[bool]) -> list[Row]:
    """A row for every kind, and one for all of them."""
    rows: list[Row] = []
    for kind in [*dict.fromkeys(case.kind for case in wanted), "all"]:
        chosen = [i for i, case in enumerate(wanted) if kind in (case.kind, "all")]
        both = [there[i] and kept[i] for i in chosen]
        sums = sum(there[i] for i in chosen), sum(kept[i] for i in chosen), sum(both)
        rows.append(Row(kind, *(Score(right, len(chosen)) for right in sums)))
    return rows


def _hue(hue: float) -> str:
    return min(HUES, key=lambda word: abs((hue - COLOURS[word][0] + 180) % 360 - 180))
