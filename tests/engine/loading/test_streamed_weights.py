"""Denoisers that are streamed draw the same pictures to the bit, whatever the order of their blocks."""

from __future__ import annotations

import importlib.util
import itertools
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from engine.batching.lora_hooks import active_adapters
from engine.batching.module_modes import in_float32
from engine.batching.weight_tensors import STREAMED, weight_bytes
from engine.catalogue.catalogue import Catalogue
from engine.errors import ModelLoadFailed
from engine.loading.device import device_memory
from engine.loading.load import load
from engine.loading.loaded_model import LoadedModel
from engine.loading.weight_link import link_to
from engine.lora.lora_adapters import Adapters
from engine.memory.model_plan import plan_of
from engine.requests import ImageRequest, LoRA
from engine.settings import EngineSettings, LoRASettings, ModelSettings
from tests.engine.batched_pipelines import Ask, BatchedPipelines, Model
from tests.engine.families import FAMILIES
from tests.engine.local_worker import SIZE, LocalWorker
from tests.engine.lora_files import save_lora
from tests.engine.lora_layouts import USABLE
from tests.engine.streaming import budget_gb, hide, make_late, stream_keeping, streams

NAMES = (
    "stable-diffusion-xl",
    "kandinsky-2.2",
    "stable-diffusion-3",
    "flux",
    "flux2-klein",
    "z-image",
    "qwen-image",
    "lumina2",
    "anima",
)
needs_torchao = pytest.mark.skipif(importlib.util.find_spec("torchao") is None, reason="needs the extra int8 (torchao)")


@pytest.fixture
def loaded(
    family_folder: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., LoadedModel]:
    """A family as the engine loads it, with the host's keys, and room for that share of its blocks."""

    def load_family(name: str, kept: float | None = None, **keys: Any) -> LoadedModel:
        chosen = ModelSettings(source=str(family_folder(name)), **keys)
        settings = EngineSettings(models={"mine": chosen}, models_dir=tmp_path)
        with monkeypatch.context() as patch:
            if kept is not None:
                patch.setattr("engine.loading.load.stream_through", stream_keeping(kept))
            return load(Catalogue(settings).spec("mine"), "cpu", settings)

    return load_family


def crowd(name: str, model: LoadedModel) -> list[torch.Tensor]:
    """What three members get who draw at the same time."""
    batched, family = BatchedPipelines(), FAMILIES[name]
    asks = [Ask(prompt="a red apple", seed=1, steps=3, cells=2), Ask(prompt="two boats", seed=9, steps=2)]
    lanes = [batched.join(Model(family, model.base), ask) for ask in [*asks, Ask(seed=5, steps=2, guided=False)]]
    batched.finish()
    return [lane.result for lane in lanes]


@pytest.mark.parametrize("name", NAMES)
def test_streamed_pictures_are_the_same_to_the_bit(name: str, loaded: Callable[..., LoadedModel]) -> None:
    """Also over a link that is late, and where no layer holds numbers while its block is away; whole and in part."""
    resident, streamed, partly = (
        loaded(name),
        loaded(name, residency="streamed"),
        loaded(name, residency="streamed", kept=0.6),
    )
    expected = crowd(name, resident)
    for each in (streamed, partly):
        make_late(each)
        hide(each)
        assert all(torch.equal(one, other) for one, other in zip(expected, crowd(name, each), strict=True))
    assert streamed.bytes < resident.bytes
    assert partly.bytes <= resident.bytes
    away = sum(block.host.nbytes for each in streams(partly) for block in each.blocks)
    whole = sum(weight.nbytes for weight in partly.base.components[FAMILIES[name].denoiser].parameters())
    assert 0 < away < 0.9 * whole


def test_a_hosts_budget_says_how_many_blocks_stay(family_folder: Callable[[str], Path], tmp_path: Path) -> None:
    """As many as the plan reckons with, and the same pictures."""
    name = "stable-diffusion-xl"
    settings = EngineSettings(models={"mine": ModelSettings(source=str(family_folder(name)))}, models_dir=tmp_path)
    spec = Catalogue(settings).spec("mine")
    resident = load(spec, "cpu", settings)
    spec = replace(spec, residency="partly_streamed")
    settings = settings.model_copy(update={"memory_budget_gb": budget_gb(spec, tmp_path, kept=0.4)})
    plan = plan_of(spec, device_memory(torch.device("cpu"), settings), tmp_path)
    assert plan is not None and plan.fits and plan.residency == "partly_streamed"
    partly = load(spec, "cpu", settings)
    for one, other in zip(crowd(name, resident), crowd(name, partly), strict=True):
        assert torch.equal(one, other)
    (streamed,) = streams(partly)
    away = sum(weight.nbytes for block in streamed.blocks for weight in block.module.parameters())
    assert away == pytest.approx(plan.streamed_bytes, rel=0.1)
    assert 0 < plan.streamed_bytes <= 0.6 * sum(weight.nbytes for weight in partly.base.unet.parameters())


