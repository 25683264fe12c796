"""A host's keys for a model: autoencoder, prediction, layers of CLIP, textual inversions; as stock diffusers draws."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline, StableDiffusionXLPipeline
from safetensors.torch import save_file

from engine.errors import ModelLoadFailed
from engine.requests import ImageRequest, PromptPart
from tests.engine.checkpoint import original_autoencoder
from tests.engine.families import FAMILIES, draw, parts
from tests.engine.file_models import loaded, same_weights
from tests.engine.local_worker import SIZE, LocalWorker

pytestmark = pytest.mark.filterwarnings("ignore")
WORDS = {"prompt": "a red apple", "num_inference_steps": 2, "width": 32, "height": 32, "output_type": "pt"}


def drawn(pipeline: Any, **asked: Any) -> torch.Tensor:
    pipeline.set_progress_bar_config(disable=True)
    return pipeline(generator=torch.Generator().manual_seed(1), **WORDS | asked).images


@pytest.fixture
def folder(family_folder: Callable[[str], Path]) -> Path:
    return family_folder("stable-diffusion")


@pytest.mark.parametrize("kind", ["folder", "file", "file in diffusers' names"])
def test_another_autoencoder_takes_the_place_of_the_models_own(kind: str, folder: Path, tmp_path: Path) -> None:
    other = parts.redraw(parts.kl_autoencoder(), seed=77)
    other.save_pretrained(tmp_path / "vae")
    key = tmp_path / "vae"
    if kind != "folder":
        (tmp_path / "at").mkdir()
        (tmp_path / "vae").rename(tmp_path / "at" / "vae")
        state = original_autoencoder(tmp_path / "at") if kind == "file" else other.state_dict()
        key = tmp_path / "fixed.safetensors"
        save_file({name: value.contiguous() for name, value in state.items()}, key)
    assert same_weights(loaded(folder, vae=str(key)).vae, other.state_dict())


def test_prediction_type_is_what_the_settings_say(folder: Path) -> None:
    model = loaded(folder, prediction_type="v_prediction")
    stock = StableDiffusionPipeline.from_pretrained(folder)
    stock.scheduler = type(stock.scheduler).from_config(stock.scheduler.config, prediction_type="v_prediction")
    assert torch.equal(drawn(model.pipeline("text_to_image")), drawn(stock))


def of_three_layers(name: str, folder: Path) -> Path:
    """A family's folder whose text encoders have a layer more."""
    pipeline = draw(FAMILIES[name])
    for component in ("text_encoder", "text_encoder_2"):
        if encoder := getattr(pipeline, component, None):
            encoder.config.num_hidden_layers = 3
            setattr(pipeline, component, parts.redraw(type(encoder)(encoder.config), seed=8))
    pipeline.save_pretrained(folder / "model")
    return folder / "model"


@pytest.mark.parametrize(
    ("name", "said", "stock"),
    [
        ("stable-diffusion", 1, None),
        ("stable-diffusion", 2, 1),
        ("stable-diffusion-xl", 2, None),
        ("stable-diffusion-xl", 3, 1),
    ],
)
def test_clip_skip_counts_as_civitai_does(name: str, said: int, stock: int | None, tmp_path: Path) -> None:
    """Through the whole worker; prompts of several parts are encoded with the same layer."""
    folder = of_three_layers(name, tmp_path)
    worker = LocalWorker(folder, keys={"clip_skip": said})
    asked = {"prompt": "a red apple", "model": "model", "seed": 1, "num_images": 1, "num_inference_steps": 2, **SIZE}
    (picture,) = worker.draw(ImageRequest(**asked))
    weighted = (PromptPart(text="a red apple", weight=1.0),)
    (same,) = worker.draw(ImageRequest(**asked | {"prompt_parts": weighted}))
    cls = StableDiffusionXLPipeline if "xl" in name else StableDiffusionPipeline
    pipeline = cls.from_pretrained(folder)
    guidance = worker.catalogue.spec("model").guidance_scale
    asked_too = {"clip_skip": stock} if "xl" in name or not stock else hidden_words(pipeline, stock)
    expected = drawn(pipeline, **SIZE, guidance_scale=guidance, **asked_too)[0].permute(1, 2, 0).numpy()
    assert abs(picture / 255 - expected).max() <= 1.01 / 255
    assert abs(same / 255 - expected).max() <= 1.01 / 255


