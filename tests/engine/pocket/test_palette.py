import pytest
import torch

from engine.pocket.palette import COLOURS, MainColour, hsv, recolour, rgb


def _disc(colour: tuple[float, float, float]) -> torch.Tensor:
    """A disc of one colour with a white highlight on nothing, (1, 4, 32, 32)."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, 32), torch.linspace(-1, 1, 32), indexing="ij")
    picture = torch.zeros(1, 4, 32, 32)
    picture[0, :3] = torch.tensor(colour)[:, None, None]
    picture[0, 3] = (x**2 + y**2 < 0.8).float()
    picture[0, :3, 10:13, 10:13] = 1.0
    return picture


def test_hsv_and_back():
    colours = torch.rand(4, 3, 16, 16)

    assert torch.allclose(rgb(hsv(colours)), colours, atol=1e-5)


@pytest.mark.parametrize("word", [word for word, (_, saturation, _) in COLOURS.items() if saturation > 0.3])
def test_a_painted_disc_has_the_colour_it_was_painted(word):
    red = _disc((0.85, 0.1, 0.1))

    painted = recolour(red, MainColour.of(red), torch.tensor([COLOURS[word]]))

    assert MainColour.of(painted).word(0) == word
    assert torch.equal(painted[0, :3, 11, 11], torch.ones(3))  # highlights stay


def test_grey_art_is_not_recolourable():
    assert not MainColour.of(_disc((0.5, 0.5, 0.5))).recolourable[0]


def test_art_of_two_colours_has_the_commoner_one():
    green_and_yellow = _disc((0.1, 0.8, 0.6))
    green_and_yellow[0, :3, 17:] = torch.tensor([1.0, 0.75, 0.2])[:, None, None]

    assert not MainColour.of(green_and_yellow).recolourable[0], "their mean is neither"
    commonest = MainColour.commonest(green_and_yellow)
    assert 150 < float(commonest.hue) < 175 and 0.4 < float(commonest.share) < 0.6
    painted = recolour(green_and_yellow, commonest, torch.tensor([COLOURS["pink"]]))
    assert float(hsv(painted[:, :3])[0, 0, 8, 16]) == pytest.approx(COLOURS["pink"][0], abs=3)
    torch.testing.assert_close(painted[0, :3, 25, 16], torch.tensor([1.0, 0.75, 0.2]))


def test_pale_art_is_coloured_where_that_counts():
    pale = _disc((0.72, 0.88, 0.92))

    assert float(MainColour.of(pale).share) == 0
    assert MainColour.of(pale, vivid=0.12).recolourable[0]
