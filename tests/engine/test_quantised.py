"""Quantised models: a crowd gets what diffusers draws quantised alike; what passes through is exact."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
import transformers
from diffusers.hooks import apply_layerwise_casting
from safetensors.torch import save_file
from torch import nn

from engine.batching.lora_hooks import active_adapters
from engine.batching.module_modes import in_float32
from engine.batching.weight_tensors import EXECUTES_ON, weight_bytes
from engine.catalogue.catalogue import Catalogue
from engine.errors import BadOutput, InvalidRequest, ModelLoadFailed, ModelTooLarge
from engine.loading.load import load
from engine.loading.loaded_model import LoadedModel
from engine.lora.lora_adapters import Adapters
from engine.memory.device_memory import DeviceMemory
from engine.requests import ImageRequest, LoRA
from engine.settings import EngineSettings, LoRASettings, ModelSettings
from engine.worker.lane_factory import LaneFactory
from tests.engine.batched_pipelines import Ask, BatchedPipelines, Model, stock
from tests.engine.families import FAMILIES, T2I
from tests.engine.file_models import loaded as loaded_file
from tests.engine.file_models import narrow_conversions, weights_of
from tests.engine.local_worker import SIZE, LocalWorker
from tests.engine.lora_files import save_lora
from tests.engine.original_layouts import original, save_gguf

NAMES = ("stable-diffusion-xl", "stable-diffusion-3", "flux", "flux2-klein", "z-image", "qwen-image")
STEP = 1 / 255
"""How far a value of a picture may be off."""
needs_gguf = pytest.mark.skipif(importlib.util.find_spec("gguf") is None, reason="needs the extra gguf")
needs_torchao = pytest.mark.skipif(importlib.util.find_spec("torchao") is None, reason="needs the extra int8 (torchao)")


@pytest.fixture
def loaded(family_folder: Callable[[str], Path], tmp_path: Path) -> Callable[..., LoadedModel]:
    """A family as the engine loads it, with the host's keys."""

    def load_family(name: str, folder: Path | None = None, **keys: Any) -> LoadedModel:
        chosen = ModelSettings(source=str(folder or family_folder(name)), **keys)
        settings = EngineSettings(models={"mine": chosen}, models_dir=tmp_path)
        return load(Catalogue(settings).spec("mine"), "cpu", settings)

    return load_family


def crowd() -> list[Ask]:
    return [
        Ask(T2I, "a red apple", seed=1, steps=4, cells=2),
        Ask(T2I, "a blue bird in the rain, by night", seed=9, steps=3),
        Ask(T2I, "two boats", seed=5, steps=5, guided=False),
    ]


def together(model: Model) -> list[torch.Tensor]:
    batched = BatchedPipelines()
    lanes = [batched.join(model, ask) for ask in crowd()]
    batched.finish()
    return [lane.result for lane in lanes]


def quantised_by_diffusers(folder: Path, denoiser: str, precision: str) -> Any:
    """The pipeline of a folder as diffusers' and transformers' documentation quantises its components."""
    if precision == "int8":
        from torchao.quantization import Int8WeightOnlyConfig

        index = json.loads((folder / "model_index.json").read_text())
        mapping = {
            name: (transformers if kind[0] == "transformers" else diffusers).TorchAoConfig(Int8WeightOnlyConfig())
            for name, kind in index.items()
            if name == denoiser or name.startswith("text_encoder")
        }
        config = diffusers.PipelineQuantizationConfig(quant_mapping=mapping)
        return diffusers.DiffusionPipeline.from_pretrained(folder, quantization_config=config, dtype=torch.float32)
    pipeline = diffusers.DiffusionPipeline.from_pretrained(folder)
    pipeline.components[denoiser].enable_layerwise_casting(torch.float8_e4m3fn, torch.float32)
    for name, part in pipeline.components.items():
        if name.startswith("text_encoder"):
            wide = (nn.Embedding, nn.Conv2d, nn.Conv3d)
            skipped = ("norm", "embed", "lm_head", r"(^|\.)wo$")
            apply_layerwise_casting(part, torch.float8_e4m3fn, torch.float32, skipped, wide)
    return pipeline


