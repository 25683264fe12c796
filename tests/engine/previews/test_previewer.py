"""x0 estimates are exact for every noise scheduler, and latents become small true-coloured pictures."""

from __future__ import annotations

import io
import math

import diffusers
import pytest
import torch
from diffusers import AutoencoderKL, AutoencoderKLQwenImage21, AutoencoderTiny, FluxPipeline, QwenImagePipeline
from diffusers.utils import is_scipy_available
from PIL import Image

from engine.previews.previewer import MAX_PREVIEW_BYTES, Previewer
from engine.sampling import latent_rgb
from engine.sampling.latent_layout import LatentLayout, RGBMap
from engine.sampling.latent_rgb import encode_pictures, fit_rgb_map, remembered_rgb_map, synthetic_pictures
from engine.sampling.x0 import predict_x0
from tests.engine.families import parts

# diffusers computes sigmas with numpy functions on tensors, which numpy 2 deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:__array_wrap__")
FLOW = {"use_flow_sigmas": True, "prediction_type": "flow_prediction", "flow_shift": 3.0}
V = {"prediction_type": "v_prediction"}

WITH_ANSWER = [
    ("EulerDiscreteScheduler", {}),
    ("EulerDiscreteScheduler", V),
    ("EulerDiscreteScheduler", {"use_karras_sigmas": True}),
    ("EulerAncestralDiscreteScheduler", {}),
    ("EulerAncestralDiscreteScheduler", V),
    ("HeunDiscreteScheduler", {}),
    ("HeunDiscreteScheduler", V),
    ("KDPM2DiscreteScheduler", {}),
    ("KDPM2AncestralDiscreteScheduler", {}),
    pytest.param("LMSDiscreteScheduler", {}, marks=pytest.mark.skipif(not is_scipy_available(), reason="needs scipy")),
    ("DDIMScheduler", {"clip_sample": False}),
    ("DDIMScheduler", {"clip_sample": True}),
    ("DDIMScheduler", {**V, "clip_sample": False}),
    ("DDIMScheduler", {"prediction_type": "sample", "clip_sample": False}),
    ("DDPMScheduler", {"clip_sample": False}),
    ("DDPMScheduler", {**V, "clip_sample": True}),
    ("EDMEulerScheduler", {}),
    ("SCMScheduler", {}),
]
"""Noise schedulers whose `step` tells its own x0."""

WITH_CONVERSION = [
    ("DPMSolverMultistepScheduler", {}),
    ("DPMSolverMultistepScheduler", V),
    ("DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++"}),
    ("DPMSolverMultistepScheduler", FLOW),
    ("DPMSolverMultistepInverseScheduler", {}),
    ("DPMSolverSinglestepScheduler", {}),
    ("UniPCMultistepScheduler", {}),
    ("UniPCMultistepScheduler", V),
    ("UniPCMultistepScheduler", FLOW),
    ("EDMDPMSolverMultistepScheduler", {}),
]
"""Noise schedulers that convert what the model gives into x0 first."""

RECOVERED = [
    ("PNDMScheduler", {"skip_prk_steps": True}),
    ("PNDMScheduler", {**V, "skip_prk_steps": True}),
    ("DEISMultistepScheduler", {}),
    ("DEISMultistepScheduler", FLOW),
    ("SASolverScheduler", {}),
    ("LCMScheduler", {"clip_sample": False}),
    ("TCDScheduler", {"clip_sample": False}),
    ("DPMSolverSinglestepScheduler", FLOW),
    ("FlowMatchEulerDiscreteScheduler", {"shift": 3.0}),
    ("FlowMatchEulerDiscreteScheduler", {"stochastic_sampling": True}),
    ("FlowMatchHeunDiscreteScheduler", {}),
    ("FlowMatchLCMScheduler", {}),
]
"""Noise schedulers that tell nothing: from noise of our own we know the answer."""


def made(name: str, options: dict) -> object:
    cls = getattr(diffusers, name)
    noise_scheduler = cls(**options)
    noise_scheduler.set_timesteps(5) if name != "SCMScheduler" else noise_scheduler.set_timesteps(
        5, intermediate_timesteps=None
    )
    return noise_scheduler


