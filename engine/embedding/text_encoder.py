"""Text embeddings: the embedded text encoder in numpy, without a worker and without torch.

The arithmetic is BERT's (https://arxiv.org/abs/1810.04805) with the weights of `engine/pocket/weights/text_encoder`,
whose torch twin steers the denoiser; a test holds the two together. This one answers while workers start, work or die.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false
# (safetensors, tokenizers, threadpoolctl and slices leave types open)

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file
from threadpoolctl import ThreadpoolController
from tokenizers import Tokenizer

from engine.errors import EngineError

Floats = npt.NDArray[np.float32]
"""(n, d) float32, a unit vector in each row."""

_SCALE = ".scale"
_MAX_TOKENS = 128


class TextEncoder:
    """Mean of the token states, normalised: the dot product of two of them is how alike they mean."""

    def __init__(self, config: Mapping[str, Any], state: Mapping[str, npt.NDArray[Any]], tokenizer: Tokenizer) -> None:
        self._heads, self._eps = int(config["num_attention_heads"]), float(config["layer_norm_eps"])
        self._layers, self._width = int(config["num_hidden_layers"]), int(config["hidden_size"])
        self._tokenizer = tokenizer
        # Of tens of thousands of words a text needs a few: the table stays as it is stored.
        self._words = "embeddings.word_embeddings.weight"
        self._stored = state
        self._blas = ThreadpoolController()
        self._state = {name: _rows(state, name) for name in state if name != self._words and not name.endswith(_SCALE)}

    @classmethod
    def load(cls, weights: Path) -> Self:
        """Read `text_encoder` and `tokenizer` of a model folder. Raises `EngineError` naming the folder."""
        folder = weights / "text_encoder"
        try:
            config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            tokenizer = Tokenizer.from_file(str(weights / "tokenizer" / "tokenizer.json"))
            tokenizer.no_padding()
            tokenizer.enable_truncation(_MAX_TOKENS)
            return cls(config, load_file(folder / "model.safetensors"), tokenizer)
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            raise EngineError(f"the text encoder in {folder} cannot be read ({error}): reinstall Darkroom") from error

    def embed(self, texts: Sequence[str]) -> Floats:
        """Texts -> unit vectors (n, d); longer texts are cut at 128 tokens."""
        if not texts:
            return np.empty((0, self._width), np.float32)
        tokens = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        # All texts in one row of tokens, without padding; only attention needs to know where each begins.
        ends = np.cumsum([len(ids) for ids in tokens])
        spans = [slice(end - len(ids), end) for ids, end in zip(tokens, ends, strict=True)]
        # On a busy CPU, threads that wait for each other make so small a product ten times slower.
        with self._blas.limit(limits=1, user_api="blas"):
            states = self._words_and_places(np.concatenate(tokens), spans)
            for layer in range(self._layers):
                states = self._layer(states, f"encoder.layer.{layer}.", spans)
        means = np.stack([states[span].mean(0) for span in spans])
        return means / np.linalg.norm(means, axis=1, keepdims=True)

    def _words_and_places(self, ids: npt.NDArray[np.int64], spans: Sequence[slice]) -> Floats:
        places = np.concatenate([np.arange(span.stop - span.start) for span in spans])
        words = _rows(self._stored, self._words, ids)
        at = self._state["embeddings.position_embeddings.weight"][places]
        return self._norm(
            words + at + self._state["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm"
        )

    def _layer(self, states: Floats, name: str, spans: Sequence[slice]) -> Floats:
        seen = self._attend(states, f"{name}attention.self.", spans)
        states = self._norm(
            states + self._linear(seen, f"{name}attention.output.dense"), f"{name}attention.output.LayerNorm"
        )
        thought = self._linear(_gelu(self._linear(states, f"{name}intermediate.dense")), f"{name}output.dense")
        return self._norm(states + thought, f"{name}output.LayerNorm")

    def _attend(self, states: Floats, name: str, spans: Sequence[slice]) -> Floats:
        query, key, value = (self._linear(states, name + part) for part in ("query", "key", "value"))
        seen = np.empty_like(states)
        for span in spans:
            q, k, v = (self._split(part[span]) for part in (query, key, value))
            scores = q @ k.transpose(0, 2, 1) / np.sqrt(np.float32(q.shape[-1]))
            weights = np.exp(scores - scores.max(-1, keepdims=True))
            mixed = weights / weights.sum(-1, keepdims=True) @ v
            seen[span] = mixed.transpose(1, 0, 2).reshape(-1, self._width)
        return seen

    def _split(self, part: Floats) -> Floats:
        """(L, d) -> (heads, L, d / heads)."""
        return part.reshape(len(part), self._heads, -1).transpose(1, 0, 2)

    def _linear(self, states: Floats, name: str) -> Floats:
        return states @ self._state[f"{name}.weight"].T + self._state[f"{name}.bias"]

    def _norm(self, states: Floats, name: str) -> Floats:
        centred = states - states.mean(-1, keepdims=True)
        spread = np.sqrt((centred * centred).mean(-1, keepdims=True) + self._eps)
        return centred / spread * self._state[f"{name}.weight"] + self._state[f"{name}.bias"]


def _rows(state: Mapping[str, npt.NDArray[Any]], name: str, index: npt.NDArray[np.int64] | None = None) -> Floats:
    """A tensor, or those rows of it, as float32: int8 rows have a scale each."""
    rows = state[name] if index is None else state[name][index]
    if (scale := state.get(name + _SCALE)) is None:
        return rows.astype(np.float32)
    return rows.astype(np.float32) * (scale if index is None else scale[index]).astype(np.float32)


def _gelu(x: Floats) -> Floats:
    return (x * (1 + _erf(x / math.sqrt(2))) / 2).astype(np.float32)


def _erf(x: Floats) -> npt.NDArray[np.floating[Any]]:
    """To 1.5e-7: Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26."""
    t = 1 / (1 + 0.3275911 * np.abs(x))
    series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    return np.copysign(1 - series * np.exp(-x * x), x)
