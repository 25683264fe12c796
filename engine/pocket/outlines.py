"""Does the model keep to given edges? Sixty drawings that training held back, each standing somewhere else."""

# torch and diffusers leave many types open
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers.models.adapter import T2IAdapter
from diffusers.pipelines.t2i_adapter.pipeline_stable_diffusion_adapter import StableDiffusionAdapterPipeline
from PIL import Image
from torch import Tensor

from engine.pictures.control_maps import edges
from engine.pocket.boxes import SINGLE
from engine.pocket.canvas import Canvas
from engine.pocket.data import Collection
from engine.pocket.everyday import EVERYDAY
from engine.pocket.obedience import Score
from engine.pocket.outlining import ink, overlap
from engine.pocket.pose import Pose
from engine.pocket.sampling import GUIDANCE, STEPS
from engine.pocket.scenes import WHITE, Scene, held_out

COUNT = 60
KEPT = 0.7
"""An outline is kept where given and new overlap by this share of both together (intersection over union)."""
_BATCH = 10


@dataclass(frozen=True)
class Outlines:
    """Prompts, and the pictures (n, 3, 64, 64) in [-1, 1] whose outlines are to be kept."""

    prompts: tuple[str, ...]
    given: Tensor

    @property
    def maps(self) -> list[Image.Image]:
        """What the adapter sees of them."""
        return [edges(_picture(each)) for each in self.given]


def outlines(cache: Path, count: int = COUNT) -> Outlines:
    """The list: drawings whose style and label training never saw together, everyday things first."""
    collection = Collection.load(cache)
    styles: dict[str, int] = {}
    for sprite in collection.sprites:
        styles[sprite.label] = styles.get(sprite.label, 0) + 1
    kept = [
        index
        for index, sprite in enumerate(collection.sprites)
        if styles[sprite.label] > 1 and held_out(f"{sprite.style} {sprite.label}", 12)
    ]
    kept.sort(key=lambda index: (collection.sprites[index].label not in EVERYDAY, collection.sprites[index].label))
    chosen = [(number, index, collection.sprites[index]) for number, index in enumerate(kept[:count])]
    scenes = [Scene("", sprite.label, (index,), SINGLE, None, WHITE, sprite.mirror) for _, index, sprite in chosen]
    prompts = tuple(f"{sprite.label}, {sprite.style}" for _, _, sprite in chosen)
    return Outlines(prompts, Canvas(collection, torch.device("cpu")).paint(scenes, _poses(len(scenes))))


def drawn(pipeline: Any, wanted: Outlines, adapter: T2IAdapter | None) -> Tensor:
    """Pictures (n, 3, 64, 64) in [-1, 1] through diffusers' own classes; number i has seed i."""
    parts = {name: part for name, part in pipeline.components.items() if name != "image_encoder"}
    run: Any = pipeline
    if adapter is not None:
        run = StableDiffusionAdapterPipeline(**parts, adapter=adapter, requires_safety_checker=False)
    run.set_progress_bar_config(disable=True)
    made: list[Tensor] = []
    for start in range(0, len(wanted.prompts), _BATCH):
        prompts = list(wanted.prompts[start : start + _BATCH])
        shown = {"image": wanted.maps[start : start + _BATCH]} if adapter else {}
        generators = [torch.Generator().manual_seed(start + row) for row in range(len(prompts))]
        output = run(
            prompts,
            **shown,
            generator=generators,
            num_inference_steps=STEPS,
            guidance_scale=GUIDANCE,
            output_type="np",
        )
        made.append(torch.from_numpy(output.images).permute(0, 3, 1, 2) * 2 - 1)
    return torch.cat(made)


def shares(wanted: Outlines, pictures: Tensor) -> list[float]:
    """How much the outline of each picture is the given one's (intersection over union)."""
    return [overlap(*pair) for pair in zip(ink(wanted.given), ink(pictures), strict=True)]


def score(found: Sequence[float]) -> Score:
    """How many outlines are kept."""
    return Score(sum(each >= KEPT for each in found), len(found))


def _poses(count: int) -> Pose:
    """Smaller, tilted, aside, and every second mirrored."""
    number = torch.arange(count)
    scale = 0.74 + 0.2 * (number % 5) / 4
    side = ((number % 3) - 1) * (1 - scale)
    return Pose(scale, torch.deg2rad(12.0 * ((number % 7) - 3) / 3), side, -side, number % 2 == 1)


def _picture(given: Tensor) -> Image.Image:
    return Image.fromarray(((given + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy())
