"""The text encoder: all-MiniLM-L6-v2 stored as int8 rows, a stock `BertModel` once it is loaded; with a memory too."""

# torch and diffusers leave many types open
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import BertConfig, BertModel
from transformers.modeling_outputs import BaseModelOutputWithPoolingAndCrossAttentions

from engine.pocket.checkpoint import naming
from engine.pocket.framing import Box, Frame, Size, framed
from engine.pocket.memory import Memory
from engine.pocket.pose import Pose
from engine.pocket.pose_search import pose_in
from engine.pocket.recall import packed, unpacked
from engine.pocket.redrawing import Sheets, Words
from engine.pocket.styles import STYLES

_FILE = "model.safetensors"
_SCALE = ".scale"

MAX_TOKENS = 24
"""Longest prompt in tokens, the two marks at its ends included; longer ones are cut with a warning."""


class PocketTextEncoder(BertModel):
    """BERT whose matrices lie on disk as int8 rows with one scale each; padded positions come out as zeros.

    Zero states let the denoiser see which positions are words, though pipelines hand it no mask.
    """

    def __init__(self, config: BertConfig, add_pooling_layer: bool = False) -> None:
        super().__init__(config, add_pooling_layer=add_pooling_layer)

    def forward(  # pyright: ignore[reportIncompatibleMethodOverride] - only what pipelines use
        self, input_ids: Tensor, attention_mask: Tensor | None = None, **kwargs: Any
    ) -> BaseModelOutputWithPoolingAndCrossAttentions:
        """Token ids (B, L) and mask (B, L) -> states (B, L, 384)."""
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        kwargs["return_dict"] = True
        output: Any = super().forward(input_ids=input_ids, attention_mask=mask, **kwargs)
        output.last_hidden_state = output.last_hidden_state * mask.unsqueeze(-1)
        return output

    @classmethod
    def from_pretrained(  # pyright: ignore[reportIncompatibleMethodOverride] - the base takes anything too
        cls, pretrained_model_name_or_path: str | Path, *_: Any, **kwargs: Any
    ) -> Self:
        """Load a folder that `save_pretrained` wrote; `dtype` (or `torch_dtype`) is honoured.

        Raises:
            BrokenWeights: the file is damaged or does not fit the config beside it.
        """
        folder = Path(pretrained_model_name_or_path)
        with naming(folder / _FILE):
            with torch.device("meta"):  # random weights would only be drawn to be replaced
                model = cls(BertConfig.from_pretrained(folder))
            model.load_state_dict(_unpack(load_file(folder / _FILE)), strict=True, assign=True)
            model._count_places()
        dtype = kwargs.get("dtype") or kwargs.get("torch_dtype") or torch.float32
        nn.Module.to(model, dtype=dtype)
        return model.eval()

    def _count_places(self) -> None:
        """Give the embeddings the two buffers that no file holds."""
        places = torch.arange(self.config.max_position_embeddings).expand((1, -1))
        self.embeddings.register_buffer("position_ids", places, persistent=False)
        self.embeddings.register_buffer("token_type_ids", torch.zeros_like(places), persistent=False)

    def save_pretrained(  # pyright: ignore[reportIncompatibleMethodOverride] - the base takes anything too
        self, save_directory: str | Path, **_: Any
    ) -> None:
        """Write config.json and int8 rows (a quarter of float32; state cosine to it at least 0.999)."""
        folder = Path(save_directory)
        folder.mkdir(parents=True, exist_ok=True)
        self.config.save_pretrained(folder)
        save_file(_pack(self.state_dict()), folder / _FILE)


def _pack(state: dict[str, Tensor]) -> dict[str, Tensor]:
    packed: dict[str, Tensor] = {}
    for name, weight in state.items():
        if weight.ndim < 2 or not weight.is_floating_point():
            packed[name] = weight.contiguous()
            continue
        scale = (weight.float().abs().amax(1, keepdim=True) / 127).clamp(min=1e-8).half()
        packed[name] = (weight.float() / scale.float()).round().clamp(-127, 127).to(torch.int8)
        packed[name + _SCALE] = scale
    return packed


def _unpack(packed: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        name: weight.float() * packed[name + _SCALE].float() if name + _SCALE in packed else weight
        for name, weight in packed.items()
        if not name.endswith(_SCALE)
    }