def steps(noise_scheduler, seed: int = 0):
    """(timestep, sample, model output) of a whole loop; the caller's `send` gives the next sample."""
    generator = torch.Generator().manual_seed(seed)
    sample = torch.randn(2, 4, 6, 6, generator=generator)
    count = 5 if isinstance(noise_scheduler, diffusers.SCMScheduler) else len(noise_scheduler.timesteps)
    for timestep in noise_scheduler.timesteps[:count]:
        if hasattr(noise_scheduler, "scale_model_input"):
            noise_scheduler.scale_model_input(sample, timestep)
        sample = yield timestep, sample, torch.randn(2, 4, 6, 6, generator=generator)


@pytest.mark.parametrize(("name", "options"), WITH_ANSWER)
def test_equals_what_the_noise_scheduler_says_itself(name, options):
    noise_scheduler = made(name, options)
    loop = steps(noise_scheduler)
    timestep, sample, output = next(loop)
    with pytest.raises(StopIteration):
        while True:
            x0 = predict_x0(noise_scheduler, output, sample, timestep)
            told = noise_scheduler.step(output, timestep, sample)
            assert torch.equal(x0, told.pred_original_sample) or (x0 - told.pred_original_sample).abs().max() < 1e-4
            timestep, sample, output = loop.send(told.prev_sample)


@pytest.mark.parametrize(("name", "options"), WITH_CONVERSION)
def test_equals_what_the_solver_converts_to(name, options):
    noise_scheduler = made(name, options)
    loop = steps(noise_scheduler)
    timestep, sample, output = next(loop)
    compared = 0
    with pytest.raises(StopIteration):
        while True:
            x0 = predict_x0(noise_scheduler, output, sample, timestep)
            if noise_scheduler.step_index is not None:
                assert (x0 - noise_scheduler.convert_model_output(output, sample=sample)).abs().max() < 1e-4
                compared += 1
            after = noise_scheduler.step(output, timestep, sample).prev_sample
            timestep, sample, output = loop.send(after)
    assert compared >= 4


@pytest.mark.parametrize(("name", "options"), RECOVERED)
@pytest.mark.parametrize("at", [0, 2, 4])
def test_recovers_the_picture_under_known_noise(name, options, at):
    noise_scheduler = made(name, options)
    picture, noise = torch.rand(2, 2, 4, 6, 6).unbind(0)
    timestep = noise_scheduler.timesteps[at]
    noise_scheduler.set_begin_index(at) if hasattr(noise_scheduler, "set_begin_index") else None
    if hasattr(noise_scheduler, "scale_noise"):
        level = noise_scheduler.sigmas[at]
        sample, output = (1 - level) * picture + level * noise, noise - picture
    else:
        sample = noise_scheduler.add_noise(picture, noise, timestep.reshape(1).expand(2))
        output = {"epsilon": noise, "flow_prediction": noise - picture}.get(options.get("prediction_type", "epsilon"))
        if output is None:
            kept = noise_scheduler.alphas_cumprod[int(timestep)]
            output = kept**0.5 * noise - (1 - kept) ** 0.5 * picture
    assert torch.allclose(predict_x0(noise_scheduler, output, sample, timestep), picture, atol=2e-3)


def test_a_learned_variance_is_left_out():
    noise_scheduler = made("DDPMScheduler", {"variance_type": "learned_range", "clip_sample": False})
    sample, output = torch.randn(2, 3, 8, 8), torch.randn(2, 6, 8, 8)
    timestep = noise_scheduler.timesteps[0]
    told = noise_scheduler.step(output, timestep, sample).pred_original_sample
    assert torch.allclose(predict_x0(noise_scheduler, output, sample, timestep), told, atol=1e-4)


def test_a_noise_scheduler_without_an_estimate_gives_none():
    class Odd:
        config = diffusers.configuration_utils.FrozenDict({"prediction_type": "epsilon"})

    assert predict_x0(Odd(), torch.zeros(1, 4, 2, 2), torch.zeros(1, 4, 2, 2), 5) is None


def smooth_vae(channels: int = 4, **config) -> AutoencoderKL:
    return parts.redraw(parts.kl_autoencoder(channels, **config), 3)


