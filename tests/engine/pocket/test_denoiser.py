import pytest
import torch
from safetensors.torch import save_file

from engine.pocket.denoiser import PocketDenoiser
from engine.pocket.errors import BrokenWeights
from engine.pocket.noise import alphas_cumprod, noise_scheduler, reduced


@pytest.fixture
def denoiser() -> PocketDenoiser:
    torch.manual_seed(0)
    model = PocketDenoiser(conv_channels=16, width=32, depth=2, heads=2, cross_attention_dim=12).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.1)  # zero-initialised layers would hide mistakes
    return model


def _states(rows: int, words: int = 5) -> torch.Tensor:
    return torch.randn(rows, words, 12, generator=torch.Generator().manual_seed(1))


@torch.inference_mode()
def test_output_has_the_shape_of_the_sample_at_any_size(denoiser):
    for height, width in ((64, 64), (32, 32), (64, 96), (72, 40)):
        sample = torch.randn(2, 4, height, width)
        assert denoiser(sample, 500, _states(2)).sample.shape == sample.shape
        assert denoiser(sample, 500, _states(2), return_dict=False)[0].shape == sample.shape


@torch.inference_mode()
def test_rows_at_different_steps_do_not_touch_each_other(denoiser):
    sample, states = torch.randn(3, 4, 64, 64), _states(3)
    steps = torch.tensor([999.0, 512.5, 100.0])

    together = denoiser(sample, steps, states).sample

    for row in range(3):
        alone = denoiser(sample[row : row + 1], steps[row], states[row : row + 1]).sample
        torch.testing.assert_close(together[row], alone[0], rtol=1e-3, atol=1e-3)


@torch.inference_mode()
def test_zero_states_are_padding(denoiser):
    sample, states = torch.randn(1, 4, 64, 64), _states(1)
    padded = torch.cat((states, torch.zeros(1, 7, 12)), dim=1)

    torch.testing.assert_close(
        denoiser(sample, 700, states).sample, denoiser(sample, 700, padded).sample, rtol=1e-3, atol=1e-3
    )


@torch.inference_mode()
def test_without_reduction_there_is_only_the_picture():
    whole = PocketDenoiser(
        conv_channels=16, width=32, depth=1, heads=2, cross_attention_dim=12, reduction=1, sample_size=32
    )

    estimates = whole.estimates(torch.randn(1, 4, 32, 32), torch.ones(1), _states(1))

    assert [each.shape for each in estimates] == [(1, 3, 32, 32)]


@torch.inference_mode()
def test_a_sketch_is_half_as_large_as_the_picture(denoiser):
    estimates = denoiser.estimates(torch.randn(1, 4, 64, 64), torch.ones(1), _states(1))

    assert [each.shape for each in estimates] == [(1, 3, 32, 32), (1, 3, 64, 64)]


def test_a_reduced_sample_is_a_proper_noisy_sample_again():
    ratio = torch.tensor([0.05, 1.0, 6.0])
    alpha, sigma = ratio / (1 + ratio**2).sqrt(), 1 / (1 + ratio**2).sqrt()
    flat = torch.full((3, 4, 256, 256), 0.5)
    sample = alpha[:, None, None, None] * flat + sigma[:, None, None, None] * torch.randn(flat.shape)

    small, better = reduced(sample, ratio, 2)

    expected = better / (1 + better**2).sqrt()
    torch.testing.assert_close(small.mean((1, 2, 3)), 0.5 * expected, atol=0.01, rtol=0.02)
    torch.testing.assert_close(small.std((1, 2, 3)), (1 - expected**2).sqrt(), atol=0.01, rtol=0.02)


@torch.inference_mode()
def test_the_velocity_leads_back_to_the_networks_own_picture(denoiser):
    sample, states = torch.randn(1, 4, 64, 64), _states(1)
    alpha, sigma = alphas_cumprod()[600].sqrt(), (1 - alphas_cumprod()[600]).sqrt()

    velocity = denoiser(sample, 600, states).sample

    clean = denoiser.predict_clean(sample, (alpha / sigma)[None], states)
    torch.testing.assert_close(alpha * sample - sigma * velocity, clean, rtol=1e-3, atol=1e-3)


def test_the_levels_are_those_of_the_noise_scheduler():
    ours, theirs = alphas_cumprod(), noise_scheduler().alphas_cumprod

    assert torch.allclose(ours, theirs, rtol=1e-4, atol=1e-9)
    assert ours[-1] < 1e-6  # the last step is pure static


@torch.inference_mode()
def test_half_precision_keeps_the_noise_levels(denoiser, tmp_path):
    denoiser.save_pretrained(tmp_path)
    rough = PocketDenoiser.from_pretrained(tmp_path, torch_dtype=torch.bfloat16)
    sample, states = torch.randn(1, 4, 64, 64), _states(1)

    exact = denoiser(sample, 998, states).sample
    close = rough(sample.bfloat16(), 998, states.bfloat16()).sample

    assert torch.nn.functional.cosine_similarity(exact.flatten(), close.float().flatten(), dim=0) > 0.98


def test_a_damaged_file_is_named_with_what_mends_it(denoiser, tmp_path):
    denoiser.save_pretrained(tmp_path)
    file = tmp_path / "diffusion_pytorch_model.safetensors"
    file.write_bytes(file.read_bytes()[:1000])

    with pytest.raises(BrokenWeights, match=r"diffusion_pytorch_model.safetensors .*git checkout"):
        PocketDenoiser.from_pretrained(tmp_path)


def test_tensors_of_another_model_are_refused(denoiser, tmp_path):
    denoiser.save_pretrained(tmp_path)
    save_file({"body.0.weight": torch.zeros(3)}, tmp_path / "diffusion_pytorch_model.safetensors")

    with pytest.raises(BrokenWeights, match="its tensors are of another model"):
        PocketDenoiser.from_pretrained(tmp_path)


def test_a_foreign_file_is_refused(denoiser, tmp_path):
    denoiser.save_pretrained(tmp_path)
    config = tmp_path / "config.json"
    config.write_text(config.read_text().replace('"width": 32', '"width": 64'))

    with pytest.raises(BrokenWeights):
        PocketDenoiser.from_pretrained(tmp_path)
