"""Guidance inside the denoiser: one row with the scale draws what two rows draw."""

import pytest
import torch
from diffusers import StableDiffusionPipeline
from diffusers.pipelines.latent_consistency_models.pipeline_latent_consistency_text2img import (
    LatentConsistencyModelPipeline,
)
from safetensors.torch import save_file

from engine.pocket import WEIGHTS
from engine.pocket.denoiser import PocketDenoiser
from engine.pocket.errors import BrokenWeights
from engine.pocket.noise import GUIDANCE_EMBEDDING, excess_of
from engine.pocket.prompt import spoken


@pytest.fixture
def denoiser() -> PocketDenoiser:
    torch.manual_seed(0)
    model = PocketDenoiser(conv_channels=16, width=32, depth=2, heads=2, cross_attention_dim=12).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.1)  # zero-initialised layers would hide mistakes
    model.no_words = torch.randn(1, 2, 12)
    return model


def embedded(*scales: float) -> torch.Tensor:
    embed = LatentConsistencyModelPipeline.get_guidance_scale_embedding
    return embed(None, torch.tensor(scales) - 1, embedding_dim=GUIDANCE_EMBEDDING)


def words(rows: int, count: int = 5) -> torch.Tensor:
    return torch.randn(rows, count, 12, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("scale", [1.0, 1.5, 2.5, 7.0, 30.0])
def test_the_scale_is_read_from_what_pipelines_embed(scale):
    torch.testing.assert_close(excess_of(embedded(scale)), torch.tensor([scale - 1]), atol=2e-4, rtol=1e-4)


@torch.inference_mode()
def test_the_sketch_is_that_of_two_rows(denoiser):
    sample, ratio, states = torch.randn(2, 4, 32, 32), torch.tensor([0.1, 1.0]), words(2)
    empty = torch.cat((denoiser.no_words, torch.zeros(1, 3, 12)), dim=1).expand(2, -1, -1)

    inside = denoiser.estimates(sample, ratio, states, excess_of(embedded(3.0, 3.0)))[0]

    given, without = (denoiser.estimates(sample, ratio, each)[0] for each in (states, empty))
    torch.testing.assert_close(inside, without + 3.0 * (given - without), atol=1e-3, rtol=1e-3)


@torch.inference_mode()
def test_rows_with_different_scales_do_not_touch_each_other(denoiser):
    sample, states, scales = torch.randn(3, 4, 64, 64), words(3), embedded(1.0, 2.5, 4.0)
    steps = torch.tensor([999.0, 512.5, 100.0])

    together = denoiser(sample, steps, states, timestep_cond=scales).sample

    for row in range(3):
        one = slice(row, row + 1)
        alone = denoiser(sample[one], steps[row], states[one], timestep_cond=scales[one]).sample
        torch.testing.assert_close(together[one], alone, rtol=1e-3, atol=1e-3)
    unguided = denoiser(sample[:1], steps[0], states[:1]).sample
    torch.testing.assert_close(together[:1], unguided, rtol=1e-3, atol=1e-3)


@torch.inference_mode()
def test_fixed_shapes_give_the_same_picture(denoiser):
    sample, states = torch.randn(2, 4, 64, 64), torch.cat((words(2), torch.zeros(2, 7, 12)), dim=1)
    quick = denoiser(sample, 700, states, timestep_cond=embedded(1.0, 2.5)).sample

    denoiser.fixed_shapes = True

    torch.testing.assert_close(
        denoiser(sample, 700, states, timestep_cond=embedded(1.0, 2.5)).sample, quick, rtol=1e-3, atol=1e-3
    )


def test_only_padding_of_every_row_is_left_out():
    states = torch.zeros(2, 6, 3)
    states[0, :2], states[1, :4], states[1, 2] = 1.0, 1.0, 0.0

    assert torch.equal(spoken(states), states[:, :4])
    assert spoken(torch.zeros(2, 6, 3)).shape == (2, 1, 3)


def test_the_empty_prompts_states_are_kept_with_the_weights(denoiser, tmp_path):
    denoiser.save_pretrained(tmp_path)

    again = PocketDenoiser.from_pretrained(tmp_path)

    assert again.no_words is not None
    assert torch.equal(again.no_words, denoiser.no_words)
    (tmp_path / "no_words.safetensors").write_bytes(b"broken")
    with pytest.raises(BrokenWeights, match="no_words"):
        PocketDenoiser.from_pretrained(tmp_path)


def test_without_them_a_denoiser_keeps_to_two_rows(denoiser, tmp_path):
    denoiser.no_words = None
    denoiser.save_pretrained(tmp_path)

    again = PocketDenoiser.from_pretrained(tmp_path)

    assert not again.guide_itself()
    assert again.config.time_cond_proj_dim is None


def test_other_tensors_in_their_place_are_refused(denoiser, tmp_path):
    denoiser.save_pretrained(tmp_path)
    save_file({"other": torch.zeros(1)}, tmp_path / "no_words.safetensors")

    with pytest.raises(BrokenWeights, match="no_words"):
        PocketDenoiser.from_pretrained(tmp_path)


def test_shipped_it_is_the_text_encoders_own_answer():
    pipeline = StableDiffusionPipeline.from_pretrained(WEIGHTS)
    ids = pipeline.tokenizer("", return_tensors="pt")

    with torch.inference_mode():
        states = pipeline.text_encoder(ids.input_ids, ids.attention_mask).last_hidden_state

    words = pipeline.unet.no_words
    torch.testing.assert_close(words, states[:, : words.shape[1]], atol=1e-4, rtol=1e-4)
    assert not states[:, words.shape[1] :].any(), "nothing is remembered for it"


def test_a_stock_pipeline_draws_nearly_the_same_with_one_row():
    pipeline = StableDiffusionPipeline.from_pretrained(WEIGHTS)
    pipeline.set_progress_bar_config(disable=True)
    rows: list[int] = []
    pipeline.unet.register_forward_pre_hook(lambda _, given: rows.append(len(given[0])))

    def draw(scale: float = 2.5) -> torch.Tensor:
        return pipeline(
            ["red heart, flat on a blue background"], num_inference_steps=6, guidance_scale=scale, output_type="pt",
            generator=torch.Generator().manual_seed(1),
        ).images  # fmt: skip

    two = draw()
    assert pipeline.unet.guide_itself()
    one, unguided, strong = draw(), draw(1.0), draw(5.0)

    assert rows == [2] * 6 + [1] * 18
    assert (one - two).abs().mean() < 0.05
    assert (strong - unguided).abs().mean() > 2 * (one - two).abs().mean(), "the scale keeps its meaning"
