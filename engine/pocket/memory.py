"""What the model remembers: openly licensed drawings, and the words that bring them to mind.

One safetensors file: pictures as WebP, phrases as token ids (so that no tokenizer is needed to look them up), and a
vector for each label, for words that no phrase holds.
"""

# torch leaves many types open
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor

from engine.pocket.boxes import SIZE
from engine.pocket.checkpoint import naming
from engine.pocket.later_words import with_later
from engine.pocket.layouts import Layout, Meaning, Phrase, PhraseBook
from engine.pocket.palette import COLOURS, MainColour, recolour

FILE = "memory.safetensors"

_PHRASES = ("phrases", "phrase_ends", "phrase_meanings", "phrase_things", "phrase_colours")
_LISTS = ("pictures", "picture_ends", "mirrorable", *_PHRASES)

_PALE, _PART = 0.12, 0.2
"""Pixels of at least this saturation are repainted, in drawings of which they are at least this share."""
_NEAR = 0.5
"""Cosine from which on a label is taken to be meant by words that name none."""


class Memory:
    """Drawings by what they show: of each thing one in each style, or none."""

    def __init__(self, tensors: dict[str, Tensor]) -> None:
        """`tensors` as `build` makes them."""
        self._tensors = tensors
        self._pictures = tensors["pictures"].numpy()
        self._ends = [0, *tensors["picture_ends"].tolist()]
        self._mirrorable: list[bool] = tensors["mirrorable"].bool().tolist()
        self._drawn: list[list[int]] = tensors["drawn"].tolist()
        self._labels = tensors["labels"].float() / 127
        self._book = PhraseBook(with_later(dict(_phrases(tensors))).items())

    @staticmethod
    def nothing(styles: int, width: int) -> Memory:
        """A memory that knows no words; `width` is that of the token states."""
        whole = {name: torch.zeros(0, dtype=torch.int64, device="cpu") for name in _LISTS}
        sizes = {"drawn": styles, "labels": width}
        return Memory(whole | {name: torch.zeros(0, size, device="cpu") for name, size in sizes.items()})

    @staticmethod
    def load(folder: Path) -> Memory:
        """Read `folder`'s file.

        Raises:
            BrokenWeights: it is missing, damaged or something else.
        """
        with naming(folder / FILE):
            return Memory(load_file(folder / FILE))

    @property
    def count(self) -> int:
        """How many drawings it holds."""
        return len(self._ends) - 1

    def save(self, folder: Path) -> None:
        """Write it into `folder`."""
        save_file(self._tensors, folder / FILE)

    def layout(self, ids: Sequence[int], sentence: Tensor) -> Layout:
        """What token ids without marks and padding show; `sentence` (D,) is the mean of their states.

        Where they name nothing known, it is the label that means nearly the same, if there is one.
        """
        if not ids or not len(self._labels):
            return Layout()
        likeness = self._labels @ F.normalize(sentence.float().cpu(), dim=0)
        found = self._book.layout(ids, lambda things: max(things, key=lambda thing: float(likeness[thing])))
        best = int(likeness.argmax())
        return found if found.things or float(likeness[best]) < _NEAR else Layout.of(best)

    def names(self, ids: Sequence[int]) -> bool:
        """Whether token ids without marks and padding name something that was drawn."""
        return bool(self._book.layout(ids, lambda things: things[0]).things)

    def mirrorable(self, layout: Layout) -> bool:
        """Whether the other way round it would be as true."""
        return len(set(layout.things)) == 1 and self._mirrorable[layout.things[0]]

    def each_mirrorable(self, layout: Layout) -> tuple[bool, ...]:
        """Whether each of its things the other way round would be as true."""
        return tuple(self._mirrorable[thing] for thing in layout.things)

    def sheets(self, layout: Layout) -> Tensor:
        """The drawings of each style where the layout puts them, (styles, 4, SIZE, SIZE), colours premultiplied."""
        sheets = torch.zeros(self._tensors["drawn"].shape[1], 4, SIZE, SIZE)
        drawn = {each: self._drawings(*each) for each in set(zip(layout.things, layout.colours, strict=True))}
        for thing, (edge, left, top), colour in zip(layout.things, layout.boxes, layout.colours, strict=True):
            pieces = drawn[thing, colour]
            pieces = pieces if edge == SIZE else F.interpolate(pieces, size=(edge, edge), mode="area")
            sheets[:, :, top : top + edge, left : left + edge] = pieces
        return sheets

    def _drawings(self, thing: int, colour: int) -> Tensor:
        """A thing in each style (styles, 4, SIZE, SIZE), clear where there is none."""
        clear = torch.zeros(4, SIZE, SIZE)
        return torch.stack([self._drawing(each, colour) if each >= 0 else clear for each in self._drawn[thing]])

    def _drawing(self, number: int, colour: int) -> Tensor:
        """Premultiplied (4, SIZE, SIZE), repainted where it has one main colour and `colour` is another."""
        content = self._pictures[self._ends[number] : self._ends[number + 1]].tobytes()
        with Image.open(io.BytesIO(content), formats=("WEBP",)) as picture:
            straight = torch.from_numpy(np.array(picture.convert("RGBA"))).permute(2, 0, 1).float() / 255
        if colour >= 0:
            straight = _painted(straight[None], tuple(COLOURS)[colour])[0]
        return torch.cat((straight[:3] * straight[3:], straight[3:]))


def _painted(drawing: Tensor, colour: str) -> Tensor:
    """A drawing (1, 4, H, W) in the colour that was said: all that is of its main colour, or of its commonest."""
    main = MainColour.of(drawing, _PALE)
    if not bool(main.recolourable):
        main = MainColour.commonest(drawing, _PALE)
    if float(main.share) < _PART or main.word(0) == colour:
        return drawing
    return recolour(drawing, main, torch.tensor([COLOURS[colour]]), _PALE)


def _phrases(tensors: dict[str, Tensor]) -> Iterator[tuple[tuple[int, ...], Phrase]]:
    (ids, ends, meanings, things, colours), start = (tensors[name].tolist() for name in _PHRASES), 0
    for end, meaning, thing, colour in zip(ends, meanings, things, colours, strict=True):
        yield tuple(ids[start:end]), Phrase(Meaning(meaning), thing, colour)
        start = end
