"""The text encoder: all-MiniLM-L6-v2 stored as int8 rows, a stock `BertModel` once it is loaded."""

# torch and diffusers leave many types open
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from pathlib import Path
from typing import Any, Self

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import BertConfig, BertModel
from transformers.modeling_outputs import BaseModelOutputWithPoolingAndCrossAttentions

from engine.pocket.checkpoint import naming

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
