"""Scenes to pixels, on the device that trains."""

# torch and diffusers leave many types open
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from collections.abc import Iterator, Sequence
from random import Random

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.pocket.boxes import SIZE, Box
from engine.pocket.data import Collection
from engine.pocket.palette import COLOURS, MainColour, recolour
from engine.pocket.pose import Pose
from engine.pocket.recall import packed
from engine.pocket.scenes import Background, Scene, held_out, unseen
from engine.pocket.styles import STYLES

_AS_IT_IS = 0.5
_FORGET_ALL, _FORGET_OWN, _FORGET = 0.12, 0.25, 0.15
"""How often no drawing is remembered, not that in the style to draw, and not that in each other style."""


class Canvas:
    """Keeps all drawings on one device and paints batches of scenes from them."""

    def __init__(self, collection: Collection, device: torch.device) -> None:
        self._pixels = torch.from_numpy(collection.pixels).permute(0, 3, 1, 2).contiguous().to(device)
        parts = [MainColour.of(part.float() / 255) for part in self._pixels.split(512)]
        self._main = MainColour(
            *(torch.cat([getattr(part, name) for part in parts]) for name in MainColour.__dataclass_fields__)
        )
        self._device = device
        self._styles = [sprite.style for sprite in collection.sprites]
        known = {(each.label, each.style): i for i, each in enumerate(collection.sprites) if not unseen(each)}
        self._drawn = [[known.get((each.label, style)) for style in STYLES] for each in collection.sprites]

    def colours(self) -> list[str | None]:
        """Each drawing's own colour word where it can be recoloured."""
        on_cpu = MainColour(*(getattr(self._main, name).cpu() for name in MainColour.__dataclass_fields__))
        return [on_cpu.word(i) if able else None for i, able in enumerate(on_cpu.recolourable.tolist())]

    def paint(self, scenes: list[Scene], pose: Pose | None = None) -> Tensor:
        """Pictures (B, 3, SIZE, SIZE) in [-1, 1], of things that stand as `pose` says, upright where it is left out."""
        rows = [row for row, scene in enumerate(scenes) for _ in scene.drawings]
        sheets = torch.zeros(len(scenes), 4, SIZE, SIZE, device=self._device)
        for i, piece, area in _pieces(self._art(scenes), [box for scene in scenes for box in scene.boxes]):
            sheets[rows[i]][area] = piece
        alone = torch.tensor([len(scene.drawings) == 1 for scene in scenes], device=self._device)
        mirrorable = torch.tensor([scene.mirrorable for scene in scenes], device=self._device)
        sheets = sheets if pose is None else pose.place(sheets, alone, mirrorable)
        behind = torch.stack([self._background(scene.background) for scene in scenes])
        return (behind * (1 - sheets[:, 3:]) + sheets[:, :3]) * 2 - 1

    def remembered(self, scenes: list[Scene], random: Random, width: int) -> Tensor:
        """What memory would hand over (B, R, `width`): the same things as they are, each style's in one drawing.

        Some are forgotten, so that each style is also drawn after the others, and now and then everything.
        """
        sheets = torch.zeros(len(scenes), len(STYLES), 4, SIZE, SIZE, device=self._device)
        places: list[tuple[int, int, int, Box]] = []
        shades: list[str | None] = []
        for row, scene in enumerate(scenes):
            if not scene.caption or random.random() < _FORGET_ALL:
                continue
            own, shade = self._styles[scene.drawings[0]], self._other_shade(scene, random)
            kept = [random.random() > (_FORGET_OWN if style == own else _FORGET) for style in STYLES]
            for drawing, box in zip(scene.drawings, scene.boxes, strict=True):
                for style, drawn in enumerate(self._drawn[drawing]):
                    if drawn is not None and kept[style]:
                        places.append((row, style, drawn, box))
                        shades.append(shade)
        art = self._coloured(torch.tensor([drawn for _, _, drawn, _ in places], dtype=torch.long), shades)
        for i, piece, area in _pieces(art, [box for *_, box in places]):
            sheets[places[i][0], places[i][1]][area] = piece
        alone = torch.tensor([len(scene.drawings) == 1 for scene in scenes], device=self._device)
        return packed(sheets, alone, torch.tensor([scene.mirrorable for scene in scenes], device=self._device), width)

    def _other_shade(self, scene: Scene, random: Random) -> str | None:
        """Where words say a colour, half of all memories have another: so that it is the words that count."""
        first, _, thing = scene.subject.partition(" ")
        if first not in COLOURS or random.random() < _AS_IT_IS:
            return None
        return random.choice([colour for colour in COLOURS if not held_out(f"{colour} {thing}", 4)])

    def _art(self, scenes: list[Scene]) -> Tensor:
        """One premultiplied drawing (4, SIZE, SIZE) per box, recoloured as its scene says."""
        indices = torch.tensor([i for scene in scenes for i in scene.drawings], device=self._device)
        return self._coloured(indices, [scene.colour for scene in scenes for _ in scene.drawings])

    def _coloured(self, indices: Tensor, colours: Sequence[str | None]) -> Tensor:
        """Premultiplied drawings (N, 4, SIZE, SIZE), each in a colour where it can be, as it is where that is None."""
        art = self._pixels[indices].float() / 255
        able = self._main.recolourable[indices].tolist()
        painted = [i for i, colour in enumerate(colours) if colour and able[i]]
        if painted:
            target = torch.tensor([COLOURS[colours[i] or ""] for i in painted], device=self._device)
            art[painted] = recolour(art[painted], self._main[indices[painted]], target)
        art[:, :3] *= art[:, 3:]
        return art

    def _background(self, background: Background) -> Tensor:
        top, bottom = (torch.tensor(shade, device=self._device) for shade in (background.top, background.bottom))
        down = torch.linspace(0, 1, SIZE, device=self._device)
        mix = (down > 0.62).float() if background.horizon else down
        return torch.lerp(top[:, None], bottom[:, None], mix)[:, :, None].repeat(1, 1, SIZE)


def _pieces(art: Tensor, boxes: Sequence[Box]) -> Iterator[tuple[int, Tensor, tuple[slice, slice, slice]]]:
    """Number of each drawing, the drawing at its box's size, and where that lies in a picture."""
    for size in {edge for edge, _, _ in boxes}:
        chosen = [i for i, box in enumerate(boxes) if box[0] == size]
        shrunk = art[chosen]
        if size != SIZE:
            shrunk = F.interpolate(shrunk, size=(size, size), mode="area")
        for i, piece in zip(chosen, shrunk, strict=True):
            _, left, top = boxes[i]
            yield i, piece, (slice(None), slice(top, top + size), slice(left, left + size))
