"""Pictures as a judge knows things, who likes them upright: turned back by the pose that each seed's static decides."""

# torch leaves many types open
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from engine.pocket.data import Collection
from engine.pocket.fixed_prompts import STYLED, Styled
from engine.pocket.obedience import Draw, Score
from engine.pocket.pose import Pose, numbers_of
from engine.pocket.styles import STYLES

_CHANNELS = 4


def ways(draw: Draw, collection: Collection) -> dict[str, Draw]:
    """The model's pictures and the real drawings, as they are and turned back, by what they are called."""
    drawn = drawings_of(collection, posed=True)
    return {
        "as drawn": draw,
        "turned back": turned_back(draw, collection),
        "real drawings": drawings_of(collection, posed=False),
        "real drawings in the same poses": drawn,
        "real drawings turned back": turned_back(drawn, collection),
    }


def turned_back(draw: Draw, collection: Collection) -> Draw:
    """`draw`, whose prompt i ("label, style", one thing) is drawn from seed i, with each picture turned upright."""
    mirrorable = {sprite.label: sprite.mirror for sprite in collection.sprites}

    def upright(prompts: Sequence[str]) -> Tensor:
        pictures = draw(prompts)
        sides = torch.tensor([mirrorable[_label(each)] for each in prompts])
        return _poses(len(prompts), pictures.shape[-1]).turned_back(pictures, sides)

    return upright


def drawings_of(collection: Collection, *, posed: bool) -> Draw:
    """The real drawings in place of the model's: as they lie, or `posed` as the static of seed i has prompt i."""
    numbers = {f"{sprite.label}, {sprite.style}": i for i, sprite in enumerate(collection.sprites)}

    def draw(prompts: Sequence[str]) -> Tensor:
        chosen = [numbers[each] for each in prompts]
        art = torch.from_numpy(collection.pixels[chosen]).permute(0, 3, 1, 2).float() / 255
        art[:, :3] *= art[:, 3:]
        if posed:
            sides = torch.tensor([collection.sprites[each].mirror for each in chosen])
            art = _poses(len(art), art.shape[-1]).place(art, torch.ones_like(sides), sides)
        return (art[:, :3] + 1 - art[:, 3:]) * 2 - 1

    return draw


def nearest_in_style(draw: Draw, collection: Collection) -> Score:
    """Whether each picture of the list of styles is nearest to the thing's drawing in the style that was asked for.

    `draw` draws upright things. Things that are not drawn in every style do not count.
    """
    drawn = {f"{sprite.label}, {sprite.style}" for sprite in collection.sprites}
    asked = [each for each in STYLED if all(str(Styled(each.label, style)) in drawn for style in STYLES)]
    pictures = draw([str(each) for each in STYLED])[[each in asked for each in STYLED]]
    real = drawings_of(collection, posed=False)
    apart = [
        (pictures - real([str(Styled(each.label, style)) for each in asked])).abs().mean((1, 2, 3)) for style in STYLES
    ]
    nearest = torch.stack(apart).argmin(0).tolist()
    return Score(sum(STYLES[i] == each.style for i, each in zip(nearest, asked, strict=True)), len(asked))


def _label(prompt: str) -> str:
    return prompt.rpartition(", ")[0]


def _poses(count: int, side: int) -> Pose:
    """As the static of seeds 0, 1, ... decides."""
    noises = [torch.randn(1, _CHANNELS, side, side, generator=torch.Generator().manual_seed(i)) for i in range(count)]
    return Pose.by(numbers_of(torch.cat(noises), side))
