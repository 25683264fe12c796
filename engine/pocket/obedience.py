"""Does the model draw what it is told? Fixed lists, most of them of combinations training never saw as a whole."""

# torch and diffusers leave many types open
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
from torch import Tensor

from engine.pocket.everyday import EVERYDAY
from engine.pocket.fixed_prompts import STYLED, TWO_OBJECTS
from engine.pocket.palette import COLOURS, MainColour, rgb
from engine.pocket.sampling import GUIDANCE, STEPS
from engine.pocket.scenes import held_out, unpainted
from engine.pocket.styles import STYLES
from engine.pocket.text import SentenceEncoder
from engine.pocket.vision import PictureEncoder

HUES: tuple[str, ...] = ("red", "orange", "yellow", "green", "blue", "purple", "pink")
_PAINTABLE = (
    *("apple", "heart", "automobile", "balloon", "star", "fish", "mushroom", "cat face", "grinning face", "house"),
    *("butterfly", "t-shirt", "dress", "umbrella", "tulip", "rose", "bear", "frog", "octopus", "dragon", "backpack"),
    *("strawberry", "pear", "lemon", "fire", "leaf", "crown", "top hat", "rocket", "soccer ball", "bell", "key"),
    *("cup", "book", "bus", "duck", "snail", "crab", "ghost", "robot"),
)
_SIMPLE = ("red heart", "banana", "rocket", "pizza", "ghost", "panda", "fox", "sunflower", "octopus", "rainbow")


@dataclass(frozen=True)
class Score:
    """How many of how many were right."""

    right: int
    total: int

    def __str__(self) -> str:
        return f"{self.right}/{self.total} ({self.right / self.total:.0%})"


Draw = Callable[[Sequence[str]], Tensor]
"""Prompts -> pictures (n, 3, H, W) in [-1, 1]."""


def drawing_with(pipeline: Any, steps: int = STEPS, guidance: float = GUIDANCE, batch: int = 8) -> Draw:
    """Draw prompts through a stock text-to-image pipeline; prompt i has seed i."""

    def draw(prompts: Sequence[str]) -> Tensor:
        parts: list[Tensor] = []
        for start in range(0, len(prompts), batch):
            chosen = list(prompts[start : start + batch])
            generators = [torch.Generator().manual_seed(start + row) for row in range(len(chosen))]
            output = pipeline(
                chosen, generator=generators, num_inference_steps=steps, guidance_scale=guidance, output_type="pt"
            )
            parts.append(output.images.float() * 2 - 1)
        return torch.cat(parts)

    return draw


def colour_pairs(count: int = 64) -> list[tuple[str, str]]:
    """Colour and object, never painted so in training, spread evenly over the objects."""
    unseen = [pair for pair in product(HUES, _PAINTABLE) if held_out(" ".join(pair), 4)]
    return sorted(unseen, key=lambda pair: (_PAINTABLE.index(pair[1]) * 7 + HUES.index(pair[0]) * 11) % 97)[:count]


def obeys_colour(draw: Draw, count: int = 64) -> Score:
    """Whether the main colour of each object is the one that was asked for."""
    pairs = colour_pairs(count)
    pictures = draw([f"{colour} {thing}, {STYLES[i % 3]}" for i, (colour, thing) in enumerate(pairs)])
    ink = ((1 - pictures).amax(1, keepdim=True) > 0.25).float()
    found = MainColour.of(torch.cat(((pictures + 1) / 2, ink), dim=1))
    return Score(sum(_nearest_hue(found, i) == colour for i, (colour, _) in enumerate(pairs)), len(pairs))


def obeys_background(draw: Draw, count: int = 40) -> Score:
    """Whether the corners of each picture have the colour of the background that was asked for."""
    pairs = list(product(COLOURS, _SIMPLE))[:: max(1, len(COLOURS) * len(_SIMPLE) // count)][:count]
    pictures = draw([f"{thing}, {STYLES[i % 3]} on a {colour} background" for i, (colour, thing) in enumerate(pairs)])
    corners = torch.stack([pictures[..., y, x] for y, x in product((1, -2), (1, -2))]).median(0).values
    shades = rgb(torch.tensor(list(COLOURS.values())))
    nearest = torch.cdist((corners + 1) / 2, shades).argmin(1).tolist()
    return Score(sum(tuple(COLOURS)[i] == colour for i, (colour, _) in zip(nearest, pairs, strict=True)), len(pairs))


def labels_for_ranking(known: Sequence[str], count: int = 200) -> list[str]:
    """Everyday labels first, then others in alphabetical order, without colour words of their own."""
    ranked = sorted({unpainted(label) for label in known}, key=lambda label: (label not in EVERYDAY, label))
    return ranked[:count]


def is_recognised(draw: Draw, judge: PictureEncoder, sentences: SentenceEncoder, known: Sequence[str]) -> Score:
    """Whether an encoder that learned from other art ranks the right label in its first five of 200."""
    labels = labels_for_ranking(known)
    asked = [(label, style) for label, style in product(labels, STYLES) if held_out(f"{style} {label}", 12)][:64]
    with torch.inference_mode():
        seen, _ = judge(draw([f"{label}, {style}" for label, style in asked]))
    ranks = (seen @ sentences.embed(labels).T).topk(5).indices.tolist()
    return Score(sum(labels.index(label) in rank for (label, _), rank in zip(asked, ranks, strict=True)), len(asked))


def finds_both(draw: Draw, judge: PictureEncoder, sentences: SentenceEncoder, known: Sequence[str]) -> Score:
    """Whether the judge ranks the right label in its first five of 200 on the left and on the right."""
    labels = labels_for_ranking(known)
    pictures = draw([str(asked) for asked in TWO_OBJECTS])
    words = sentences.embed(labels).T
    found: list[list[bool]] = []
    sides = [each.left for each in TWO_OBJECTS], [each.right for each in TWO_OBJECTS]
    for half, names in zip(_halves(pictures), sides, strict=True):
        with torch.inference_mode():
            ranks = (judge(half)[0] @ words).topk(5).indices.tolist()
        found.append([labels.index(name) in rank for name, rank in zip(names, ranks, strict=True)])
    return Score(sum(map(all, zip(*found, strict=True))), len(TWO_OBJECTS))


def styles_told_apart(draw: Draw, judge: PictureEncoder) -> Score:
    """Whether an encoder that learned the styles from the drawings themselves sees the one that was asked for."""
    with torch.inference_mode():
        _, scores = judge(draw([str(asked) for asked in STYLED]))
    seen = [judge.styles[i] for i in scores.argmax(1).tolist()]
    return Score(sum(style == asked.style for style, asked in zip(seen, STYLED, strict=True)), len(STYLED))


def _halves(pictures: Tensor) -> list[Tensor]:
    """The squares in which training paints two objects beside each other, left and right."""
    side = pictures.shape[-1]
    rows = slice(side // 4, side // 4 + side // 2)
    return [pictures[..., rows, : side // 2], pictures[..., rows, side // 2 :]]


def _nearest_hue(found: MainColour, index: int) -> str:
    hue = float(found.hue[index])
    return min(HUES, key=lambda word: abs((hue - COLOURS[word][0] + 180) % 360 - 180))
