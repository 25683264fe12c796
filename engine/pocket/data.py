"""The training set: openly licensed emoji art, rendered once, with the words people use for it."""

import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.pocket.art import ART, LABELS, ArtSet
from engine.pocket.boxes import SIZE
from engine.pocket.errors import MissingData, MissingTool

DRAWN = "sprites.json"
"""In the cache once a training set was built there."""

RENDER = 256
"""Edge at which art is rendered before it is reduced; also the target size of the x4 upscaler."""

# Emojibase's group numbers (meta/groups.json of the package).
_PEOPLE, _COMPONENTS, _SYMBOLS, _FLAGS = 1, 2, 8, 9
_FAMILIES = re.compile(r"^(family|kiss|couple|men|women|people|woman and|man and)\b")
_GROUP_WEIGHT = {_PEOPLE: 0.25, _SYMBOLS: 0.35}
_FAMILY_WEIGHT = 0.05


@dataclass(frozen=True)
class Emoji:
    """One emoji of the CLDR list: its code points, its name, the words people search it by."""

    code: str
    label: str
    tags: tuple[str, ...]
    group: int


@dataclass(frozen=True)
class Sprite:
    """One drawing of one emoji; `weight` is its share in training before the style's own."""

    label: str
    tags: tuple[str, ...]
    style: str
    source: str
    code: str
    weight: float
    mirror: bool


@dataclass(frozen=True)
class Collection:
    """The built set: `pixels[i]` (SIZE, SIZE, 4) uint8, straight alpha, is the drawing of `sprites[i]`."""

    sprites: tuple[Sprite, ...]
    pixels: NDArray[np.uint8]

    @staticmethod
    def load(cache: Path) -> "Collection":
        """Read what `build` wrote.

        Raises:
            MissingData: nothing was built there.
        """
        if not (cache / DRAWN).exists():
            raise MissingData(cache)
        rows = json.loads((cache / DRAWN).read_text())
        sprites = tuple(Sprite(**row | {"tags": tuple(row["tags"])}) for row in rows)
        return Collection(sprites, np.load(cache / "pixels.npy"))


def build(cache: Path, advance: Callable[[str], None], art: tuple[ArtSet, ...] = ART) -> Collection:
    """Fetch, render and label every set of `art` into `cache`; `advance(set name)` is called per drawing."""
    emoji = {each.code: each for each in _emoji(cache)}
    sprites: list[Sprite] = []
    pixels: list[NDArray[np.uint8]] = []
    for source in art:
        for code, picture in _drawings(source, cache, emoji):
            sprites.append(_sprite(source, emoji[code]))
            pixels.append(np.asarray(picture.resize((SIZE, SIZE), Image.Resampling.BOX)))
            advance(source.name)
    np.save(cache / "pixels.npy", np.stack(pixels))
    (cache / DRAWN).write_text(json.dumps([asdict(sprite) for sprite in sprites]))
    return Collection.load(cache)


def _emoji(cache: Path) -> list[Emoji]:
    """The base emoji: no skin tones, no flags, no bare components."""
    rows = json.loads((LABELS.folder(cache) / "en" / "data.json").read_text())
    return [
        Emoji(_code(row["hexcode"]), _plain(row["label"]), tuple(map(_plain, row.get("tags", ()))), row["group"])
        for row in rows
        if row.get("group") not in (None, _COMPONENTS, _FLAGS)
    ]


def _code(hexcode: str) -> str:
    """Code points without the presentation selector, which packages add or drop at will."""
    return "-".join(part for part in hexcode.upper().split("-") if part != "FE0F")


def _plain(words: str) -> str:
    return words.replace(":", "").replace("“", "").replace("”", "").strip().lower()


def _sprite(source: ArtSet, emoji: Emoji) -> Sprite:
    weight = _FAMILY_WEIGHT if _FAMILIES.match(emoji.label) else _GROUP_WEIGHT.get(emoji.group, 1.0)
    return Sprite(
        emoji.label,
        emoji.tags,
        source.style,
        source.name,
        emoji.code,
        weight * source.share,
        mirror=emoji.group != _SYMBOLS and "right" not in emoji.label and "left" not in emoji.label,
    )


def _drawings(source: ArtSet, cache: Path, emoji: dict[str, Emoji]) -> Iterator[tuple[str, Image.Image]]:
    folder = source.package.folder(cache)
    if (folder / "assets").is_dir():
        return _bitmaps(folder / "assets", cache, emoji)
    return _vectors(folder, cache, emoji)


def _bitmaps(assets: Path, cache: Path, emoji: dict[str, Emoji]) -> Iterator[tuple[str, Image.Image]]:
    # Only code points that the vector Fluent set carries too: Microsoft published those under MIT.
    published = set(_names(cache).values())
    for path in sorted(assets.iterdir()):
        code = _code(path.stem)
        if code in emoji and code in published:
            picture = Image.open(path).convert("RGBA")
            yield code, picture.resize((RENDER, RENDER), Image.Resampling.LANCZOS)


def _vectors(folder: Path, cache: Path, emoji: dict[str, Emoji]) -> Iterator[tuple[str, Image.Image]]:
    icons = json.loads((folder / "icons.json").read_text())
    own = {name: _code(code) for code, name in json.loads((folder / "chars.json").read_text()).items()}
    by_name = _names(cache) | own
    by_letters = {_letters(each.label): each.code for each in emoji.values()}
    seen: set[str] = set()
    for name, icon in sorted(icons["icons"].items()):
        code = by_name.get(name) or by_letters.get(_letters(name))
        if code in emoji and code not in seen:
            seen.add(code)
            yield code, _render(icon["body"], icon.get("width", icons["width"]), icon.get("height", icons["height"]))


def _names(cache: Path) -> dict[str, str]:
    """Iconify's icon names -> code points, from the set that carries both."""
    flat = next(source for source in ART if source.name == "fluent-emoji-flat").package.folder(cache)
    return {name: _code(code) for code, name in json.loads((flat / "chars.json").read_text()).items()}


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _render(body: str, width: int, height: int) -> Image.Image:
    try:
        import resvg_py
    except ImportError as error:
        raise MissingTool("resvg-py", "`pip install resvg-py==0.5.0`") from error
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">{body}</svg>'
    png = resvg_py.svg_to_bytes(svg_string=svg, width=RENDER, height=RENDER, skip_system_fonts=True)
    return Image.open(io.BytesIO(bytes(png))).convert("RGBA")
