"""Edits by a model that remembers drawings (`pocket`): what it draws anew, what it keeps, and how its cells differ.

Its pictures of one prompt are alike but for the pose, and an edit keeps the pose. So each cell looks at other drawings,
places a new thing in another way, or has another shade of a new colour, by its seed.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from PIL import Image
from torch.utils._pytree import tree_map_only

from engine.batching.lanes import ParkedCall
from engine.operations.context import OperationContext
from engine.operations.draw import draw
from engine.operations.img2img_from_noise import PictureOrigin
from engine.operations.pixels import Pixels, pixels_of, tensor_of
from engine.operations.prompt_tokens import token_ids
from engine.pocket.redrawing import VARIANTS, Redrawn, Words, redrawn, thing_in
from engine.pocket.shades import shaded
from engine.pocket.text_encoder import RememberingTextEncoder

_INNER = 5
"""Pixels of the filter that makes a kept thing smaller: over its edge the new background fades in."""


@dataclass(frozen=True)
class RememberedEdit:
    """An edit of a picture of the size drawn, from old words to new ones."""

    context: OperationContext
    picture: Image.Image
    old: Words
    new: Words

    @staticmethod
    def of(context: OperationContext, picture: Image.Image, old: str) -> RememberedEdit | None:
        """None for models that remember nothing, and for prompts of several parts."""
        parts = context.model.parkable.values()
        encoder = next((part for part in parts if isinstance(part, RememberingTextEncoder)), None)
        if encoder is None or context.request.prompt_parts:
            return None
        pipeline: Any = context.pipeline("text_to_image")

        def heard(words: str) -> Words:
            states, _ = pipeline.encode_prompt(words, context.model.device, 1, False)
            return encoder.heard(words, pipeline.tokenizer(words).input_ids, states)

        small = picture.convert("RGB").resize(context.size, Image.Resampling.BILINEAR)
        return RememberedEdit(context, small, heard(old), heard(context.request.prompt))

    def redrawn(self) -> Redrawn | None:
        """The things that are drawn anew, if there are any."""
        return redrawn(tensor_of(self.picture), self.old, self.new)

    @cached_property
    def _thing(self) -> torch.Tensor | None:
        """Where the things are (H, W), in an edit that changes neither them nor their colour."""
        same = torch.equal(self.old.sheets.drawings, self.new.sheets.drawings)
        return thing_in(tensor_of(self.picture), self.old) if same else None

    def around_the_thing(self, mask: Image.Image) -> Image.Image:
        """A found mask, in an edit of the background alone: all but the thing, where that is seen."""
        thing = self._thing
        if thing is None or not self._is_behind(mask, thing):
            return mask
        kept = torch.nn.functional.avg_pool2d(thing.float()[None, None], _INNER, stride=1, padding=_INNER // 2)[0, 0]
        white = Image.fromarray(((1 - (kept > 0.99).float()) * 255).byte().numpy())
        return white.resize(mask.size, Image.Resampling.BILINEAR).point([0] * 128 + [255] * 128)

    def _is_behind(self, mask: Image.Image, thing: torch.Tensor) -> bool:
        """Whether a mask covers more of what is behind a thing (H, W) than of the thing."""
        white = tensor_of(mask.convert("RGB").resize(self.picture.size))[0, 0] > 0.5
        return float(white[~thing].float().mean()) > max(0.5, float(white[thing].float().mean()))

    def drawn(self, anew: Redrawn, mask: Image.Image) -> list[Pixels]:
        """The cells, at the size drawn, each with the drawings of its seed within the mask."""
        context, seeds = self.context, self.context.request.cell_seeds
        where = mask.resize(context.size, Image.Resampling.BILINEAR)
        change = _Remembering([anew.drawings[seed % VARIANTS] for seed in seeds])
        context.lane.changes.append(change)
        context.watch.origin = PictureOrigin(self.picture, 1.0, where, context.vae)
        try:
            return draw(replace(context, has_rows=True), "text_to_image")
        finally:
            context.watch.origin = None
            context.lane.changes.remove(change)

    def shaded(self, cells: list[Pixels], mask: Image.Image) -> list[Pixels]:
        """Cells of an edit of colour or background, each in the shade of its seed where it differs from the picture."""
        thing = self._thing
        is_painted = not torch.equal(self.old.sheets.drawings, self.new.sheets.drawings)
        if not is_painted and (thing is None or not self._is_behind(mask, thing)):
            return cells
        seeds = self.context.request.cell_seeds
        before = pixels_of(self.picture.resize((cells[0].shape[1], cells[0].shape[0]), Image.Resampling.BICUBIC))
        old = torch.from_numpy(before[..., :3]).permute(2, 0, 1)
        return [_shaded(old, cell, seed) for cell, seed in zip(cells, seeds, strict=True)]


def mask_of(anew: Redrawn, size: tuple[int, int], drawn: tuple[int, int]) -> Image.Image:
    """Where things are drawn anew, in a picture that is drawn in another size: the middle square of it is known."""
    square = Image.fromarray((anew.area * 255).byte().numpy())
    edge = min(drawn)
    white = Image.new("L", drawn)
    white.paste(square.resize((edge, edge)), ((drawn[0] - edge) // 2, (drawn[1] - edge) // 2))
    return white.resize(size, Image.Resampling.BILINEAR).point([0] * 64 + [255] * 192)


def _shaded(before: torch.Tensor, cell: Pixels, seed: int) -> Pixels:
    after = torch.from_numpy(cell[..., :3]).permute(2, 0, 1)
    made = cell.copy()
    made[..., :3] = shaded(before, after, seed % VARIANTS).permute(1, 2, 0).numpy()
    return made


class _Remembering:
    """Changes what the text encoder answers for the prompt: row i remembers drawings number i."""

    def __init__(self, drawings: list[torch.Tensor]) -> None:
        self._drawings, self._is_done = torch.stack(drawings), False

    def __call__(self, call: ParkedCall, output: Any) -> Any:
        ids, encoder = token_ids(call), call.module
        if self._is_done or ids is None or not isinstance(encoder, RememberingTextEncoder):
            return output
        self._is_done = True
        return tree_map_only(torch.Tensor, lambda states: encoder.remembering(states, self._drawings), output)
