"""Files people have, of every family that diffusers reads: transformers alone, all parts in one, GGUF, float8."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import gguf
import pytest
import torch

from engine.catalogue.catalogue import Catalogue
from engine.memory.spec_sizes import sizes_of
from engine.model_files.gguf_file import BYTES
from tests.engine.checkpoint import original_autoencoder, write_xl_checkpoint
from tests.engine.file_models import base_without, loaded, narrow_conversions, same_weights, settings_of, weights_of
from tests.engine.original_layouts import LAYOUTS, PREFIX, original, save

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
        assert bytes_[0] == pytest.approx(bytes_[1], rel=0.06)


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_transformer_in_diffusers_names(name: str, family_folder: Callable[[str], Path], tmp_path: Path) -> None:
    """The file of a repository's folder, alone."""
    folder = family_folder(name)
    state = weights_of(folder, "transformer")
    file = save(state, tmp_path / "mine.safetensors")
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


def test_gguf_types_are_those_that_diffusers_reads() -> None:
    from diffusers.quantizers.gguf.utils import SUPPORTED_GGUF_QUANT_TYPES

    assert BYTES.keys() == {kind.name for kind in SUPPORTED_GGUF_QUANT_TYPES} | {"F32", "F16"}
    for name in BYTES.keys() - {"F32", "F16", "BF16"}:
        block, size = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[name]]
        assert BYTES[name] == size / block
