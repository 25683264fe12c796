"""What an edit draws anew, and how the cells of an edit differ."""

from __future__ import annotations

import torch

from engine.pocket.boxes import BESIDE, SINGLE
from engine.pocket.pose import Pose
from engine.pocket.redrawing import VARIANTS, Sheets, Words, redrawn, thing_in
from engine.pocket.shades import shaded


def sheet(*boxes, colour=(0.8, 0.1, 0.1)):
    """One drawing, the same in three styles: rectangles of left, top, right, bottom."""
    drawn = torch.zeros(3, 4, 64, 64)
    for left, top, right, bottom in boxes:
        drawn[:, :3, top:bottom, left:right] = torch.tensor(colour)[:, None, None]
        drawn[:, 3, top:bottom, left:right] = 1
    return drawn


def shown(drawings, pose=None):
    art = drawings[:1]
    every = torch.ones(1, dtype=torch.bool)
    art = art if pose is None else pose.place(art, every, every)
    return art[:, :3] + 1 - art[:, 3:]


TALL = Sheets(sheet((20, 8, 44, 56)), SINGLE, (True,))
WIDE = Sheets(sheet((8, 22, 56, 42), colour=(0.1, 0.2, 0.9)), SINGLE, (True,))
ASIDE = Pose(*(torch.tensor([each]) for each in (0.88, 0.05, 0.04, -0.03)), torch.tensor([False]))


def test_an_edit_of_colour_or_background_draws_nothing_anew():
    painted = Sheets(sheet((20, 8, 44, 56), colour=(0.1, 0.7, 0.2)), SINGLE, (True,))
    picture = shown(TALL.drawings, ASIDE)

    assert redrawn(picture, Words("red box, flat", TALL), Words("green box, flat", painted)) is None
    assert redrawn(picture, Words("box", TALL), Words("box on a blue background", TALL)) is None
    assert redrawn(picture, Words("a red box", TALL), Words("a green box", WIDE)) is None


def test_another_thing_is_drawn_where_the_old_one_was():
    anew = redrawn(shown(TALL.drawings, ASIDE), Words("tall box", TALL), Words("wide box", WIDE))

    assert anew is not None
    assert float(anew.area.mean()) < 0.9
    for one in range(VARIANTS):
        for other in range(one):
            assert not torch.allclose(anew.drawings[one], anew.drawings[other])


def test_of_two_things_only_the_new_one_is_drawn():
    old = Sheets(sheet((4, 20, 28, 44), (36, 20, 60, 44)), BESIDE, (True, True))
    new = Sheets(sheet((4, 20, 28, 44), (44, 18, 52, 46)), BESIDE, (True, True))
    anew = redrawn(shown(old.drawings), Words("two boxes", old), Words("a box and a pole", new))

    assert anew is not None
    assert float(anew.area[:, :32].max()) == 0 and float(anew.area[:, 32:].mean()) > 0.3
    assert all(torch.equal(variant[..., :32], new.drawings[..., :32]) for variant in anew.drawings)


def test_a_thing_not_in_the_style_is_drawn_after_others():
    """The thing beside it has one, and is no reason to look at nothing."""
    old = Sheets(sheet((4, 20, 28, 44), (36, 20, 60, 44)), BESIDE, (True, True))
    drawings = sheet((4, 20, 28, 44), (44, 18, 52, 46))
    drawings[1, :, :, 32:] = 0
    anew = redrawn(
        shown(old.drawings), Words("two boxes", old), Words("a pole, flat", Sheets(drawings, BESIDE, (True,) * 2))
    )

    assert anew is not None
    assert all(float(variant[:, 3, :, 32:].max()) > 0.9 for variant in anew.drawings)


def test_a_thing_that_is_not_there_is_not_drawn_anew():
    stripes = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))

    assert redrawn(stripes, Words("tall box", TALL), Words("wide box", WIDE)) is None
    assert thing_in(stripes, Words("tall box", TALL)) is None


def test_a_thing_is_found_with_the_white_inside_it():
    picture = shown(TALL.drawings, ASIDE)
    picture[..., 28:36, 28:36] = 1.0
    thing = thing_in(picture, Words("tall box", TALL))

    assert thing is not None and bool(thing[28:36, 28:36].all()) and not bool(thing[:, :8].any())


def test_shades_change_what_changed():
    before = torch.ones(3, 32, 32)
    after = before.clone()
    after[:, :, 16:] = torch.tensor([0.8, 0.1, 0.1])[:, None, None]

    assert torch.equal(shaded(before, after, 0), after)
    for variant in range(1, VARIANTS):
        made = shaded(before, after, variant)
        assert torch.allclose(made[:, :, :12], after[:, :, :12])
        assert 0.01 < float((made - after)[:, :, 20:].abs().mean()) < 0.2
