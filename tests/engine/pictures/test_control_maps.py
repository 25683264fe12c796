from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from engine.pictures.control_maps import edges, is_empty, scribble


def square(paper: str, ink: str, *, filled: bool) -> Image.Image:
    canvas = Image.new("RGB", (256, 256), paper)
    ImageDraw.Draw(canvas).rectangle((64, 64, 192, 192), fill=ink if filled else None, outline=ink, width=3)
    return canvas


def test_edges_are_thin_white_lines_where_the_picture_changes() -> None:
    found = np.asarray(edges(square("white", "navy", filled=True)))
    assert set(np.unique(found)) == {0, 255}
    assert found[60:68, 128].any() and not found[100:150, 100:150].any() and not found[:50].any()


@pytest.mark.parametrize(("paper", "ink"), [("white", "black"), ("black", "white")])
def test_a_drawing_in_lines_is_taken_as_it_is_drawn(paper: str, ink: str) -> None:
    lines = np.asarray(scribble(square(paper, ink, filled=False)))
    assert lines[64:67, 128].all() and not lines[100:150, 100:150].any() and not lines[:50].any()


def test_the_scribble_of_a_photo_is_rougher_than_its_edges() -> None:
    photo = square("seagreen", "orange", filled=True)
    rough, thin = (np.asarray(make(photo)) > 0 for make in (scribble, edges))
    assert rough.sum() > 1.5 * thin.sum() and not rough[100:150, 100:150].any()


def test_a_blank_picture_shows_nothing() -> None:
    blank = Image.new("RGB", (64, 64), "pink")
    assert is_empty(edges(blank)) and is_empty(scribble(blank))
