"""How remembered drawings reach the denoiser, where they are put, and that they change nothing untaught."""

import pytest
import torch

from engine.pocket.denoiser import PocketDenoiser
from engine.pocket.prompt import Prompt
from engine.pocket.recall import fitted, packed, rows_of, unpacked
from engine.pocket.recipe import remembering

WIDTH = 64


def _small(**more: int) -> PocketDenoiser:
    torch.manual_seed(0)
    return PocketDenoiser(conv_channels=16, width=32, depth=2, heads=2, cross_attention_dim=WIDTH, **more).eval()


@pytest.fixture
def denoiser() -> PocketDenoiser:
    model = _small(remembered=3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.1)  # zero-initialised layers would hide mistakes
    return model


def _drawings(rows: int) -> torch.Tensor:
    return torch.rand(rows, 3, 4, 64, 64, generator=torch.Generator().manual_seed(2))


def _states(rows: int, words: int = 5) -> torch.Tensor:
    spoken = torch.randn(rows, words, WIDTH, generator=torch.Generator().manual_seed(1))
    return torch.cat((spoken, packed(_drawings(rows), torch.ones(rows), torch.ones(rows), WIDTH)), dim=1)


def test_drawings_travel_as_token_states_and_come_back():
    drawings, alone, mirrorable = _drawings(2), torch.tensor([True, False]), torch.tensor([False, True])

    states = packed(drawings, alone, mirrorable, WIDTH)

    assert states.shape == (2, rows_of(3, WIDTH), WIDTH)
    pictures, *flags = unpacked(states, 3)
    assert torch.equal(pictures.unflatten(1, (3, 4)), drawings)
    assert torch.equal(torch.stack(flags), torch.stack((alone, mirrorable)))
    assert torch.equal(Prompt.of(_states(2), 3).words, _states(2)[:, :5])


def test_a_wide_picture_has_its_drawings_in_the_middle():
    wide = fitted(_drawings(1).flatten(1, 2), 64, 96)

    assert torch.equal(wide[..., 16:80], _drawings(1).flatten(1, 2))
    assert not wide[..., :16].any() and not wide[..., 80:].any()
    assert fitted(_drawings(1).flatten(1, 2), 32, 32).shape == (1, 12, 32, 32)


@torch.inference_mode()
def test_what_is_remembered_changes_the_picture(denoiser):
    sample, states = torch.randn(1, 4, 64, 64), _states(1)

    empty = torch.cat((states[:, :5], torch.zeros_like(states[:, 5:])), dim=1)

    seen, forgotten = (denoiser(sample, 500, each).sample for each in (states, empty))

    assert (seen - forgotten).abs().mean() > 0.01


@torch.inference_mode()
@pytest.mark.parametrize("size", [(64, 64), (64, 96), (128, 64), (40, 72)])
def test_any_size_takes_drawings(denoiser, size):
    assert denoiser(torch.randn(2, 4, *size), 500, _states(2)).sample.shape == (2, 4, *size)


@torch.inference_mode()
def test_rows_do_not_look_at_each_others_drawings(denoiser):
    sample, states = torch.randn(3, 4, 64, 64), _states(3)

    together = denoiser(sample, 700, states).sample

    for row in range(3):
        one = slice(row, row + 1)
        torch.testing.assert_close(together[one], denoiser(sample[one], 700, states[one]).sample, rtol=1e-3, atol=1e-3)


@torch.inference_mode()
def test_a_memory_that_learned_nothing_is_silent():
    old = _small()
    for parameter in old.parameters():
        parameter.normal_(std=0.1)
    sample, states = torch.randn(2, 4, 64, 64), _states(2)

    grown = remembering(old).eval()

    assert grown.recall is not None
    torch.testing.assert_close(grown(sample, 300, states).sample, old(sample, 300, states[:, :5]).sample)
