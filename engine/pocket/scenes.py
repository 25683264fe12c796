"""What a training picture shows and how it is said: subjects, colours, styles, layouts, backgrounds."""

import random
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from engine.pocket.boxes import BESIDE, FOUR, GRID, SINGLE, SMALL, STACKED, THREE, Box
from engine.pocket.data import Sprite
from engine.pocket.everyday import EVERYDAY
from engine.pocket.palette import COLOURS

_EVERYDAY_SHARE = 12.0

NEXT_TO = ("next to", "next to", "and", "beside")
ABOVE = ("above", "above", "on top of", "over")
"""Words between two things, as often as training says them."""

Shade = tuple[float, float, float]


@dataclass(frozen=True)
class Background:
    """A vertical run between two shades (RGB in [0, 1]); `horizon` makes it a sharp line."""

    words: str
    top: Shade
    bottom: Shade
    horizon: bool = False


def _shade(colour: str) -> Shade:
    import colorsys

    hue, saturation, value = COLOURS[colour]
    return colorsys.hsv_to_rgb(hue / 360, saturation, value)


WHITE = Background("on a white background", (1.0, 1.0, 1.0), (1.0, 1.0, 1.0))
PLAIN = tuple(
    Background(f"on a {colour} background", _shade(colour), _shade(colour)) for colour in COLOURS if colour != "white"
)
PLACES = (
    Background("at night", (0.03, 0.04, 0.16), (0.13, 0.12, 0.34)),
    Background("at sunset", (0.42, 0.22, 0.48), (1.0, 0.62, 0.30)),
    Background("on grass", (0.62, 0.84, 0.98), (0.42, 0.72, 0.28), horizon=True),
    Background("on a beach", (0.55, 0.85, 0.97), (0.96, 0.87, 0.63), horizon=True),
    Background("in the snow", (0.72, 0.84, 0.95), (0.97, 0.98, 1.0), horizon=True),
    Background("in the sea", (0.35, 0.75, 0.90), (0.03, 0.25, 0.55)),
)


@dataclass(frozen=True)
class Scene:
    """One training picture before pixels: which drawings where, in which colour, on what, and its caption.

    `subject` is the caption without style and background; `mirrorable` says that its other way round is as true.
    """

    caption: str
    subject: str
    drawings: tuple[int, ...]
    boxes: tuple[Box, ...]
    colour: str | None
    background: Background
    mirrorable: bool


def held_out(words: str, parts: int) -> bool:
    """Whether a combination is kept from training so that it can be tested: one in `parts`, by its spelling."""
    return zlib.crc32(words.encode()) % parts == 0


def unseen(sprite: Sprite) -> bool:
    """Whether a drawing is kept from training and memory, where its label exists in another style."""
    return held_out(f"{sprite.style} {sprite.label}", 12)


def unpainted(label: str) -> str:
    """A label without its leading colour word: "red apple" -> "apple"."""
    first, _, rest = label.partition(" ")
    return rest if rest and first in COLOURS else label


class SceneWriter:
    """Draws scenes at random; `colours[i]` is drawing i's own colour word where it can be recoloured, else None."""

    def __init__(self, sprites: Sequence[Sprite], colours: Sequence[str | None], seed: int) -> None:
        self._sprites = sprites
        self._colours = colours
        self._random = random.Random(seed)  # noqa: S311 - pictures, not secrets
        styles: dict[str, int] = {}
        for sprite in sprites:
            styles[sprite.label] = styles.get(sprite.label, 0) + 1
        weights = [
            0.0
            if styles[each.label] > 1 and unseen(each)
            else each.weight * (_EVERYDAY_SHARE if each.label in EVERYDAY else 1.0)
            for each in sprites
        ]
        total = 0.0
        self._cumulative = [total := total + weight for weight in weights]

    def scene(self, composed: float) -> Scene:
        """One scene; `composed` is the chance of several drawings instead of one."""
        if self._random.random() < composed:
            return self._composed()
        drawing = self._drawing()
        colour, subject = self._paint(drawing, tags=0.2)
        if self._random.random() < 0.04:
            return self._finish(f"small {subject}", (drawing,), SMALL, colour)
        return self._finish(subject, (drawing,), SINGLE, colour)

    def _drawing(self) -> int:
        return self._random.choices(range(len(self._sprites)), cum_weights=self._cumulative)[0]

    def _paint(self, drawing: int, tags: float) -> tuple[str | None, str]:
        """A target colour or None, and the words for the subject."""
        sprite, own = self._sprites[drawing], self._colours[drawing]
        if own is not None and self._random.random() < 0.6:
            colour = self._random.choice(list(COLOURS))
            subject = unpainted(sprite.label)
            if colour != own and not held_out(f"{colour} {subject}", 4):
                return colour, f"{colour} {subject}"
            return None, f"{own} {subject}"
        if sprite.tags and self._random.random() < tags:
            tag = self._random.choice(sprite.tags)
            return None, self._random.choice((tag, f"{sprite.label}, {tag}"))
        return None, sprite.label

    def _composed(self) -> Scene:
        first = self._drawing()
        kind = self._random.randrange(8)
        colour, subject = self._paint(first, tags=0.0)
        if kind < 3:
            count = ("two", "three", "four")[kind]
            boxes = (BESIDE, THREE, FOUR)[kind]
            return self._finish(f"{count} {subject}", (first,) * len(boxes), boxes, colour)
        if kind == 3:
            return self._finish(f"pattern of {subject}", (first,) * len(GRID), GRID, colour)
        second = self._partner(first)
        if kind == 4:
            third = self._partner(first)
            labels = [self._sprites[each].label for each in (first, second, third)]
            return self._finish("{}, {} and {}".format(*labels), (first, second, third), THREE, None)
        beside = kind < 7
        words = self._random.choice(NEXT_TO if beside else ABOVE)
        labels = [self._sprites[each].label for each in (first, second)]
        return self._finish(f"{labels[0]} {words} {labels[1]}", (first, second), BESIDE if beside else STACKED, None)

    def _partner(self, first: int) -> int:
        """A second drawing in the first's style whose pairing is not held out."""
        while True:
            second = self._drawing()
            pair = sorted((self._sprites[first].label, self._sprites[second].label))
            if self._sprites[first].style == self._sprites[second].style and not held_out(" + ".join(pair), 2):
                return second

    def _finish(self, subject: str, drawings: tuple[int, ...], boxes: tuple[Box, ...], colour: str | None) -> Scene:
        chance = self._random.random()
        background = WHITE if chance < 0.7 else self._random.choice(PLAIN if chance < 0.92 else PLACES)
        words = self._styled(subject, self._sprites[drawings[0]].style)
        if background is not WHITE or self._random.random() < 0.1:
            words = f"{words} {background.words}"
        mirrorable = len(set(drawings)) == 1 and self._sprites[drawings[0]].mirror
        caption = "" if self._random.random() < 0.1 else words
        return Scene(caption, subject, drawings, boxes, colour, background, mirrorable)

    def _styled(self, subject: str, style: str) -> str:
        chance = self._random.random()
        if self._random.random() < 0.3 and not subject.startswith(("two", "three", "four", "pattern")):
            subject = f"a {subject}"
        if chance < 0.25:
            return subject
        if chance < 0.7:
            return f"{subject}, {style}"
        return f"{style} {subject}" if chance < 0.9 else f"{subject} in {style} style"
