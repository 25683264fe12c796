"""Files people have, of every family that diffusers reads: transformers alone, all parts in one, GGUF, float8."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from engine.batching.weight_tensors import weight_bytes
from engine.catalogue.catalogue import Catalogue
from engine.errors import ModelLoadFailed
from engine.loading.weight_precision import prove_precision
from engine.memory.spec_sizes import sizes_of
from engine.model_files.checkpoint import read_checkpoint
from engine.model_files.checkpoint_tensors import unpacked
from engine.model_files.gguf_file import BYTES
from engine.settings import ModelSettings
from tests.engine.checkpoint import original_autoencoder, write_checkpoint, write_xl_checkpoint
from tests.engine.file_models import base_without, loaded, narrow_conversions, same_weights, settings_of, weights_of
from tests.engine.original_layouts import LAYOUTS, PREFIX, original, save, save_gguf

needs_gguf = pytest.mark.skipif(importlib.util.find_spec("gguf") is None, reason="needs the extra gguf")
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(autouse=True)
def tiny_widths(monkeypatch: pytest.MonkeyPatch) -> None:
    narrow_conversions(monkeypatch)


@pytest.mark.parametrize("prefix", ["", PREFIX], ids=["plain", "as ComfyUI"])
@pytest.mark.parametrize("name", LAYOUTS)
def test_a_transformer_in_its_authors_names(
    name: str, prefix: str, family_folder: Callable[[str], Path], tmp_path: Path
) -> None:
    """The base has all but its weights; the memory plan counts it as its folder."""
    folder = family_folder(name)
    state = weights_of(folder, "transformer")
    file = save(original(name, state), tmp_path / "mine.safetensors", prefix)
    base = base_without(folder, tmp_path / "base", "transformer")
    model = loaded(file, base=str(base))
    assert same_weights(model.base.transformer, state)
    assert type(model.base).__name__ == Catalogue(settings_of(file, base=str(base))).spec("mine").pipeline
    sizes = [sizes_of(Catalogue(settings_of(file, base=str(each))).spec("mine"), tmp_path) for each in (base, folder)]
    counted, whole = ({each.name: each for each in found.components} for found in sizes if found)
    assert counted.keys() == whole.keys()
    assert counted["transformer"].elements.all == pytest.approx(whole["transformer"].elements.all, rel=0.02)
    for precision in ("float8", "int8"):
        bytes_ = [each["transformer"].bytes(precision, "bfloat16") for each in (counted, whole)]
        assert bytes_[0] == pytest.approx(bytes_[1], rel=0.2)  # their small outer layers are much of tiny ones


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_transformer_in_diffusers_names(name: str, family_folder: Callable[[str], Path], tmp_path: Path) -> None:
    """The file of a repository's folder, alone."""
    folder = family_folder(name)
    state = weights_of(folder, "transformer")
    file = save(state, tmp_path / "mine.safetensors")
    assert same_weights(loaded(file, base=str(folder)).base.transformer, state)


@pytest.mark.parametrize("prefix", ["transformer.", "model.", "module.", "_orig_mod.", "net."])
def test_prefixes_of_other_programs_are_known(
    prefix: str, family_folder: Callable[[str], Path], tmp_path: Path
) -> None:
    """In front of names that a family is known by, and of nothing else."""
    folder = family_folder("z-image")
    state = weights_of(folder, "transformer")
    file = save(original("z-image", state), tmp_path / "mine.safetensors", prefix)
    assert same_weights(loaded(file, base=str(folder)).base.transformer, state)


ALL_IN_ONE: dict[str, dict[str, str]] = {
    "flux": {
        "text_encoder": "text_encoders.clip_l.transformer.text_model.",
        "text_encoder_2": "text_encoders.t5xxl.transformer.",
    },
    "stable-diffusion-3": {
        "text_encoder": "text_encoders.clip_l.transformer.",
        "text_encoder_2": "text_encoders.clip_g.transformer.",
        "text_encoder_3": "text_encoders.t5xxl.transformer.",
    },
    "z-image": {"text_encoder": "text_encoders.qwen3_4b.transformer.model."},
    "lumina2": {"text_encoder": "text_encoders.gemma2_2b.transformer.model."},
    "flux2-klein": {"text_encoder": "text_encoders.qwen3_4b.transformer."},
}