@pytest.mark.parametrize("precision", ["float8", pytest.param("int8", marks=needs_torchao)])
@pytest.mark.parametrize("name", NAMES)
def test_a_crowd_gets_what_diffusers_draws_quantised(
    name: str, precision: str, loaded: Callable[..., LoadedModel], family_folder: Callable[[str], Path]
) -> None:
    family = FAMILIES[name]
    model = loaded(name, precision=precision)
    expected = Model(family, quantised_by_diffusers(family_folder(name), family.denoiser, precision))
    plain = stock(Model(family, family.load(family_folder(name))), crowd()[0])
    pictures = together(Model(family, model.base))
    for picture, ask in zip(pictures, crowd(), strict=True):
        assert float((picture - stock(expected, ask)).abs().max()) <= STEP
    assert not torch.equal(pictures[0], plain), "it was not quantised"
    assert model.bytes < 0.95 * weight_bytes(loaded(name).parkable.values())


@needs_gguf
@pytest.mark.parametrize("name", ["flux", "flux2-klein", "z-image", "qwen-image"])
def test_a_crowd_gets_what_diffusers_draws_from_gguf(
    name: str, family_folder: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    narrow_conversions(monkeypatch)
    family, folder = FAMILIES[name], family_folder(name)
    file = save_gguf(original(name, weights_of(folder, family.denoiser)), tmp_path / "mine.gguf")
    base = loaded_file(file, base=str(folder)).base
    config = diffusers.GGUFQuantizationConfig(compute_dtype=torch.float32)
    options = {"config": str(folder), "subfolder": family.denoiser, "dtype": torch.float32}
    theirs = type(base.transformer).from_single_file(str(file), quantization_config=config, **options)
    expected = Model(family, diffusers.DiffusionPipeline.from_pretrained(folder, transformer=theirs))
    plain = stock(Model(family, family.load(folder)), crowd()[0])
    pictures = together(Model(family, base))
    for picture, ask in zip(pictures, crowd(), strict=True):
        assert float((picture - stock(expected, ask)).abs().max()) <= STEP
    assert not torch.equal(pictures[0], plain), "it was not quantised"


@needs_gguf
def test_a_streamed_gguf_changes_no_bit(family_folder: Callable[[str], Path], tmp_path: Path) -> None:
    family, folder = FAMILIES["z-image"], family_folder("z-image")
    file = save_gguf(original(family.name, weights_of(folder, family.denoiser)), tmp_path / "mine.gguf")
    resident, streamed = (loaded_file(file, base=str(folder), residency=each) for each in ("resident", "streamed"))
    assert streamed.bytes < resident.bytes
    for one, other in zip(together(Model(family, resident.base)), together(Model(family, streamed.base)), strict=True):
        assert torch.equal(one, other)
    streamed.close()


@needs_gguf
def test_a_lora_acts_on_gguf_weights(family_folder: Callable[[str], Path], tmp_path: Path) -> None:
    """Stock: diffusers puts the LoRA on the same packed layers."""
    folder, layer = family_folder("z-image"), "layers.0.attention.to_q"
    file = save_gguf(original("z-image", weights_of(folder, "transformer")), tmp_path / "mine.gguf")
    matrices = {f"transformer.{layer}.lora_{letter}.weight": torch.randn(*shape) for letter, shape in LORA_SHAPES}
    save_file(matrices, path := tmp_path / "ink.safetensors")
    model = loaded_file(file, base=str(folder))
    adapters = Adapters(model.base, {"ink": LoRASettings(path=path, model="mine")})
    adapters.attach((("ink", 1.0),))
    rows = torch.randn(1, 3, 32)
    own = model.base.transformer.get_submodule(layer)
    with torch.no_grad(), active_adapters(model.base.transformer, [(("ink", 1.0),)]):
        dressed = own(rows)
    down, up = (matrices[f"transformer.{layer}.lora_{letter}.weight"] for letter in "AB")
    with torch.no_grad():
        assert torch.allclose(own(rows) + rows @ down.T @ up.T, dressed, atol=1e-4)
        assert not torch.allclose(own(rows), dressed, atol=1e-2)


LORA_SHAPES = (("A", (4, 32)), ("B", (32, 4)))


@pytest.mark.parametrize("name", NAMES)
def test_encoders_that_pass_through_change_no_bit(name: str, loaded: Callable[..., LoadedModel]) -> None:
    family = FAMILIES[name]
    resident, passing = loaded(name), loaded(name, residency="encoders_offloaded")
    encoders = [part for part in passing.parkable.values() if EXECUTES_ON in vars(part)]
    assert encoders and passing.bytes == resident.bytes - weight_bytes(encoders)
    before = {id(weight) for part in encoders for weight in part.parameters()}
    for one, other in zip(together(Model(family, resident.base)), together(Model(family, passing.base)), strict=True):
        assert torch.equal(one, other)
    assert {id(weight) for part in encoders for weight in part.parameters()} == before, "copies were kept"


@needs_torchao
def test_a_folder_saved_quantised_loads_as_it_is(
    loaded: Callable[..., LoadedModel], family_folder: Callable[[str], Path], tmp_path: Path
) -> None:
    """Counting its bytes used to fail: quantised tensors have no storage of their own."""
    family, saved = FAMILIES["flux2-klein"], tmp_path / "saved"
    quantised = quantised_by_diffusers(family_folder(family.name), family.denoiser, "int8")
    quantised.save_pretrained(saved)
    model = loaded(family.name, saved)
    assert model.bytes < 0.95 * loaded(family.name).bytes
    for picture, ask in zip(together(Model(family, model.base)), crowd(), strict=True):
        assert float((picture - stock(Model(family, quantised), ask)).abs().max()) <= STEP
    model.close()


@pytest.mark.parametrize("precision", ["float8", pytest.param("int8", marks=needs_torchao)])
def test_loras_act_on_quantised_weights_in_their_own_precision(
    precision: str, loaded: Callable[..., LoadedModel], family_folder: Callable[[str], Path]
) -> None:
    """Stock: the LoRA is put on the wide weights first, so that the casting leaves it alone, or on integer weights."""
    family, folder = FAMILIES["stable-diffusion"], family_folder("stable-diffusion")
    path = save_lora(folder, f"on-{precision}", seed=3, alpha=2.0)
    model = loaded(family.name, precision=precision)
    adapters = Adapters(model.base, {"ink": LoRASettings(path=path, model="mine")})
    adapters.attach((("ink", 1.0),))
    values = {
        "sample": torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(1)),
        "timestep": torch.tensor([500]),
        "encoder_hidden_states": torch.randn(1, 7, model.base.unet.config.cross_attention_dim),
    }
    with torch.no_grad(), active_adapters(model.base.unet, [(("ink", 1.0),)]):
        dressed = model.base.unet(**values).sample
    if precision == "int8":
        other = quantised_by_diffusers(folder, "unet", "int8")
        other.load_lora_weights(str(path.parent), weight_name=path.name)
    else:
        other = diffusers.DiffusionPipeline.from_pretrained(folder)
        other.load_lora_weights(str(path.parent), weight_name=path.name)
        other.unet.enable_layerwise_casting(torch.float8_e4m3fn, torch.float32)
    with torch.no_grad():
        assert torch.allclose(other.unet(**values).sample, dressed, atol=1e-5)
        assert not torch.allclose(model.base.unet(**values).sample, dressed, atol=1e-2)