class AveragingVAE(torch.nn.Module):
    """A VAE whose best linear decoder is known: latents are a colour mixture of 8x8 pixel averages."""

    config = diffusers.configuration_utils.FrozenDict(
        {"latent_channels": 4, "block_out_channels": (1, 1, 1, 1), "scaling_factor": 0.5, "shift_factor": 0.25}
    )

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(5)
        self.mix = torch.nn.Parameter(torch.randn(4, 3, generator=generator))

    def encode(self, pictures: torch.Tensor):
        pooled = torch.nn.functional.avg_pool2d(pictures, 8)
        return type("Output", (), {"latents": torch.einsum("ck,bkhw->bchw", self.mix, pooled)})


def test_the_map_recovers_the_colours_of_a_linear_vae():
    vae = AveragingVAE()
    layout = LatentLayout.of(vae)
    previewer = Previewer(layout, fit_rgb_map(vae, layout))
    picture = (
        torch.nn.functional.interpolate(synthetic_pictures(3, 64), 8)[:2]
        .repeat_interleave(8, 2)
        .repeat_interleave(8, 3)
    )
    latents = (vae.encode(picture * 2 - 1).latents - 0.25) * 0.5
    found = previewer.pixels(latents, 64, 64)
    assert (found - torch.nn.functional.avg_pool2d(picture, 8)).abs().max() < 1e-3


def test_many_channels_carry_more_than_one_pixel_each():
    vae = smooth_vae(16)
    assert fit_rgb_map(vae, LatentLayout.of(vae)).upscale == 2
    vae = smooth_vae(4)
    assert fit_rgb_map(vae, LatentLayout.of(vae)).upscale == 1


def test_a_fit_that_took_long_is_kept(tmp_path, monkeypatch):
    vae = smooth_vae(16)
    layout, kept = LatentLayout.of(vae), tmp_path / "previews" / "x.safetensors"
    monkeypatch.setattr(latent_rgb, "_WORTH_KEEPING_S", 0.0)
    fitted = remembered_rgb_map(vae, layout, kept)
    again = remembered_rgb_map(None, layout, kept)
    assert torch.equal(fitted.weight, again.weight) and again.upscale == fitted.upscale == 2


def test_what_a_crash_has_left_of_a_fit_is_fitted_again(tmp_path, monkeypatch):
    vae, kept = smooth_vae(16), tmp_path / "x.safetensors"
    monkeypatch.setattr(latent_rgb, "_WORTH_KEEPING_S", 0.0)
    fitted = remembered_rgb_map(vae, LatentLayout.of(vae), kept)
    whole = kept.read_bytes()
    kept.write_bytes(whole[:20])
    assert torch.equal(remembered_rgb_map(vae, LatentLayout.of(vae), kept).weight, fitted.weight)
    assert kept.read_bytes() == whole


def identity(channels: int) -> Previewer:
    """Shows the first three channels of the VAE's latents."""
    layout = LatentLayout(channels, 8, torch.ones(1), torch.zeros(1))
    return Previewer(layout, RGBMap(torch.eye(3, channels), torch.zeros(3), 1))


