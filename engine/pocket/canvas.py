"""Scenes to pixels, on the device that trains."""

# torch and diffusers leave many types open
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.pocket.data import SIZE, Collection
from engine.pocket.palette import COLOURS, MainColour, recolour
from engine.pocket.scenes import Background, Pose, Scene


class Canvas:
    """Keeps all drawings on one device and paints batches of scenes from them."""

    def __init__(self, collection: Collection, device: torch.device) -> None:
        self._pixels = torch.from_numpy(collection.pixels).permute(0, 3, 1, 2).contiguous().to(device)
        parts = [MainColour.of(part.float() / 255) for part in self._pixels.split(512)]
        self._main = MainColour(
            *(torch.cat([getattr(part, name) for part in parts]) for name in MainColour.__dataclass_fields__)
        )
        self._device = device

    def colours(self) -> list[str | None]:
        """Each drawing's own colour word where it can be recoloured."""
        on_cpu = MainColour(*(getattr(self._main, name).cpu() for name in MainColour.__dataclass_fields__))
        return [on_cpu.word(i) if able else None for i, able in enumerate(on_cpu.recolourable.tolist())]

    def paint(self, scenes: list[Scene]) -> Tensor:
        """Pictures (B, 3, SIZE, SIZE) in [-1, 1]."""
        pictures = torch.stack([self._background(scene.background) for scene in scenes])
        rows = [row for row, scene in enumerate(scenes) for _ in scene.drawings]
        art = self._art(scenes)
        boxes = [box for scene in scenes for box in scene.boxes]
        for size in {edge for edge, _, _ in boxes}:
            chosen = [i for i, box in enumerate(boxes) if box[0] == size]
            shrunk = art[chosen]
            if size != SIZE:
                shrunk = F.interpolate(shrunk, size=(size, size), mode="area")
            for i, piece in zip(chosen, shrunk, strict=True):
                _, left, top = boxes[i]
                area = pictures[rows[i], :, top : top + size, left : left + size]
                area.mul_(1 - piece[3:]).add_(piece[:3])
        return pictures * 2 - 1

    def _art(self, scenes: list[Scene]) -> Tensor:
        """One premultiplied drawing (4, SIZE, SIZE) per box, recoloured and mirrored as its scene says."""
        indices = torch.tensor([i for scene in scenes for i in scene.drawings], device=self._device)
        owners = [scene for scene in scenes for _ in scene.drawings]
        art = self._pixels[indices].float() / 255
        painted = [i for i, scene in enumerate(owners) if scene.colour]
        if painted:
            target = torch.tensor([COLOURS[owners[i].colour or ""] for i in painted], device=self._device)
            art[painted] = recolour(art[painted], self._main[indices[painted]], target)
        mirrored = [i for i, scene in enumerate(owners) if scene.mirror]
        art[mirrored] = art[mirrored].flip(-1)
        art[:, :3] *= art[:, 3:]
        posed = [i for i, scene in enumerate(owners) if scene.pose]
        if posed:
            art[posed] = _placed(art[posed], [pose for scene in owners if (pose := scene.pose)])
        return art

    def _background(self, background: Background) -> Tensor:
        top, bottom = (torch.tensor(shade, device=self._device) for shade in (background.top, background.bottom))
        down = torch.linspace(0, 1, SIZE, device=self._device)
        mix = (down > 0.62).float() if background.horizon else down
        return torch.lerp(top[:, None], bottom[:, None], mix)[:, :, None].repeat(1, 1, SIZE)


def _placed(art: Tensor, poses: Sequence[Pose]) -> Tensor:
    """Premultiplied drawings (B, 4, SIZE, SIZE), scaled, turned and shifted; what is beyond their edge is clear."""
    back: list[list[list[float]]] = []  # from a place in the picture to the place in the drawing it shows
    for pose in poses:
        turn = math.radians(pose.degrees)
        across, along = math.cos(turn) / pose.scale, math.sin(turn) / pose.scale
        back.append(
            [
                [across, along, -across * pose.right - along * pose.down],
                [-along, across, along * pose.right - across * pose.down],
            ]
        )
    grid = F.affine_grid(torch.tensor(back, device=art.device), list(art.shape), align_corners=False)
    return F.grid_sample(art, grid, align_corners=False)
