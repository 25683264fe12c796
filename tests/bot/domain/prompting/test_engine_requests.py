"""From a spec to what the engine is asked."""

from __future__ import annotations

import pytest

from bot.domain.model import JobSpec, Options, Verb
from bot.domain.prompting.engine_requests import Asker, Sources, Wording
from bot.errors import BadOption, BadPicture
from bot.settings import StyleSettings
from engine.errors import InvalidRequest
from engine.requests import Blend, CutOut, Describe, Edit, ImageRequest, ImageToImage, Inpaint, Outpaint, Upscale

STYLES = {
    "ink": StyleSettings(prompt="{prompt}, ink drawing", negative="colour", model="sdxl", loras={"ink": 0.8}, steps=12)
}


def build(
    verb: Verb, sources: Sources | None = None, options: dict[str, object] | None = None, **spec: object
) -> ImageRequest:
    made = JobSpec(verb=verb, options=Options.model_validate({"prompt": "a fox", **(options or {})}), seed=7, **spec)
    sizes = lambda model, aspect: (aspect[0] * 100, aspect[1] * 100 + len(model))  # noqa: E731
    return Wording(STYLES).request(made, sources or Sources(), sizes, Asker("1", 2.0))


def test_words_numbers_and_asker() -> None:
    options = {
        "negative": "text", "steps": 30, "guidance": 5.0, "stop": 80, "tile": True, "loras": (("ink", 0.5),),
        "parts": (("cat", 2.0), ("dog", -0.5)), "aspect": (3, 2), "model": "sdxl",
    }  # fmt: skip
    request = build(Verb.IMAGINE, options=options, count=2)
    assert type(request) is ImageRequest
    assert (request.prompt, request.negative_prompt, request.model, request.seed) == ("a fox", "text", "sdxl", 7)
    assert (request.num_inference_steps, request.guidance_scale, request.stop_at, request.tile) == (30, 5.0, 0.8, True)
    assert (request.width, request.height, request.num_images) == (300, 204, 2)
    assert [(part.text, part.weight) for part in request.prompt_parts] == [("cat", 2.0), ("dog", -0.5)]
    assert [(lora.name, lora.weight) for lora in request.loras] == [("ink", 0.5)]
    assert (request.member, request.weight) == ("1", 2.0)


def test_a_size_that_is_given_beats_the_aspect() -> None:
    request = build(Verb.IMAGINE, options={"aspect": (3, 2)}, width=640, height=480)
    assert (request.width, request.height) == (640, 480)


@pytest.mark.parametrize(
    ("verb", "sources", "kind"),
    [
        (Verb.IMAGINE, Sources(), ImageRequest),
        (Verb.REROLL, Sources(), ImageRequest),
        (Verb.IMAGINE, Sources(images=(b"a",)), ImageToImage),
        (Verb.IMAGINE, Sources(images=(b"a", b"b")), Blend),
        (Verb.VARY_SUBTLE, Sources(b"a"), ImageToImage),
        (Verb.REGION, Sources(b"a", mask=b"m"), Inpaint),
        (Verb.ZOOM, Sources(b"a"), Outpaint),
        (Verb.PAN, Sources(b"a"), Outpaint),
        (Verb.BLEND, Sources(images=(b"a", b"b")), Blend),
        (Verb.UPSCALE_SUBTLE, Sources(b"a"), Upscale),
        (Verb.UPSCALE_CREATIVE, Sources(b"a"), Upscale),
        (Verb.DESCRIBE, Sources(images=(b"a",)), Describe),
        (Verb.CUT_OUT, Sources(b"a"), CutOut),
        (Verb.IMAGINE, Sources(references=(b"a",)), Edit),
    ],
)
def test_every_verb_has_its_kind(verb: Verb, sources: Sources, kind: type[ImageRequest]) -> None:
    assert type(build(verb, sources)) is kind


def test_all_verbs_are_understood() -> None:
    for verb in Verb:
        assert isinstance(build(verb, Sources(b"a", (b"a", b"b"), b"m")), ImageRequest)


@pytest.mark.parametrize(
    ("verb", "options", "strength"),
    [
        (Verb.VARY_STRONG, {}, 0.7),
        (Verb.VARY_SUBTLE, {}, 0.35),
        (Verb.IMAGINE, {}, 0.7),
        (Verb.IMAGINE, {"image_weight": 1.0}, 0.7),
        (Verb.IMAGINE, {"image_weight": 0.0}, 1.0),
        (Verb.IMAGINE, {"image_weight": 3.0}, 0.44),
        (Verb.IMAGINE, {"image_weight": 1.0, "strength": 0.2}, 0.2),
    ],
)
def test_how_far_from_the_picture(verb: Verb, options: dict[str, object], strength: float) -> None:
    request = build(verb, Sources(images=(b"a",)), options)
    assert isinstance(request, ImageToImage)
    assert request.strength == pytest.approx(strength, abs=0.01)