@pytest.mark.parametrize("name", ALL_IN_ONE)
def test_all_parts_in_one_file_need_configurations_only(
    name: str, family_folder: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = family_folder(name)
    tensors = {PREFIX + key: value for key, value in original(name, weights_of(folder, "transformer")).items()}
    for component, start in ALL_IN_ONE[name].items():
        tensors |= {start + key: value for key, value in weights_of(folder, component).items()}
    tensors |= {f"vae.{key}": value for key, value in original_autoencoder(folder).items()}
    base = base_without(folder, tmp_path / "base")
    model = loaded(save(tensors, tmp_path / "mine.safetensors"), base=str(base))
    for component in ("transformer", "vae", *ALL_IN_ONE[name]):
        expected = weights_of(folder, component)
        if name == "stable-diffusion-3" and component == "text_encoder":
            del expected["text_projection.weight"]  # SD 3 uses none there: diffusers makes it the identity
        assert same_weights(model.base.components[component], expected), component


@pytest.mark.parametrize("name", ["flux", "stable-diffusion-3", "z-image"])
def test_an_encoder_that_a_file_has_half_of_is_refused(
    name: str, family_folder: Callable[[str], Path], tmp_path: Path
) -> None:
    """transformers would draw the other half at random."""
    folder = family_folder(name)
    tensors = {PREFIX + key: value for key, value in original(name, weights_of(folder, "transformer")).items()}
    component, start = list(ALL_IN_ONE[name].items())[-1]
    whole = {start + key: value for key, value in weights_of(folder, component).items()}
    half = {key: value for key, value in whole.items() if not re.search(r"(block|layers)\.1\.", key)}
    assert 0 < len(half) < len(whole)
    with pytest.raises(ModelLoadFailed, match=rf"in mine.safetensors, its {component} lacks weights .* and \d+ more"):
        loaded(save(tensors | half, tmp_path / "mine.safetensors"), base=str(folder))


def test_all_parts_of_sdxl_in_one_file(family_folder: Callable[[str], Path], tmp_path: Path) -> None:
    folder = family_folder("stable-diffusion-xl")
    write_xl_checkpoint(folder, tmp_path / "mine.safetensors")
    base = base_without(folder, tmp_path / "base")
    model = loaded(tmp_path / "mine.safetensors", base=str(base))
    for component in ("unet", "vae", "text_encoder", "text_encoder_2"):
        assert same_weights(model.base.components[component], weights_of(folder, component)), component


@pytest.mark.parametrize("suffix", [".scale_weight", ".weight_scale"])
def test_scaled_float8_of_a_transformer_is_multiplied(
    suffix: str, family_folder: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = family_folder("z-image")
    packed: dict[str, torch.Tensor] = {"scaled_fp8": torch.zeros(2, dtype=torch.float8_e4m3fn)}
    meant: dict[str, torch.Tensor] = {}
    for key, value in original("z-image", weights_of(folder, "transformer")).items():
        meant[key] = packed[key] = value
        if ".attention.qkv." in key or ".feed_forward." in key:
            scale = value.abs().amax() / 448
            packed[key] = (value / scale).to(torch.float8_e4m3fn)
            packed[key.removesuffix(".weight") + suffix] = scale
            meant[key] = packed[key].float() * scale
    base = str(base_without(folder, tmp_path / "base", "transformer"))
    model = loaded(save(packed, tmp_path / "packed.safetensors", PREFIX), base=base)
    expected = loaded(save(meant, tmp_path / "meant.safetensors"), base=base)
    assert same_weights(model.base.transformer, expected.base.transformer.state_dict())
    assert not same_weights(model.base.transformer, weights_of(folder, "transformer")), "nothing was packed"


@needs_gguf
def test_gguf_types_are_those_that_diffusers_reads() -> None:
    import gguf
    from diffusers.quantizers.gguf.utils import SUPPORTED_GGUF_QUANT_TYPES

    assert BYTES.keys() == {kind.name for kind in SUPPORTED_GGUF_QUANT_TYPES} | {"F32", "F16"}
    for name in BYTES.keys() - {"F32", "F16", "BF16"}:
        block, size = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[name]]
        assert BYTES[name] == size / block


@needs_gguf
@pytest.mark.parametrize("prefix", ["", PREFIX], ids=["plain", "as stable-diffusion.cpp"])
def test_a_unets_convolutions_get_their_shape_back(
    prefix: str, family_folder: Callable[[str], Path], tmp_path: Path
) -> None:
    """ComfyUI-GGUF reshapes what would not be whole blocks, and notes the shape beside it."""
    folder = family_folder("stable-diffusion")
    write_checkpoint(folder, tmp_path / "whole.safetensors")
    whole = load_file(tmp_path / "whole.safetensors")
    unet = {key.removeprefix(PREFIX): value for key, value in whole.items() if key.startswith(PREFIX)}
    file = save_gguf(unet, tmp_path / "mine.gguf", architecture="sd1", prefix=prefix)
    assert read_checkpoint(file).shapes, "nothing was reshaped"
    base = base_without(folder, tmp_path / "base", "unet")
    state = loaded(file, base=str(base)).base.unet.state_dict()
    for name, expected in weights_of(folder, "unet").items():
        plain = unpacked(state[name], torch.float32)
        assert torch.allclose(plain, expected, atol=float(expected.abs().max()) / 100), name


@needs_gguf
def test_a_packed_transformer_is_counted_as_it_is_packed(family_folder: Callable[[str], Path], tmp_path: Path) -> None:
    folder = family_folder("flux")
    file = save_gguf(original("flux", weights_of(folder, "transformer")), tmp_path / "mine.gguf", "Q4_0")
    settings = settings_of(file, base=str(folder))
    spec = Catalogue(settings).spec("mine")
    sizes = sizes_of(spec, tmp_path)
    assert sizes is not None
    denoiser = next(each for each in sizes.components if each.role == "denoiser")
    model = loaded(file, base=str(folder))
    assert denoiser.stored == "gguf"
    measured = weight_bytes([model.base.transformer])
    assert denoiser.bytes("gguf", "float32") == pytest.approx(measured, rel=0.25)  # wide matrices are read as float32
    assert measured < 0.7 * weight_bytes([loaded(folder).base.transformer])


REFUSED: dict[str, tuple[Callable[[Path, Path], Path], dict[str, Any], str]] = {
    "no base": (lambda work, _: save(FLUX, work / "x.safetensors"), {}, "checkpoint of flux, and nothing says whose"),
    "another family's base": (
        lambda work, _: save(FLUX, work / "x.safetensors"),
        {"base": "{folder}"},
        "checkpoint of flux, and its base has no transformer",
    ),
    "a base for a folder": (lambda _, folder: folder, {"base": "sdxl"}, "base is for models in one file"),
    "an autoencoder": (
        lambda work, _: save({"decoder.conv_in.weight": torch.zeros(1)}, work / "x.safetensors"),
        {},
        "an autoencoder only; name it as `vae`",
    ),
    "a language model": (
        lambda work, _: save({"model.layers.0.self_attn.q_proj.weight": torch.zeros(1)}, work / "x.safetensors"),
        {},
        "a language model, which draws no pictures",
    ),
    "a part of a model": (
        lambda work, _: save(FLUX, work / "x-00002-of-00003.safetensors"),
        {},
        "x-00002-of-00003.safetensors is one of 3 parts of a model; join the parts into one",
    ),
    "a part of a GGUF": (
        lambda work, _: save_gguf(FLUX, work / "x-00001-of-00002.gguf"),
        {},
        "x-00001-of-00002.gguf is one of 2 parts of a model; join them: llama-gguf-split --merge",
    ),
    "a video model": (
        lambda work, _: save({"head.modulation": torch.zeros(1)}, work / "x.safetensors", PREFIX),
        {},
        r"a video model \(Wan\), which draws no single pictures; name an image model",
    ),
    "a control network": (
        lambda work, _: save({"control_all_x_embedder.2-1.weight": torch.zeros(1)}, work / "x.safetensors"),
        {},
        "a control network, which draws nothing by itself; name it under controls",
    ),
    "a family that is not read from one file": (
        lambda work, _: save({"txt_in.text_norm.weight": torch.zeros(1)}, work / "x.safetensors", PREFIX),
        {},
        "a Qwen-Image-2.1, which is not read from one file; give the model as a diffusers folder",
    ),
    "a language model as GGUF": (
        lambda work, _: save_gguf({"token_embd.weight": torch.zeros(4, 32)}, work / "x.gguf", architecture="llama"),
        {},
        r"x.gguf is a language model \(llama\), which draws no pictures; choose the .gguf of an image model",
    ),
    "GGUF cut short": (lambda work, _: cut(save_gguf(FLUX, work / "x.gguf")), {}, "x.gguf cannot be read as GGUF"),
    "GGUF that is something else": (
        lambda work, _: save(FLUX, work / "a.safetensors").rename(work / "x.gguf"),
        {},
        r"x.gguf is a safetensors file by its content; rename it to \.safetensors",
    ),
    "GGUF that is not there": (lambda work, _: work / "x.gguf", {}, "there is no file x.gguf"),
    "packed as 1 bit": (
        lambda work, _: save_gguf(FLUX, work / "x.gguf", "TQ1_0"),
        {},
        "quantised as TQ1_0, which is not read here; choose another",
    ),
    "packed, and to be packed again": (
        lambda work, _: save_gguf(FLUX, work / "x.gguf"),
        {"precision": "float8", "base": "hf:people/tiny"},
        "not packed already, as those of a .gguf file are; remove precision",
    ),
}
FLUX = {
    "double_blocks.0.img_attn.norm.key_norm.scale": torch.zeros(32),
    "double_blocks.0.img_attn.proj.weight": torch.zeros(256, 256),
}


def cut(file: Path) -> Path:
    file.write_bytes(file.read_bytes()[:-40_000])
    return file


@needs_gguf
@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_names_the_file_or_key_and_a_way_out(
    case: str, family_folder: Callable[[str], Path], tmp_path: Path
) -> None:
    make, keys, said = REFUSED[case]
    folder = family_folder("stable-diffusion")
    file = make(tmp_path, folder)
    keys = {key: value.format(folder=folder) for key, value in keys.items()}
    settings = settings_of(file, **keys).model_copy(update={"models_dir": tmp_path})
    with pytest.raises(ModelLoadFailed, match=f"'mine'.*{said}"):
        prove_precision(Catalogue(settings).spec("mine"), torch.device("cpu"))


def test_without_the_package_a_gguf_names_its_install_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.gguf").write_bytes(b"GGUF")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModelLoadFailed, match=r"x.gguf needs the package gguf.* pip install .* '\.\[gguf\]'"):
        Catalogue(settings_of(tmp_path / "x.gguf")).spec("mine")


def test_a_base_without_the_weights_a_file_lacks_is_refused(
    family_folder: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = family_folder("z-image")
    file = save(original("z-image", weights_of(folder, "transformer")), tmp_path / "mine.safetensors")
    bare = base_without(folder, tmp_path / "base")
    with pytest.raises(ModelLoadFailed, match=r"'mine'.* there are no .safetensors in text_encoder"):
        loaded(file, base=str(bare))


def test_a_file_of_another_size_names_itself_and_base(family_folder: Callable[[str], Path], tmp_path: Path) -> None:
    state = weights_of(family_folder("z-image"), "transformer")
    state = {key: torch.zeros([2 * side for side in value.shape]) for key, value in state.items()}
    file = save(state, tmp_path / "mine.safetensors")
    said = r"'mine'.* in mine.safetensors, the weights of its transformer do not fit .*; name the base .* as base"
    with pytest.raises(ModelLoadFailed, match=said):
        loaded(file, base=str(family_folder("z-image")))


def test_source_and_path_go_together(tmp_path: Path) -> None:
    chosen = ModelSettings(source="file", path=str(tmp_path / "x.gguf"), base="z-image-turbo")
    assert chosen.location == str(tmp_path / "x.gguf")
    for wrong in ({"source": "file"}, {"source": "sdxl", "path": "x.gguf"}):
        with pytest.raises(ValueError, match='path and source = "file" go together'):
            ModelSettings(**wrong)
