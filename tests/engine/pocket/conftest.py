"""A miniature of the training set: packages laid out as npm unpacks them, drawn by hand."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.pocket.art import LABELS, ArtSet, Package

VECTORS = ArtSet("fluent-emoji-flat", "flat", Package("@iconify-json/fluent-emoji-flat@1.2.6", "", "MIT"), share=1.0)
BITMAPS = ArtSet("fluent-3d", "3d", Package("@lobehub/fluent-emoji-3d@1.1.0", "", "MIT"), share=1.0)


_EMOJI = [
    {"label": "red apple", "hexcode": "1F34E", "tags": ["fruit", "“red”"], "group": 4},
    {"label": "sun", "hexcode": "2600-FE0F", "tags": [], "group": 5},
    {"label": "flag: France", "hexcode": "1F1EB-1F1F7", "tags": [], "group": 9},
    {"label": "family: man, woman, girl", "hexcode": "1F468-1F469-1F467", "tags": [], "group": 1},
    {"label": "regional indicator A", "hexcode": "1F1E6"},
]
_ICONS = {
    "red-apple": '<circle cx="16" cy="16" r="12" fill="#d02020"/>',
    "sun": '<circle cx="16" cy="16" r="10" fill="#f0c020"/>',
    "flag-france": '<path fill="#00f" d="M0 0h32v32H0z"/>',
    "family-man-woman-girl": '<path fill="#888" d="M8 8h16v16H8z"/>',
    "unheard-of": '<path d="M0 0h1v1H0z"/>',
}
_CHARS = {
    "1f34e": "red-apple",
    "2600": "sun",
    "1f1eb-1f1f7": "flag-france",
    "1f468-1f469-1f467": "family-man-woman-girl",
}


@pytest.fixture
def art() -> tuple[ArtSet, ...]:
    return BITMAPS, VECTORS


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    labels = LABELS.folder_in(tmp_path) / "en"
    labels.mkdir(parents=True)
    (labels / "data.json").write_text(json.dumps(_EMOJI))
    vectors = VECTORS.package.folder_in(tmp_path)
    vectors.mkdir(parents=True)
    icons = {"width": 32, "height": 32, "icons": {name: {"body": body} for name, body in _ICONS.items()}}
    (vectors / "icons.json").write_text(json.dumps(icons))
    (vectors / "chars.json").write_text(json.dumps(_CHARS))
    bitmaps = BITMAPS.package.folder_in(tmp_path) / "assets"
    bitmaps.mkdir(parents=True)
    for name in ("1f34e", "1f600"):  # the second has no vector twin, so its licence is unclear
        disc = np.zeros((256, 256, 4), np.uint8)
        disc[64:192, 64:192] = (210, 30, 30, 255)
        Image.fromarray(disc).save(bitmaps / f"{name}.webp", lossless=True)
    return tmp_path