def test_loras_of_encoders_that_pass_through_act_too(
    loaded: Callable[..., LoadedModel], family_folder: Callable[[str], Path]
) -> None:
    path = save_lora(family_folder("stable-diffusion"), "on-words", seed=4, alpha=2.0, text=True)
    outputs = []
    for residency in ("resident", "encoders_offloaded"):
        encoder = (model := loaded("stable-diffusion", residency=residency)).base.text_encoder
        Adapters(model.base, {"ink": LoRASettings(path=path, model="mine")}).attach((("ink", 1.0),))
        with torch.no_grad(), active_adapters(encoder, [(("ink", 1.0),)]):
            outputs.append(encoder(torch.tensor([[1, 2, 3]])).last_hidden_state)
    assert torch.equal(*outputs)


@pytest.mark.parametrize("storage", ["float8_e4m3fn", "bfloat16"])
def test_narrow_weights_can_run_in_float32_for_one_pass(storage: str, loaded: Callable[..., LoadedModel]) -> None:
    """As for a blank picture, which is drawn once more so."""
    unet = loaded("stable-diffusion", precision="bfloat16").base.unet
    if storage != "bfloat16":
        unet.enable_layerwise_casting(getattr(torch, storage), torch.bfloat16)
    words = torch.randn(1, 7, unet.config.cross_attention_dim)
    values = {"sample": torch.randn(1, 4, 8, 8), "timestep": torch.tensor([500]), "encoder_hidden_states": words}
    before = {name: weight.clone() for name, weight in unet.named_parameters()}
    with torch.no_grad(), in_float32(unet):
        wide = unet(**values).sample
    assert wide.dtype == torch.float32
    with torch.no_grad():
        narrow = unet(**{name: value.to(torch.bfloat16) for name, value in values.items()}).sample
    assert narrow.dtype == torch.bfloat16
    for name, weight in unet.named_parameters():
        assert weight.dtype == before[name].dtype and torch.equal(weight.float(), before[name].float())