class RememberingTextEncoder(PocketTextEncoder):
    """`PocketTextEncoder` with a `Memory` in its folder."""

    def __init__(self, config: BertConfig, add_pooling_layer: bool = False) -> None:
        super().__init__(config, add_pooling_layer=add_pooling_layer)
        self._memory = Memory.nothing(len(STYLES), config.hidden_size)

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, **kwargs: Any
    ) -> BaseModelOutputWithPoolingAndCrossAttentions:
        """Token ids (B, L) and mask (B, L) -> states (B, 24 + R, 384), of which R hold drawings (see `packed`).

        The length is the same for all L: stock pipelines pad the negative prompt to that of the prompt's states, and
        expect as many states again.
        """
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        ids, mask = _cut(input_ids, mask)
        output = super().forward(ids, mask, **kwargs)
        states: Any = output.last_hidden_state
        words = F.pad(states, (0, 0, 0, MAX_TOKENS - states.shape[1]))
        output.last_hidden_state = torch.cat((words, self._remembered(ids, mask, states)), dim=1)
        return output

    def seen(self, states: Tensor, picture: Tensor) -> list[Pose | None]:
        """How what states (B, 24 + R, 384) bring to mind stands in a picture (1, 3, H, W) in [0, 1], if it is there."""
        sheets, alone, mirrorable = self._unpacked(states)
        told = zip(sheets, alone.tolist(), mirrorable.tolist(), strict=True)
        return [pose_in(picture, sheet[None].float(), alone=one, mirrorable=turns) for sheet, one, turns in told]

    def framed(
        self, states: Tensor, poses: Sequence[Pose | None], size: Size, at: Box, picture_size: Size, free: Box | None
    ) -> Tensor:
        """The same states with drawings where a `Frame` has them, whatever the static says."""
        sheets, alone, _ = self._unpacked(states)
        drawings = framed(sheets, poses, Frame(size, at, picture_size, free)).unflatten(1, (len(STYLES), -1))
        fixed = torch.zeros_like(alone)
        return torch.cat((states[:, :MAX_TOKENS], packed(drawings, fixed, fixed, states.shape[-1])), dim=1)

    def heard(self, text: str, ids: Sequence[int], states: Tensor) -> Words:
        """A prompt of one row, with its token ids and its states (1, 24 + R, 384)."""
        spoken = states[0, :MAX_TOKENS].float().cpu()
        layout = self._memory.layout(ids[1:-1][: MAX_TOKENS - 2], spoken.sum(0))
        return Words(text, Sheets(self._memory.sheets(layout), layout.boxes, self._memory.each_mirrorable(layout)))

    def remembering(self, states: Tensor, drawings: Tensor) -> Tensor:
        """States (B, 24 + R, 384) with other drawings (B, N, 4, 64, 64), that stay where they are."""
        fixed = torch.zeros(len(states))
        return torch.cat((states[:, :MAX_TOKENS], packed(drawings, fixed, fixed, states.shape[-1]).to(states)), dim=1)

    def _unpacked(self, states: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return unpacked(states[:, MAX_TOKENS:], len(STYLES))

    def knows(self, ids: Sequence[int]) -> bool:
        """Whether token ids without marks at their ends name something that was drawn; a guess does not count."""
        return self._memory.names(ids[: MAX_TOKENS - 2])

    def _remembered(self, input_ids: Tensor, mask: Tensor, states: Tensor) -> Tensor:
        sheets: list[Tensor] = []
        flags: list[tuple[bool, bool]] = []
        for ids, spoken, sentence in zip(input_ids.tolist(), mask.sum(1).tolist(), states.sum(1), strict=True):
            # The first and the last of them mark the ends.
            layout = self._memory.layout(ids[1 : max(1, spoken - 1)], sentence)
            sheets.append(self._memory.sheets(layout))
            flags.append((len(layout.things) == 1, self._memory.mirrorable(layout)))
        alone, mirrorable = torch.tensor(flags).unbind(1)
        return packed(torch.stack(sheets), alone, mirrorable, states.shape[-1]).to(states)

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | Path, *args: Any, **kwargs: Any) -> Self:
        """As `PocketTextEncoder`, with its memory.

        Raises:
            BrokenWeights: a file is missing, damaged or does not fit the config beside it.
        """
        model = super().from_pretrained(pretrained_model_name_or_path, *args, **kwargs)
        model._memory = Memory.load(Path(pretrained_model_name_or_path))
        return model

    def save_pretrained(self, save_directory: str | Path, **kwargs: Any) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """As `PocketTextEncoder`, with its memory."""
        super().save_pretrained(save_directory, **kwargs)
        self._memory.save(Path(save_directory))


def _cut(ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """The first 24 tokens; of longer prompts the last is the mark at their end."""
    kept = ids[:, :MAX_TOKENS].clone()
    spoken = mask.sum(1)
    longer = spoken > MAX_TOKENS
    kept[longer, -1] = ids[longer, spoken[longer] - 1]
    return kept, mask[:, :MAX_TOKENS]
