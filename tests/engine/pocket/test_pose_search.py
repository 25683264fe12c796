"""Where a remembered drawing stands in a picture, noise that agrees with it, and drawings for a part of a picture."""

import pytest
import torch
from torch import Tensor

from engine.pocket.codec import with_luminance
from engine.pocket.framing import Frame
from engine.pocket.pose import Pose, numbers_of, static_of, with_numbers
from engine.pocket.pose_search import UPRIGHT, pose_in
from engine.pocket.settling import Settling

ONE = torch.ones(1)
STANDS = Pose(ONE * 0.88, ONE * 0.09, ONE * 0.06, ONE * -0.05, ONE > 0)


def sheet() -> Tensor:
    """A blue flag on a brown pole, right of the middle (1, 4, 64, 64), premultiplied."""
    drawing = torch.zeros(1, 4, 64, 64)
    drawing[:, :, 8:56, 30:34] = torch.tensor([0.5, 0.3, 0.1, 1])[:, None, None]
    drawing[:, :, 10:26, 34:58] = torch.tensor([0.1, 0.2, 0.9, 1])[:, None, None]
    return drawing


def shown(pose: Pose, ground: float = 1.0) -> Tensor:
    """The flag as it stands on a background (1, 3, 64, 64)."""
    placed = pose.place(sheet(), ONE > 0, ONE > 0)
    return placed[:, :3] + (1 - placed[:, 3:]) * ground


def told(pose: Pose) -> list[float]:
    return [float(each) for each in (pose.scale, pose.turn, pose.right, pose.down, pose.mirrored)]


@pytest.mark.parametrize("ground", [1.0, 0.3])
def test_a_drawing_is_found_as_it_stands(ground):
    found = pose_in(shown(STANDS, ground), sheet(), alone=True, mirrorable=True)

    assert found is not None
    assert told(found) == pytest.approx(told(STANDS), abs=0.025)


def test_another_thing_is_not_taken_for_it():
    picture = torch.ones(1, 3, 64, 64)
    picture[:, :, 20:50, 5:25] = 0.4

    assert pose_in(picture, sheet(), alone=True, mirrorable=True) is None
    assert pose_in(torch.ones(1, 3, 64, 64), sheet(), alone=True, mirrorable=True) is None


def test_several_things_are_seen_only_where_words_put_them():
    assert pose_in(shown(UPRIGHT), sheet(), alone=False, mirrorable=False) is UPRIGHT
    assert pose_in(shown(STANDS), sheet(), alone=False, mirrorable=False) is None


@pytest.mark.parametrize("size", [(64, 64), (56, 40), (33, 57)])
def test_noise_is_given_the_numbers_of_a_pose(size):
    noise = torch.randn(3, 4, *size, generator=torch.Generator().manual_seed(1))
    numbers = STANDS.numbers.expand(3, -1)

    settled = with_numbers(noise, numbers, 16)

    torch.testing.assert_close(numbers_of(settled, 16), numbers, atol=1e-3, rtol=1e-3)
    assert (settled - noise).abs().max() < 0.5 and 0.95 < settled.std() < 1.05


def test_held_noise_has_the_pictures_pose_and_free_noise_its_own():
    noise = torch.randn(4, 4, 64, 64, generator=torch.Generator().manual_seed(3))
    clean = with_luminance(shown(STANDS) * 2 - 1).expand(4, -1, -1, -1)

    kept, held = Settling(STANDS, True, 16, 0.0)(clean, noise)
    moved, free = Settling(STANDS, True, 16, 1.0)(clean, noise)

    assert kept is clean
    poses = Pose.of(static_of(held, torch.zeros(4)))
    torch.testing.assert_close(poses.turn, STANDS.turn.expand(4), atol=1e-3, rtol=1e-3)
    assert poses.mirrored.all()
    torch.testing.assert_close(free, noise, atol=1e-3, rtol=1e-3)
    own = Pose.of(static_of(noise, torch.zeros(4)))
    for row in range(4):
        pose = Pose(*(each[row : row + 1] for each in (own.scale, own.turn, own.right, own.down, own.mirrored)))
        assert ((moved[row : row + 1, :3] + 1) / 2 - shown(pose)).abs().mean() < 0.02, "the flag went along"


def test_what_may_not_be_mirrored_keeps_its_side():
    noise = torch.randn(8, 4, 64, 64, generator=torch.Generator().manual_seed(3))

    _, settled = Settling(STANDS, False, 16, 1.0)(torch.zeros(8, 4, 64, 64), noise)

    assert Pose.of(static_of(settled, torch.zeros(8))).mirrored.all()


def test_a_tile_has_its_part_of_the_drawing():
    whole = STANDS.place(sheet(), ONE > 0, ONE > 0)
    tile = Frame(size=(64, 64), at=(0, 0, 2, 2), picture_size=(64, 64)).drawings(sheet(), STANDS)

    torch.testing.assert_close(torch.nn.functional.avg_pool2d(tile, 2), whole[:, :, :32, :32], atol=0.3, rtol=0)
    assert tile.sum() == pytest.approx(4 * float(whole[:, :, :32, :32].sum()), rel=0.05)


def test_a_canvas_has_it_where_the_picture_lies():
    canvas = Frame(size=(96, 64), at=(0.25, 0.25, 0.75, 1.0), picture_size=(64, 64)).drawings(sheet(), UPRIGHT)

    rows, columns = (canvas[0, 3] > 0.5).nonzero().T
    # The pole's 48 of 64 pixels; the middle square begins at pixel 16 of 96, the picture at 24.
    assert rows.max() - rows.min() + 1 == pytest.approx(48 * 0.75, abs=2)
    assert columns.min() == pytest.approx(24 - 16 + 30 * 0.75, abs=2)


def test_what_is_not_shown_is_drawn_in_a_free_place_or_nowhere():
    frame = Frame(size=(64, 64), at=(0, 0, 1, 1), picture_size=(64, 64), free=(0.5, 0, 1, 0.5))

    rows, columns = (frame.drawings(sheet(), None)[0, 3] > 0.5).nonzero().T

    assert columns.min() >= 32 and rows.max() < 32
    assert columns.max() == pytest.approx(32 + 58 / 2, abs=2)
    assert not Frame(size=(64, 64), at=(0, 0, 1, 1), picture_size=(64, 64)).drawings(sheet(), None).any()


def test_a_pose_found_on_the_processor_serves_other_devices():
    noise = torch.empty(2, 4, 64, 64, device="meta")

    moved, settled = Settling(STANDS, True, 16, 1.0)(torch.empty_like(noise), noise)

    assert moved.device == settled.device == noise.device
    assert moved.shape == settled.shape == noise.shape
