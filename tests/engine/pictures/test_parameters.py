"""A picture's recipe is in the picture, readable for others and exact for us."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from PIL import Image

from engine.errors import InvalidRequest
from engine.events import Recipe
from engine.pictures.images import encode_png, read_text
from engine.pictures.parameters import parse_parameters, read_request, text_chunks
from engine.requests import ImageRequest, ImageToImage, LoRA

RECIPE = Recipe(
    model="pocket",
    model_hash="0123456789",
    noise_scheduler="EulerDiscreteScheduler",
    num_inference_steps=12,
    guidance_scale=3.5,
    width=128,
    height=96,
    seed=7,
    device="cpu",
    dtype="float32",
    versions={"darkroom": "0.1.0"},
)


def png(request: ImageRequest, seed: int = 9) -> bytes:
    return encode_png(Image.new("RGB", (8, 8)), text_chunks(request, RECIPE, seed))


def test_the_parameters_text_is_what_other_tools_read():
    request = ImageRequest(prompt="a red apple\non a table", negative_prompt="blur", member="secret", seed=7)
    assert read_text(png(request))["parameters"] == (
        "a red apple\non a table\nNegative prompt: blur\n"
        "Steps: 12, Sampler: EulerDiscreteScheduler, CFG scale: 3.5, Seed: 9, Size: 128x96, "
        "Model hash: 0123456789, Model: pocket, Version: Darkroom 0.1.0"
    )


def test_what_is_written_is_read_back():
    request = ImageRequest(prompt='say "a, b: c"', loras=(LoRA(name="pix,el", weight=0.5),))
    read = parse_parameters(read_text(png(request))["parameters"])
    assert (read.prompt, read.negative_prompt) == ('say "a, b: c"', "")
    assert read.fields["Seed"] == "9" and read.fields["Lora"] == "<lora:pix,el:0.5>"


def test_numbers_are_written_as_they_were_asked_for():
    request = ImageRequest(prompt="x", loras=(LoRA(name="ink", weight=0.123456789),))
    recipe = replace(RECIPE, guidance_scale=7.12345678)
    fields = parse_parameters(text_chunks(request, recipe, seed=9)["parameters"]).fields
    assert (fields["CFG scale"], fields["Lora"]) == ("7.12345678", "<lora:ink:0.123456789>")


def test_other_tools_texts_are_read():
    text = "cat, dog\nNegative prompt: bad, worse\nSteps: 20, Sampler: DPM++ 2M, Schedule type: Karras, Size: 512x768"
    read = parse_parameters(text)
    assert (read.prompt, read.negative_prompt) == ("cat, dog", "bad, worse")
    assert read.fields == {"Steps": "20", "Sampler": "DPM++ 2M", "Schedule type": "Karras", "Size": "512x768"}
    assert parse_parameters("only words").prompt == "only words"


def test_a_picture_asks_for_itself_again_and_names_no_member():
    request = ImageRequest(prompt="fox", seed=7, num_images=4, num_inference_steps=12, member="secret", weight=3.0)
    data = png(request, seed=9)
    again = read_request(data, member="other")
    assert (again.prompt, again.seed, again.num_images, again.num_inference_steps) == ("fox", 9, 1, 12)
    assert again.member == "other" and b"secret" not in data


def test_pictures_inside_a_request_are_only_fingerprints():
    source = io.BytesIO()
    Image.new("RGB", (8, 8)).save(source, "PNG")
    data = png(ImageToImage(prompt="fox", image=source.getvalue(), strength=0.5))
    assert "Denoising strength: 0.5" in read_text(data)["parameters"]
    assert "sha256:" in read_text(data)["darkroom"]
    with pytest.raises(InvalidRequest, match="image_to_image"):
        read_request(data)


@pytest.mark.parametrize("text", [{}, {"darkroom": "{"}, {"darkroom": '{"request": 3}'}])
def test_a_picture_without_a_recipe_says_so(text):
    with pytest.raises(InvalidRequest, match="no recipe"):
        read_request(encode_png(Image.new("RGB", (4, 4)), text))


def test_a_forged_recipe_is_judged_like_any_request():
    with pytest.raises(InvalidRequest):
        read_request(
            encode_png(
                Image.new("RGB", (4, 4)),
                {"darkroom": '{"kind": "text_to_image", "cell_seed": -1, "request": {"prompt": "x"}}'},
            )
        )


def test_a_picture_in_the_style_of_another_needs_that_one_again():
    source = io.BytesIO()
    Image.new("RGB", (8, 8)).save(source, "PNG")
    data = png(ImageRequest(prompt="fox", style_images=({"image": source.getvalue()},)))
    with pytest.raises(InvalidRequest, match="style of another"):
        read_request(data)
    assert read_request(data, style_images=({"image": source.getvalue()},)).prompt == "fox"