@pytest.mark.parametrize("size", [(64, 64), (128, 64), (48, 80)])
@pytest.mark.parametrize("pipeline", [FluxPipeline, QwenImagePipeline])
def test_packed_latents_are_unfolded_as_the_pipelines_do(pipeline, size):
    width, height = size
    latents = torch.rand(2, 16, height // 8, width // 8)
    packed = pipeline._pack_latents(latents, 2, 16, height // 8, width // 8)
    assert torch.allclose(identity(16).pixels(packed, width, height), latents[:, :3])


def test_video_shaped_latents_show_their_first_frame():
    latents = torch.rand(2, 4, 1, 6, 8)
    assert torch.allclose(identity(4).pixels(latents, 64, 48), latents[:, :3, 0])


def test_flux2_patches_are_denormalised_before_they_are_unfolded():
    class Vae:
        config = diffusers.configuration_utils.FrozenDict(
            {"latent_channels": 4, "block_out_channels": (1, 1, 1, 1), "batch_norm_eps": 0.0}
        )
        bn = torch.nn.BatchNorm2d(16, affine=False)

    Vae.bn.running_mean, Vae.bn.running_var = torch.rand(16), torch.rand(16) + 0.5
    layout = LatentLayout.of(Vae())
    latents = torch.rand(1, 4, 8, 8)
    patches = torch.nn.functional.pixel_unshuffle(latents, 2)
    normal = (patches - Vae.bn.running_mean.view(1, -1, 1, 1)) / Vae.bn.running_var.view(1, -1, 1, 1) ** 0.5
    tokens = normal.flatten(2).transpose(1, 2)
    assert torch.allclose(layout.to_vae(layout.unpack(tokens, 64, 64)), latents, atol=1e-5)


def test_whole_latents_with_patch_statistics_are_denormalised():
    """Bria's FIBO 2 keeps its latents unfolded, and has FLUX.2's autoencoder."""
    scale, shift = torch.rand(16) + 0.5, torch.rand(16)
    layout, latents = LatentLayout(4, 8, scale, shift), torch.rand(1, 4, 8, 8)
    patches = torch.nn.functional.pixel_unshuffle(latents, 2)
    normal = torch.nn.functional.pixel_shuffle((patches - shift.view(1, -1, 1, 1)) / scale.view(1, -1, 1, 1), 2)
    assert torch.allclose(layout.to_vae(layout.unpack(normal, 64, 64)), latents, atol=1e-5)


def test_numbers_that_fit_no_channels_are_no_reason_to_fail():
    layout = LatentLayout(4, 8, torch.ones(7), torch.zeros(7))
    assert Previewer(layout, RGBMap(torch.eye(3, 4), torch.zeros(3), 1)).preview(torch.rand(1, 4, 8, 8), 64, 64) is None


def test_an_autoencoder_with_alpha_is_given_opaque_pictures():
    vae = AutoencoderKLQwenImage21(
        base_dim=8,
        decoder_base_dim=8,
        z_dim=8,
        dim_mult=[1] * 5,
        num_res_blocks=1,
        latents_mean=[0.0] * 8,
        latents_std=[1.0] * 8,
    )
    assert vae.config.in_channels == 4
    pictures = synthetic_pictures(1, 64)
    opaque = torch.cat([pictures * 2 - 1, torch.ones(1, 1, 64, 64)], dim=1)
    expected = vae.encode(opaque[:, :, None]).latent_dist.mode()[:, :, 0]
    assert torch.allclose(encode_pictures(vae, pictures), expected)


def test_pixel_models_are_shown_as_they_are():
    x0 = torch.tensor([-1.0, 0.0, 1.0]).view(1, 3, 1, 1).expand(2, 3, 16, 16)
    preview = Previewer(None, None).preview(x0, 16, 16)
    shown = Image.open(io.BytesIO(preview.image)).convert("RGB")
    red, green, blue = shown.getpixel((3, 3))
    assert red < 12 and 115 < green < 140 and blue > 243
    assert (shown.size, preview.width, preview.mime) == ((32, 16), 32, "image/jpeg")


def test_a_priors_embedding_is_no_picture():
    assert identity(4).preview(torch.randn(2, 1280), 64, 64) is None
    assert Previewer(None, None).preview(torch.randn(2, 1280), 64, 64) is None


def test_a_tiny_vae_is_used_when_configured():
    tiny = AutoencoderTiny(
        encoder_block_out_channels=(8, 8),
        decoder_block_out_channels=(8, 8),
        num_encoder_blocks=(1, 1),
        num_decoder_blocks=(1, 1),
        latent_channels=4,
    )
    layout = LatentLayout(4, 2, torch.ones(1), torch.zeros(1))
    latents = torch.randn(2, 4, 8, 8)
    expected = (tiny.decode(latents).sample / 2 + 0.5).clamp(0, 1)
    assert torch.allclose(Previewer(layout, None, tiny).pixels(latents, 16, 16), expected, atol=1e-6)


@pytest.mark.parametrize("cells", [1, 4, 16])
def test_even_pure_noise_stays_within_forty_kilobytes(cells):
    preview = identity(4).preview(torch.rand(cells, 4, 128, 128), 1024, 1024)
    assert len(preview.image) <= MAX_PREVIEW_BYTES
    assert preview.width == 256 * math.isqrt(cells)


def test_broken_numbers_do_not_stop_a_preview():
    assert identity(4).preview(torch.full((1, 4, 8, 8), math.nan), 64, 64) is not None