@pytest.mark.parametrize("precision", ["float8", "bfloat16", pytest.param("int8", marks=needs_torchao)])
def test_narrow_weights_are_streamed_alike(precision: str, loaded: Callable[..., LoadedModel]) -> None:
    resident, *others = [
        crowd("flux2-klein", loaded("flux2-klein", precision=precision, residency=residency, kept=kept))
        for residency, kept in (("encoders_offloaded", None), ("streamed", None), ("streamed", 0.5))
    ]
    for other in others:
        assert all(torch.equal(*each) for each in zip(resident, other, strict=True))


@needs_torchao
@pytest.mark.parametrize("name", NAMES)
def test_partly_streamed_int8_is_the_same_to_the_bit(name: str, loaded: Callable[..., LoadedModel]) -> None:
    """Also over a link that is late, and where no layer holds numbers while its block is away."""
    resident = loaded(name, precision="int8", residency="resident")
    partly = loaded(name, precision="int8", residency="streamed", kept=0.6)
    make_late(partly)
    hide(partly)
    for one, other in zip(crowd(name, resident), crowd(name, partly), strict=True):
        assert torch.equal(one, other)
    assert any(block.host.nbytes for each in streams(partly) for block in each.blocks)
    assert partly.bytes < resident.bytes


def values(unet: Any) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(1)
    return {
        "sample": torch.randn(1, 4, 8, 8, generator=generator),
        "timestep": torch.tensor([500]),
        "encoder_hidden_states": torch.randn(1, 7, unet.config.cross_attention_dim, generator=generator),
    }


@torch.no_grad()
def test_one_block_is_on_its_way_while_another_computes(loaded: Callable[..., LoadedModel]) -> None:
    model = loaded("stable-diffusion", residency="streamed")
    unet, link = model.base.unet, make_late(model)
    blocks = len(vars(unet)[STREAMED].blocks)
    unet(**values(unet))  # the order of blocks is guessed at first
    link.said.clear()
    unet(**values(unet))
    assert link.said == ["copy", *["wait", "copy"] * (blocks - 1), "wait"]


@torch.no_grad()
def test_a_pass_that_fails_leaves_nothing_behind(loaded: Callable[..., LoadedModel]) -> None:
    resident, model = (loaded("stable-diffusion", residency=each) for each in ("resident", "streamed"))
    unet = model.base.unet
    make_late(model)
    before = {name: weight.clone() for name, weight in unet.named_parameters()}
    with pytest.raises(RuntimeError):
        unet(**values(unet) | {"encoder_hidden_states": torch.randn(1, 7, 5)})
    for name, weight in unet.named_parameters():
        assert torch.equal(weight, before[name])
    assert torch.equal(unet(**values(unet)).sample, resident.base.unet(**values(unet)).sample)


