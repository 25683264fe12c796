"""What is refused of control pictures before anything is drawn, and what the model still does."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from engine.catalogue.catalogue import Catalogue
from engine.errors import InvalidRequest
from engine.pictures.images import encode_png
from engine.requests import Control, Edit, ImageRequest, ImageToImage
from engine.settings import EngineSettings, ModelSettings
from tests.engine.families import FAMILIES, controls, draw
from tests.engine.local_worker import SIZE, LocalWorker, ask


def picture(colour: str = "white", spot: str | None = "navy") -> bytes:
    canvas = Image.new("RGB", (96, 64), colour)
    if spot:
        canvas.paste(spot, (20, 10, 70, 50))
    return encode_png(canvas)


GIVEN = Control(image=picture())


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory, family_folder: Callable[[str], Path]) -> Path:
    return controls.save_network(
        "sd-controlnet", family_folder("stable-diffusion"), tmp_path_factory.mktemp("networks") / "canny"
    )


@pytest.fixture(scope="module")
def catalogue(network: Path, family_folder: Callable[[str], Path]) -> Callable[..., Catalogue]:
    def made(kinds: dict[str, Any] | None = None, family: str = "stable-diffusion", **settings: Any) -> Catalogue:
        named = {"edges": str(network)} if kinds is None else kinds
        models = {
            "plain": ModelSettings(source=str(family_folder("stable-diffusion"))),
            "model": ModelSettings(source=str(family_folder(family)), controls=named),
        }
        return Catalogue(EngineSettings(default_model="model", models=models, **settings))

    return made


def why(catalogue: Catalogue, kind: type[ImageRequest] = ImageRequest, **fields: Any) -> str:
    with pytest.raises(InvalidRequest) as refused:
        catalogue.resolve(ask(kind, **{"model": "model", **fields}))
    assert refused.value.field == "control"
    return refused.value.why


def test_the_kind_and_the_shape_follow_model_and_picture(catalogue: Callable[..., Catalogue]) -> None:
    request, _ = catalogue().resolve(ask(model="model", control=GIVEN))
    assert request.control is not None and request.control.type == "edges" and not request.control.is_map
    assert (request.width, request.height) == (80, 48)
    request, _ = catalogue().resolve(ask(model="model", control=Control(image=picture(), type="as_it_is")))
    assert request.control is not None and request.control.type == "edges" and request.control.is_map


def test_a_model_without_one_names_those_that_have(catalogue: Callable[..., Catalogue]) -> None:
    assert (
        why(catalogue(), model="plain", control=GIVEN)
        == "plain follows no control pictures; choose model or pocket for it"
    )
    assert why(catalogue({}), model="plain", control=GIVEN).endswith("choose pocket for it")


def test_another_kind_is_answered_with_those_it_has(catalogue: Callable[..., Catalogue]) -> None:
    said = why(catalogue(), control=Control(image=picture(), type="scribble"))
    assert said == "model does not follow scribble; choose edges"


@pytest.mark.parametrize("kind", ["depth", "pose"])
def test_a_tool_that_the_host_did_not_name_is_named(
    kind: Any, catalogue: Callable[..., Catalogue], network: Path
) -> None:
    said = why(catalogue({kind: str(network)}), control=Control(image=picture(), type=kind))
    assert f"the host names a model as {kind} under [engine]" in said


def test_what_is_no_picture_or_transparent_is_refused(catalogue: Callable[..., Catalogue]) -> None:
    clear = encode_png(Image.new("RGBA", (64, 64), (9, 9, 9, 0)))
    assert "transparent" in why(catalogue(), control=Control(image=clear))
    assert why(catalogue(), control=Control(image=b"no picture"))
    with pytest.raises(InvalidRequest, match="strength"):
        Control(image=picture(), strength=2.1)


def test_it_goes_with_words_or_one_picture_only(catalogue: Callable[..., Catalogue]) -> None:
    assert "this is edit" in why(catalogue(), Edit, image=picture(), control=GIVEN)
    request, _ = catalogue().resolve(ask(ImageToImage, model="model", image=picture(), strength=0.5, control=GIVEN))
    assert request.control is not None


def changed(network: Path, to: Path, **values: Any) -> str:
    to.mkdir()
    (to / "diffusion_pytorch_model.safetensors").write_bytes(
        (network / "diffusion_pytorch_model.safetensors").read_bytes()
    )
    (to / "config.json").write_text(json.dumps(json.loads((network / "config.json").read_text()) | values))
    return str(to)


FLAWED: list[tuple[str, Callable[[Path, Path], str], str]] = [
    ("missing", lambda _, to: str(to), "is no folder with a config.json"),
    ("of another class", lambda net, to: changed(net, to, _class_name="UNet2DModel"), "no control network"),
    (
        "of another family",
        lambda net, to: changed(net, to, _class_name="FluxControlNetModel"),
        "it is for FluxPipeline",
    ),
    ("of another size", lambda net, to: changed(net, to, cross_attention_dim=2048), "cross_attention_dim 2048"),
    ("a LoRA for another family", lambda _, to: f"{to}.safetensors", "it is for FluxPipeline"),
    ("own", lambda _, __: "own", "the model brings none"),
]


@pytest.mark.parametrize(("name", "make", "said"), FLAWED, ids=[each[0] for each in FLAWED])
def test_a_wrong_network_is_named_and_the_model_keeps_drawing(
    name: str,
    make: Callable[[Path, Path], str],
    said: str,
    catalogue: Callable[..., Catalogue],
    network: Path,
    tmp_path: Path,
) -> None:
    made = catalogue({"edges": make(network, tmp_path / "wrong")})
    assert said in made.spec("model").controls["edges"].flaw
    assert said in why(made, control=GIVEN)
    assert made.resolve(ask(model="model"))[0].control is None


def test_weights_that_do_not_fit_are_named_at_load(
    network: Path, family_folder: Callable[[str], Path], tmp_path: Path
) -> None:
    wrong = changed(network, tmp_path / "wrong", layers_per_block=2)
    local = LocalWorker(family_folder("stable-diffusion"), keys={"controls": {"edges": wrong}})
    assert "wrong cannot be used" in local.model.control_flaws["edges"]
    assert len(local.draw(ask(**SIZE))) == 2, "the model itself draws"
    refused = local.refuse(ask(control=GIVEN, **SIZE))
    assert isinstance(refused, InvalidRequest) and "cannot be used" in refused.why


def test_a_picture_without_outlines_is_refused(network: Path, family_folder: Callable[[str], Path]) -> None:
    local = LocalWorker(family_folder("stable-diffusion"), keys={"controls": {"edges": str(network)}})
    refused = local.refuse(ask(control=Control(image=picture(spot=None)), **SIZE))
    assert isinstance(refused, InvalidRequest) and "no outlines" in refused.why


def test_a_control_request_shares_all_weights_but_the_network(
    network: Path, family_folder: Callable[[str], Path]
) -> None:
    plain = LocalWorker(family_folder("stable-diffusion")).model
    named = {"edges": str(network), "tile": str(network)}
    model = LocalWorker(family_folder("stable-diffusion"), keys={"controls": named}).model
    variant = model.controls["edges"]
    assert variant is model.controls["tile"], "one network for all kinds it is named for"
    for part in ("text_encoder", "vae", "unet"):
        assert variant.parkable[part] is model.parkable[part]
    assert model.bytes - plain.bytes == (network / "diffusion_pytorch_model.safetensors").stat().st_size // 1 - _header(
        network
    )
    assert variant.hash != model.hash == plain.hash


def _header(network: Path) -> int:
    file = (network / "diffusion_pytorch_model.safetensors").read_bytes()
    return 8 + int.from_bytes(file[:8], "little")


def test_a_folder_with_its_own_network_draws_with_and_without(
    network: Path, family_folder: Callable[[str], Path], tmp_path: Path
) -> None:
    from diffusers import ControlNetModel, StableDiffusionControlNetPipeline, StableDiffusionPipeline

    base = StableDiffusionPipeline.from_pretrained(family_folder("stable-diffusion"))
    whole = StableDiffusionControlNetPipeline(
        **base.components, controlnet=ControlNetModel.from_pretrained(network), requires_safety_checker=False
    )
    whole.save_pretrained(tmp_path / "whole")
    local = LocalWorker(tmp_path / "whole", keys={"controls": {"edges": "own"}})
    assert local.model.spec.pipeline == "StableDiffusionPipeline" and set(local.model.controls) == {"edges"}
    free, held = local.draw(ask(**SIZE)), local.draw(ask(control=GIVEN, **SIZE))
    assert (free[0] != held[0]).any()


def test_a_denoiser_that_needs_a_control_picture_says_so(tmp_path: Path) -> None:
    from diffusers import FluxControlPipeline, FluxTransformer2DModel

    base = draw(FAMILIES["flux"])
    config = {key: value for key, value in base.transformer.config.items() if not key.startswith("_")}
    wider = FluxTransformer2DModel(**config | {"in_channels": 32, "out_channels": 16})
    kept = {name: part for name, part in base.components.items() if part is not None}
    FluxControlPipeline(**kept | {"transformer": wider}).save_pretrained(tmp_path / "canny")
    local = LocalWorker(tmp_path / "canny", keys={"controls": {"edges": "own"}})
    refused = local.refuse(ask(**SIZE))
    assert isinstance(refused, InvalidRequest) and "only from a control picture" in refused.why
    assert len(local.draw(ask(control=GIVEN, **SIZE))) == 2