def hidden_words(pipeline: Any, skipped: int) -> dict[str, Any]:
    """The words as an earlier layer has them: diffusers' own way fails with transformers 5 in Stable Diffusion 1."""
    found: dict[str, Any] = {"prompt": None}
    for key, text in (("prompt_embeds", "a red apple"), ("negative_prompt_embeds", "")):
        ids = pipeline.tokenizer(text, padding="max_length", max_length=77, return_tensors="pt").input_ids
        states = pipeline.text_encoder(ids, output_hidden_states=True).hidden_states
        found[key] = pipeline.text_encoder.final_layer_norm(states[-1 - skipped]).detach()
    return found


def vectors(width: int, count: int = 2) -> torch.Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(5))


def test_textual_inversions_are_words_of_a_prompt(folder: Path, tmp_path: Path) -> None:
    save_file({"emb_params": vectors(16)}, tmp_path / "soft.safetensors")
    model = loaded(folder, embeddings={"softlight": tmp_path / "soft.safetensors"})
    stock = StableDiffusionPipeline.from_pretrained(folder)
    without = drawn(stock, prompt="an apple in softlight")
    stock.load_textual_inversion(vectors(16), token="softlight")
    with_it = drawn(model.pipeline("text_to_image"), prompt="an apple in softlight")
    assert torch.equal(with_it, drawn(stock, prompt="an apple in softlight"))
    assert not torch.equal(with_it, without)


def test_textual_inversions_of_xl_have_vectors_for_both_encoders(
    family_folder: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = family_folder("stable-diffusion-xl")
    save_file({"clip_l": vectors(16), "clip_g": -vectors(16)}, tmp_path / "soft.safetensors")
    base = loaded(folder, embeddings={"softlight": tmp_path / "soft.safetensors"}).base
    assert torch.equal(base.text_encoder.get_input_embeddings().weight[-2:], vectors(16))
    assert torch.equal(base.text_encoder_2.get_input_embeddings().weight[-2:], -vectors(16))


REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "no such autoencoder": ("stable-diffusion", {"vae": "nowhere.safetensors"}, "vae: there is no file nowhere"),
    "a folder that is none": ("stable-diffusion", {"vae": "{work}"}, "vae: .* holds no config.json"),
    "a file without one": ("stable-diffusion", {"vae": "{work}/words.safetensors"}, "vae: .* holds no autoencoder"),
    "one of other channels": ("stable-diffusion", {"vae": "{work}/wide.safetensors"}, "vae: its weights do not fit"),
    "flow and a prediction": ("flux", {"prediction_type": "epsilon"}, "prediction_type: .* flow matching"),
    "no layers to leave out": ("flux", {"clip_skip": 2}, "clip_skip: FluxPipeline cannot"),
    "more layers than there are": ("stable-diffusion", {"clip_skip": 3}, "clip_skip: 3 counts from the last of only 2"),
    "no words to add": ("z-image", {"embeddings": {"x": "{work}/words.safetensors"}}, "takes no textual inversions"),
    "a pickle": ("stable-diffusion", {"embeddings": {"x": "{work}/x.pt"}}, "embeddings: x.pt is no safetensors file"),
    "two words": ("stable-diffusion", {"embeddings": {"a b": "{work}/words.safetensors"}}, "'a b' is no single word"),
    "of other features": (
        "stable-diffusion",
        {"embeddings": {"x": "{work}/words.safetensors"}},
        "words.safetensors has 24 features for a word, its text_encoder has 16",
    ),
    "no textual inversion": (
        "stable-diffusion",
        {"embeddings": {"x": "{work}/wide.safetensors"}},
        "wide.safetensors is no textual inversion",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_key_that_cannot_be_had_is_named(case: str, family_folder: Callable[[str], Path], tmp_path: Path) -> None:
    name, keys, said = REFUSED[case]
    save_file({"emb_params": vectors(24)}, tmp_path / "words.safetensors")
    wide = AutoencoderKL(block_out_channels=(8,) * 4, down_block_types=("DownEncoderBlock2D",) * 4, norm_num_groups=2)
    save_file(wide.state_dict(), tmp_path / "wide.safetensors")
    (tmp_path / "x.pt").write_bytes(b"pickle")
    filled = {
        key: {word: str(path).format(work=tmp_path) for word, path in value.items()}
        if isinstance(value, dict)
        else value.format(work=tmp_path)
        if isinstance(value, str)
        else value
        for key, value in keys.items()
    }
    with pytest.raises(ModelLoadFailed, match=f"'mine'.*{said}"):
        loaded(family_folder(name), **filled)
