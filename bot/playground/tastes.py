"""What the scripted friends like in a picture: warm colours, cold colours, light, or dark."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from types import MappingProxyType

from PIL import Image, ImageStat

Colour = tuple[float, float, float]
"""Mean red, green and blue, 0 to 255 each."""

TASTES: Mapping[str, Callable[[Colour], float]] = MappingProxyType(
    {
        "kim": lambda mean: mean[0] - mean[2],
        "lou": lambda mean: mean[2] - mean[0],
        "nia": lambda mean: sum(mean),
        "sam": lambda mean: -sum(mean),
    }
)
COLUMNS = 2


def liked(name: str, picture: bytes | None, slots: int, columns: int = COLUMNS) -> list[int]:
    """The slots of a grid of so many columns that a friend likes: the best, and a second that is nearly as good.

    Without a picture that can be read, one of the slots by the friend's name.
    """
    if picture is None or name not in TASTES:
        return [sum(map(ord, name)) % max(1, slots)]
    values = [TASTES[name](mean) for mean in _means(picture, slots, columns)]
    near = max(values) - 0.15 * (max(values) - min(values))
    return [slot for slot, value in enumerate(values) if value >= near]


def _means(picture: bytes, slots: int, columns: int) -> list[Colour]:
    grid = Image.open(io.BytesIO(picture)).convert("RGB")
    rows = -(-slots // columns)
    width, height = grid.width // columns, grid.height // rows
    found: list[Colour] = []
    for slot in range(slots):
        left, top = slot % columns * width, slot // columns * height
        red, green, blue = ImageStat.Stat(grid.crop((left, top, left + width, top + height))).mean
        found.append((red, green, blue))
    return found
