"""Shipped texts as vectors: `python -m tests.anchor_vectors` saves them anew after a change."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bot.domain.moderation import semantic_filter
from bot.domain.moderation.semantic_filter import Sentences, Vectors
from engine import POCKET_WEIGHTS
from engine.embedding.text_encoder import TextEncoder

FILE = Path(semantic_filter.__file__).with_name("anchors.npy")


def computed() -> Vectors:
    """The vectors of all shipped sentences, in their order."""
    return TextEncoder.load(POCKET_WEIGHTS).embed(Sentences.shipped().texts)


if __name__ == "__main__":
    np.save(FILE, computed(), allow_pickle=False)
