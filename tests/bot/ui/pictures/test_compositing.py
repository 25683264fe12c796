from __future__ import annotations

import asyncio
import io
import os
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image, ImageSequence

from bot.ui.pictures.compositing import FILM_SIDE, Drawing, animate, compose, contact_sheet, region_mask
from bot.ui.pictures.lineage_tree import Relative, draw
from engine.pictures.images import open_picture
from tests.bot.scripted import COLOURS, png, webp


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def test_the_grid_reads_left_to_right_top_to_bottom() -> None:
    content, suffix = compose([png(colour) for colour in COLOURS], 10**6)
    grid = opened(content)
    corners = [grid.getpixel(at) for at in ((5, 5), (100, 5), (5, 100), (100, 100))]
    assert (grid.size, suffix) == ((128, 128), "png")
    assert corners == [(255, 0, 0), (0, 128, 0), (0, 0, 255), (255, 255, 0)]


def test_a_grid_too_heavy_becomes_a_webp_that_fits() -> None:
    noise = io.BytesIO()
    Image.frombytes("RGB", (128, 128), os.urandom(128 * 128 * 3)).save(noise, "PNG")
    content, suffix = compose([noise.getvalue()] * 4, 40_000)
    assert suffix == "webp" and len(content) <= 40_000


def test_one_picture_is_itself() -> None:
    assert compose([png()], 10**6) == (png(), "png")


def test_a_mask_is_white_in_the_chosen_ninths_only() -> None:
    mask = open_picture(region_mask(png(side=90), {0, 4}))
    assert mask.size == (90, 90)
    assert [mask.getpixel(at)[0] for at in ((5, 5), (45, 45), (45, 5), (89, 89))] == [255, 255, 0, 0]


def test_the_film_has_every_frame_and_fits() -> None:
    film = opened(animate([webp(colour) for colour in COLOURS], [png("white"), png("black")], 10**6))
    assert film.format == "WEBP" and max(film.size) == FILM_SIDE, "small frames are shown large"
    shown = [frame.convert("RGB") for frame in ImageSequence.Iterator(film)]
    assert len(shown) == 5, "the finished pictures come last"
    assert min(shown[-1].getpixel((5, 5))) > 240 and max(shown[-1].getpixel((FILM_SIDE - 5, 5))) < 15
    noise = [Image.frombytes("RGB", (128, 128), os.urandom(128 * 128 * 3)) for _ in range(3)]
    frames = []
    for picture in noise:
        buffer = io.BytesIO()
        picture.save(buffer, "WEBP", quality=90)
        frames.append(buffer.getvalue())
    assert len(animate(frames, [png()], 8_000)) <= 8_000


def row(words: str) -> bytes:
    """A family tree of one, as pixels."""
    drawn = draw([Relative("a", None, 0, (), "a fox", words)], 256 * 1024)
    return Image.open(io.BytesIO(drawn)).convert("L").tobytes()


@pytest.mark.parametrize("words", ["рыжая лиса", "κόκκινη αλεπού", "ثعلب أحمر", "a fox → ★"])
def test_a_family_tree_writes_in_other_scripts(words: str) -> None:
    assert row(words) != row("".join("·" if letter > "\u024f" else letter for letter in words))


def test_letters_that_no_font_has_are_dots() -> None:
    assert row("ж\U0010fffd\u202e") == row("ж··")


def test_contact_sheets_and_family_trees_fit() -> None:
    assert len(contact_sheet([png(colour) for colour in COLOURS], 50_000)) <= 50_000
    tree = [
        Relative("a", None, 0, (png(), png("blue")), "imagine by ada", "fox " * 99),
        Relative("b", "a", 1, (), "vary by 花子"),
    ]
    assert opened(draw(tree, 50_000)).width > 300


def test_a_place_without_a_picture_is_as_grey_as_the_rest() -> None:
    sheet = opened(contact_sheet([png(colour) for colour in (*COLOURS, "red")][:5], 500_000)).convert("RGB")
    around, empty = sheet.getpixel((3, 3)), sheet.getpixel((sheet.width - 3, sheet.height - 3))
    assert all(abs(one - other) < 6 for one, other in zip(around, empty, strict=True)), (around, empty)


async def test_drawing_never_holds_up_the_loop() -> None:
    with ThreadPoolExecutor(1) as executor:
        pictures = [png(colour, 768) for colour in COLOURS]
        drawn = asyncio.create_task(Drawing(executor).grid(pictures, 10 * 2**20))
        turns = 0
        while not drawn.done():
            await asyncio.sleep(0.001)
            turns += 1
    assert drawn.result()[1] == "png" and turns > 3


def test_transparency_is_kept_and_shown_by_a_grid() -> None:
    buffer = io.BytesIO()
    clear = Image.new("RGBA", (64, 64))
    clear.paste((255, 0, 0, 255), (16, 16, 48, 48))
    clear.save(buffer, "PNG")
    single = opened(compose([buffer.getvalue()], 10**6)[0])
    assert single.mode == "RGBA" and single.getpixel((2, 2))[3] == 0
    grid = opened(compose([buffer.getvalue()] * 4, 10**6)[0])
    assert grid.mode == "RGB" and grid.getpixel((32, 32)) == (255, 0, 0) and min(grid.getpixel((2, 2))) > 200
