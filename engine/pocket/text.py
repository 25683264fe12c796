"""Sentences as directions: the embedded text encoder for meaning, without any diffusion."""

# torch and diffusers leave many types open
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import BertTokenizer

from engine.pocket import WEIGHTS
from engine.pocket.text_encoder import PocketTextEncoder


class SentenceEncoder:
    """Mean of the token states, normalised: cosine between two of them is how alike they mean."""

    def __init__(self, weights: Path = WEIGHTS) -> None:
        self._tokenizer = BertTokenizer.from_pretrained(weights / "tokenizer")
        self._model = PocketTextEncoder.from_pretrained(weights / "text_encoder")

    @torch.inference_mode()
    def embed(self, texts: Sequence[str], max_tokens: int = 128) -> Tensor:
        """Texts -> unit vectors (n, 384) float32 on the CPU; longer texts are cut at `max_tokens`."""
        if not texts:
            return torch.empty(0, self._model.config.hidden_size)
        tokens = self._tokenizer(list(texts), padding=True, truncation=True, max_length=max_tokens, return_tensors="pt")
        states = self._model(tokens.input_ids, tokens.attention_mask).last_hidden_state
        # The mean over words: a sum over zeroed padding differs only in length, which normalising removes.
        return F.normalize(states.sum(1), dim=-1)


@cache
def _shipped() -> SentenceEncoder:
    return SentenceEncoder()


def embed(texts: Sequence[str]) -> Tensor:
    """`SentenceEncoder.embed` with the shipped weights, loaded on first use and kept."""
    return _shipped().embed(texts)