@torch.no_grad()
def test_a_block_called_by_itself_or_out_of_turn_is_right(loaded: Callable[..., LoadedModel]) -> None:
    resident, model = (loaded("stable-diffusion", residency=each) for each in ("resident", "streamed"))
    make_late(model)
    x, words = torch.randn(1, 4, 8), torch.randn(1, 7, model.base.unet.config.cross_attention_dim)
    for _ in range(2):
        outputs = []
        for each in (resident, model):
            block = each.base.unet.mid_block.attentions[0].transformer_blocks[0]
            outputs.append(block(x.expand(1, 4, -1).repeat(1, 1, block.norm1.weight.numel() // 8), None, words))
        assert torch.equal(*outputs)
    same = values(model.base.unet)
    assert torch.equal(model.base.unet(**same).sample, resident.base.unet(**same).sample)


@torch.no_grad()
@pytest.mark.parametrize("precision", ["bfloat16", "float8"])
def test_streamed_weights_can_run_in_float32_for_one_pass(precision: str, loaded: Callable[..., LoadedModel]) -> None:
    wide = []
    for residency, kept in (("encoders_offloaded", None), ("streamed", None), ("streamed", 0.5)):
        unet = loaded("stable-diffusion", precision=precision, residency=residency, kept=kept).base.unet
        before = {name: weight.clone() for name, weight in unet.named_parameters()}
        with in_float32(unet):
            wide.append(unet(**values(unet)).sample)
        for name, weight in unet.named_parameters():
            assert weight.dtype == before[name].dtype and torch.equal(weight.float(), before[name].float())
    assert wide[0].dtype == torch.float32
    assert all(torch.allclose(wide[0], each, atol=1e-5) for each in wide[1:])


@torch.no_grad()
@pytest.mark.parametrize("layout", ["kohya", "dora-convolutions", "biases"])
def test_loras_act_on_streamed_weights(layout: str, loaded: Callable[..., LoadedModel], tmp_path: Path) -> None:
    dressed = []
    row = next(each for each in USABLE if each.name == layout)
    for residency, kept in (("resident", None), ("streamed", None), ("streamed", 0.5)):
        unet = (model := loaded("stable-diffusion", residency=residency, kept=kept)).base.unet
        path, _ = row.save(tmp_path, model.base)
        Adapters(model.base, {"ink": LoRASettings(path=path, model="mine")}).attach((("ink", 1.0),))
        make_late(model)
        with active_adapters(unet, [(("ink", 1.0),)]):
            dressed.append(unet(**values(unet)).sample)
    assert torch.equal(dressed[0], dressed[1]) and torch.equal(dressed[0], dressed[2])
    assert not torch.allclose(dressed[0], unet(**values(unet)).sample, atol=1e-3)


def test_members_draw_with_a_streamed_model(family_folder: Callable[[str], Path]) -> None:
    """Words, and a LoRA: the same pictures to the bit."""
    folder = family_folder("stable-diffusion")
    loras = {"ink": LoRASettings(path=save_lora(folder, "of-many", seed=5, alpha=2.0), model="model")}
    asked = ImageRequest(prompt="two boats", model="model", seed=7, num_images=1, num_inference_steps=3, **SIZE)
    drawn = []
    for residency in ("resident", "streamed"):
        worker = LocalWorker(folder, keys={"residency": residency}, loras=loras)
        styled = asked.model_copy(update={"id": "2", "loras": (LoRA(name="ink"),)})
        drawn.append([worker.draw(asked)[0], worker.draw(styled)[0]])
    for one, other in zip(*drawn, strict=True):
        assert (one == other).all()
    assert (drawn[0][0] != drawn[0][1]).any()


def test_what_cannot_be_streamed_is_refused_by_name(loaded: Callable[..., LoadedModel], monkeypatch: Any) -> None:
    monkeypatch.setattr("engine.loading.load.prove_precision", lambda *_: None)
    with pytest.raises(ModelLoadFailed, match=r'residency = "streamed" takes no precision = "nf4"; remove one'):
        loaded("stable-diffusion", precision="nf4", residency="streamed")


def test_weights_saved_in_4_bits_are_not_streamed(
    family_folder: Callable[[str], Path], tmp_path: Path, monkeypatch: Any
) -> None:
    folder = shutil.copytree(family_folder("stable-diffusion"), tmp_path / "saved")
    config = json.loads((folder / "unet" / "config.json").read_text())
    said = {"quant_method": "bitsandbytes", "load_in_4bit": True}
    (folder / "unet" / "config.json").write_text(json.dumps(config | {"quantization_config": said}))
    settings = EngineSettings(
        models={"mine": ModelSettings(source=str(folder), residency="partly_streamed")}, models_dir=tmp_path
    )
    spec = Catalogue(settings).spec("mine")
    with pytest.raises(
        ModelLoadFailed, match=r"its unet was saved quantised by bitsandbytes, .* missing|on a CUDA device"
    ):
        load(spec, "cpu", settings)
    monkeypatch.setattr("engine.loading.load.prove_saved", lambda *_: None)
    with pytest.raises(
        ModelLoadFailed, match=r'"partly_streamed" takes no weights of 4 bits, which its files have; remove'
    ):
        load(spec, "cpu", settings)


def test_a_closed_model_gives_main_memory_back(loaded: Callable[..., LoadedModel]) -> None:
    model = loaded("stable-diffusion", residency="streamed")
    (streamed,) = streams(model)
    held = sum(block.host.nbytes for block in streamed.blocks)
    assert held > 0.5 * weight_bytes([model.base.unet])
    model.close()
    assert not any(block.host.nbytes for block in streamed.blocks)


def test_locked_memory_is_whole_pages_and_let_go_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a driver that refuses every second piece: no GPU is here to ask."""
    asked: list[tuple[int, int]] = []
    freed: list[int] = []

    def register(address: int, size: int, flags: int) -> int:
        asked.append((address, size))
        return len(asked) % 2 - 1

    driver = SimpleNamespace(cudaHostRegister=register, cudaHostUnregister=freed.append)
    monkeypatch.setattr(torch.cuda, "cudart", lambda: driver)
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: None)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: None)
    monkeypatch.setattr(torch, "ones", lambda *_, **__: torch.zeros(1))
    link = link_to(torch.device("cuda"))
    pieces = [link.host_bytes(size) for size in (5000, 10, 4096, 0)]
    assert [piece.nbytes for piece in pieces] == [5000, 10, 4096, 0]
    assert all(address % 4096 == 0 and size % 4096 == 0 for address, size in asked)
    spans = sorted((address, address + size) for address, size in asked)
    assert all(stop <= start for (_, stop), (start, _) in itertools.pairwise(spans))
    for piece in (*pieces, *pieces):
        link.release(piece)
    assert freed == [asked[0][0], asked[2][0]]