def test_a_folded_pan_shows_something_else_from_an_edge() -> None:
    request = build(Verb.PAN, Sources(b"a"), pan=(0.0, 0.0, 0.0, 0.75), fold=(0.25, 0.125))
    assert isinstance(request, Outpaint)
    assert (request.reach, request.trim, request.strength) == (0.25, 0.125, 1.0)
    plain = build(Verb.PAN, Sources(b"a"), pan=(0.0, 0.0, 0.0, 0.75))
    assert isinstance(plain, Outpaint) and (plain.reach, plain.trim) == (1.0, 0.0) and plain.strength < 1.0


def test_a_larger_canvas_says_whether_anything_new_is_asked_for() -> None:
    shown = Sources(b"a", description="a fox")
    for prompt, is_new in (("a fox", False), ("a fox in a garden", True)):
        request = build(Verb.ZOOM, shown, {"prompt": prompt}, zoom=2.0)
        assert isinstance(request, Outpaint)
        assert (request.prompt != request.description) is is_new


def test_zoom_and_pan_say_where_the_canvas_grows() -> None:
    request = build(Verb.PAN, Sources(b"a"), pan=(0.5, 0.0, 0.25, 0.0), width=64)
    assert isinstance(request, Outpaint)
    assert (request.left, request.right, request.top, request.bottom) == (0.5, 0.0, 0.25, 0.0)
    assert (request.width, request.zoom) == (None, 1.0)
    zoomed = build(Verb.ZOOM, Sources(b"a"), zoom=2.0)
    assert isinstance(zoomed, Outpaint)
    assert zoomed.zoom == 2.0


def test_a_style_without_a_placeholder_keeps_members_words() -> None:
    styles = {"flat": StyleSettings(prompt="travel poster, flat"), "none": StyleSettings(prompt="")}
    for name, expected in (("flat", "a fox, travel poster, flat"), ("none", "a fox")):
        made = JobSpec(verb=Verb.IMAGINE, options=Options(prompt="a fox", style=name), seed=7)
        assert Wording(styles).request(made, Sources(), lambda *_: (64, 64), Asker("1", 2.0)).prompt == expected


def test_a_style_adds_words_and_yields_to_what_was_asked() -> None:
    styled = build(Verb.IMAGINE, options={"style": "ink", "steps": 30, "negative": "text", "prompt": "a {prompt} fox"})
    assert (styled.prompt, styled.negative_prompt) == ("a {prompt} fox, ink drawing", "text, colour")
    assert (styled.model, styled.num_inference_steps, styled.loras[0].name) == ("sdxl", 30, "ink")
    with pytest.raises(BadOption, match="known: ink"):
        build(Verb.IMAGINE, options={"style": "oil"})


def test_missing_pictures_are_named() -> None:
    with pytest.raises(BadPicture, match="missing"):
        build(Verb.ZOOM, Sources())
    with pytest.raises(BadPicture, match="mask"):
        build(Verb.REGION, Sources(b"a"))
    with pytest.raises(InvalidRequest, match="images"):
        build(Verb.BLEND, Sources(images=(b"a",)))


def test_words_may_be_missing_where_a_picture_speaks() -> None:
    assert build(Verb.UPSCALE_SUBTLE, Sources(b"a"), {"prompt": ""}).prompt == "upscale"
    with pytest.raises(InvalidRequest, match="prompt"):
        build(Verb.IMAGINE, options={"prompt": ""})


def test_a_reference_is_looked_at_beside_the_picture() -> None:
    both = build(Verb.IMAGINE, Sources(images=(b"a",), references=(b"b",), styles=((b"s", 1.0),)))
    assert isinstance(both, Edit) and (both.image, both.references, both.is_reference) == (b"a", (b"b",), False)
    alone = build(Verb.IMAGINE, Sources(references=(b"b",)), {"aspect": (3, 2)})
    assert isinstance(alone, Edit) and (alone.image, alone.references, alone.is_reference) == (b"b", (), True)
    assert (alone.width, alone.height) == (300, 200) and both.style_images == ()
    for options in ({"strength": 0.5}, {"image_weight": 1.0}):
        with pytest.raises(BadOption, match="strength"):
            build(Verb.IMAGINE, Sources(references=(b"b",)), options)
    with pytest.raises(BadOption, match="drafts"):
        build(Verb.DRAFT, Sources(references=(b"b",)))