def test_what_this_machine_cannot_quantise_is_refused(loaded: Callable[..., LoadedModel], monkeypatch: Any) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModelLoadFailed, match=r"needs torchao.*pip install -c constraints.txt '\.\[int8\]'"):
        loaded("stable-diffusion", precision="int8")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    with pytest.raises(ModelLoadFailed, match=r"nf4.*CUDA device, not on cpu"):
        loaded("stable-diffusion", precision="nf4")


def test_a_model_that_is_too_large_is_named_not_the_picture(
    loaded: Callable[..., LoadedModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.loading.load.device_memory", lambda *_: DeviceMemory("cuda", 2**29 + 2**16))
    with pytest.raises(ModelTooLarge, match=r"'mine' could not be loaded: it needs 0\.00.* smaller model"):
        loaded("stable-diffusion")


def test_weights_that_main_memory_cannot_hold_are_refused(
    loaded: Callable[..., LoadedModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.loading.load.device_memory", lambda *_: DeviceMemory("cuda", 2**33, main_bytes=2**16))
    with pytest.raises(ModelTooLarge, match=r"'mine'.* GB of it would lie in main memory, .* smaller precision"):
        loaded("z-image", residency="streamed")


def asked(**more: Any) -> ImageRequest:
    return ImageRequest(
        **{
            "prompt": "a red apple",
            "model": "model",
            "seed": 7,
            "num_images": 1,
            "num_inference_steps": 3,
            **SIZE,
            **more,
        }
    )


def test_members_draw_with_encoders_in_main_memory(family_folder: Callable[[str], Path]) -> None:
    """Words, a start picture, a LoRA of the words' encoder: the same pictures to the bit."""
    folder = family_folder("stable-diffusion")
    path = save_lora(folder, "of-members", seed=5, alpha=2.0, text=True)
    loras = {"ink": LoRASettings(path=path, model="model")}
    drawn = []
    for residency in ("resident", "encoders_offloaded"):
        worker = LocalWorker(folder, keys={"residency": residency}, loras=loras)
        (first,) = worker.draw(asked())
        drawn.append([first, *worker.draw(asked(loras=(LoRA(name="ink"),), prompt="two boats"))])
    for one, other in zip(*drawn, strict=True):
        assert (one == other).all()


def test_a_blank_picture_of_a_float8_model_is_drawn_again(
    family_folder: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = LocalWorker(family_folder("stable-diffusion"), keys={"precision": "float8"})
    (before,) = worker.draw(asked())
    assert before.std() > 0
    made: list[bool] = []
    make = LaneFactory.make

    def noting(self: LaneFactory, admit: Any, model: Any, upcast: bool = False) -> Any:
        made.append(upcast)
        opened = make(self, admit, model, upcast)
        if not upcast:
            opened.lane.answers.insert(0, broken)
        return opened

    def broken(*_: Any) -> None:
        raise BadOutput("a blank picture")

    monkeypatch.setattr(LaneFactory, "make", noting)
    (again,) = worker.draw(asked())
    assert made == [False, True]
    assert abs(again.astype(int) - before.astype(int)).max() <= 1


@pytest.mark.parametrize("precision", ["int8", "nf4"])
def test_a_dora_is_refused_for_integer_weights_by_name(
    precision: str, family_folder: Callable[[str], Path], tmp_path: Path
) -> None:
    """Before anything is queued: its magnitudes are of rows of wide weights."""
    path = tmp_path / "dora.safetensors"
    names = ("lora_A.weight", "lora_B.weight", "lora_magnitude_vector")
    save_file({f"unet.mid_block.attentions.0.proj_in.{name}": torch.ones(2, 2) for name in names}, path)
    chosen = ModelSettings(source=str(family_folder("stable-diffusion")), precision=precision)
    loras = {"soft": LoRASettings(path=path, model="model")}
    catalogue = Catalogue(EngineSettings(models={"model": chosen}, loras=loras, models_dir=tmp_path))
    with pytest.raises(InvalidRequest, match=f"'soft' is a DoRA, .* wider than model's, those are {precision}"):
        catalogue.resolve(asked(loras=(LoRA(name="soft"),)))
