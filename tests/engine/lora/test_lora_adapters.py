"""LoRAs by name: rows with different LoRAs share one pass and come out as if each had been alone in stock diffusers."""

from __future__ import annotations

import os
import re

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline
from safetensors.torch import load_file, save_file

from engine.batching.batch_runner import Batch, BatchRunner
from engine.batching.lanes import Lane, ParkedCall, RunOptions
from engine.batching.lora_hooks import active_adapters
from engine.batching.low_rank import fitted
from engine.catalogue.catalogue import Catalogue
from engine.errors import InvalidRequest, OutOfMemory
from engine.lora.lora_adapters import Adapters
from engine.requests import ImageRequest, LoRA
from engine.settings import EngineSettings, LoRASettings
from tests.engine.local_worker import SIZE, LocalWorker, as_array, ask
from tests.engine.lora_files import save_lora

INPUTS = {"sample": (4, 8, 8), "encoder_hidden_states": (5, 16)}


@pytest.fixture
def offered(family_folder) -> dict[str, LoRASettings]:
    folder = family_folder("stable-diffusion")
    return {
        "pixel.art": LoRASettings(path=save_lora(folder, "pixel", 1, 2), model="stable-diffusion"),
        "ink": LoRASettings(path=save_lora(folder, "ink", 2, 4, text=True), model="stable-diffusion", weight=0.5),
    }


@pytest.fixture
def pipeline(family_folder) -> StableDiffusionPipeline:
    return StableDiffusionPipeline.from_pretrained(family_folder("stable-diffusion"))


def inputs(rows: int) -> dict:
    generator = torch.Generator().manual_seed(9)
    made = {name: torch.randn(rows, *shape, generator=generator) for name, shape in INPUTS.items()}
    return {**made, "timestep": torch.linspace(10, 900, rows)}


@torch.no_grad()
def unet(pipeline, **values) -> torch.Tensor:
    return pipeline.unet(**values).sample


def stock(family_folder, offered, names, weights) -> StableDiffusionPipeline:
    made = StableDiffusionPipeline.from_pretrained(family_folder("stable-diffusion"))
    for name in names:
        path = offered[name].path
        made.load_lora_weights(str(path.parent), weight_name=path.name, adapter_name=name.replace(".", "_"))
    if names:
        made.set_adapters([name.replace(".", "_") for name in names], weights)
    return made


def test_four_rows_of_different_loras_in_one_pass(pipeline, family_folder, offered):
    active = [
        (("pixel.art", 1.0),),
        (),
        (("ink", 0.8),),
        (("pixel.art", 0.5), ("ink", 1.0)),
    ]
    adapters = Adapters(pipeline, offered)
    for each in active:
        adapters.attach(each)
    values = inputs(4)
    with active_adapters(pipeline.unet, active):
        together = unet(pipeline, **values)
    for row, each in enumerate(active):
        names = [name for name, _ in each]
        weights = [weight * offered[name].weight for name, weight in each]
        alone = unet(
            stock(family_folder, offered, names, weights),
            **{name: value[row : row + 1] for name, value in values.items()},
        )
        assert (together[row] - alone[0]).abs().max() < 1e-5, each
    assert (together[0] - together[1]).abs().max() > 1e-3


def test_text_encoders_wear_them_too(pipeline, family_folder, offered):
    adapters = Adapters(pipeline, offered)
    adapters.attach((("ink", 1.0),))
    ids = torch.tensor([[1, 2, 3], [1, 2, 3]])
    with active_adapters(pipeline.text_encoder, [(("ink", 1.0),), ()]), torch.no_grad():
        dressed, bare = pipeline.text_encoder(ids).last_hidden_state
    other = stock(family_folder, offered, ["ink"], [0.5])
    with torch.no_grad():
        assert torch.allclose(other.text_encoder(ids[:1]).last_hidden_state[0], dressed, atol=1e-5)
    assert not torch.allclose(dressed, bare, atol=1e-3)


def test_nobody_wears_anything_by_default(pipeline, offered):
    before = unet(pipeline, **inputs(3))
    adapters = Adapters(pipeline, offered)
    adapters.attach((("pixel.art", 1.0),))
    assert torch.equal(unet(pipeline, **inputs(3)), before)
    with active_adapters(pipeline.unet, [()]):
        assert torch.equal(unet(pipeline, **inputs(3)), before)


def test_each_new_weight_costs_no_memory(family_folder, offered):
    renamed = {name: lora.model_copy(update={"model": "model"}) for name, lora in offered.items()}
    worker = LocalWorker(family_folder("stable-diffusion"), loras=renamed)
    bare = worker.model.bytes
    worker.model.adapters.attach((("ink", 0.8),))
    first = worker.model.bytes
    assert 0 < first - bare < 2 * offered["ink"].path.stat().st_size
    for hundredths in range(20):
        worker.model.adapters.attach((("ink", hundredths / 100),))
    assert worker.model.bytes == first
    worker.model.adapters.clear()
    assert worker.model.bytes == bare


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("can't allocate memory")])
def test_running_out_of_memory_half_way_leaves_nothing_on(family_folder, offered, monkeypatch, error):
    renamed = {name: lora.model_copy(update={"model": "model"}) for name, lora in offered.items()}
    worker = LocalWorker(family_folder("stable-diffusion"), loras=renamed)
    asked = {"num_inference_steps": 2, "num_images": 1, **SIZE}
    (before,) = worker.draw(ask(**asked))
    left = iter(range(5))

    def scarce(*given):
        if next(left, None) is None:
            raise error
        return fitted(*given)

    with monkeypatch.context() as patched:
        patched.setattr("engine.lora.lora_fitting.fitted", scarce)
        assert isinstance(worker.refuse(ask(loras=(LoRA(name="ink"),), **asked)), OutOfMemory)
    (after,) = worker.draw(ask(**asked))
    assert (after == before).all()
    (active,) = worker.draw(ask(loras=(LoRA(name="ink"),), **asked))
    (again,) = worker.draw(ask(**asked))
    assert (again == before).all() and (active != before).any()


def test_a_lora_of_another_shape_is_refused_and_costs_no_model(pipeline, family_folder, offered, tmp_path):
    wide = save_lora(family_folder("stable-diffusion"), "wide", 3, 2)
    save_file({key: torch.randn(7, 9) for key in load_file(wide)}, tmp_path / "wide.safetensors")
    offered = {**offered, "wide": LoRASettings(path=tmp_path / "wide.safetensors", model="stable-diffusion")}
    adapters = Adapters(pipeline, offered)
    before = unet(pipeline, **inputs(2))
    with pytest.raises(InvalidRequest, match="wide"):
        adapters.attach((("wide", 1.0),))
    assert torch.equal(unet(pipeline, **inputs(2)), before)
    adapters.attach((("ink", 1.0),))
    with active_adapters(pipeline.unet, [(("ink", 1.0),), ()]):
        assert not torch.allclose(unet(pipeline, **inputs(2))[0], before[0], atol=1e-3)


def test_what_a_file_says_it_was_trained_for_is_believed(family_folder, tmp_path):
    said = {"ss_base_model_version": "sdxl_base_v1-0"}
    save_file({"lora_unet_x.alpha": torch.ones(1)}, tmp_path / "xl.safetensors", metadata=said)
    (tmp_path / "pickle.safetensors").write_bytes(b"\x80\x04pickle")
    folder = str(family_folder("stable-diffusion"))
    settings = EngineSettings(
        default_model=folder,
        loras={
            name: LoRASettings(path=tmp_path / f"{name}.safetensors", model="stable-diffusion")
            for name in ("xl", "pickle", "gone")
        },
    )
    catalogue = Catalogue(settings)
    for label in ("flux1", "flux.1", "flux.1-dev", "Flux.1 Kontext", "flux-1-schnell", "wan_2.1", "qwen_image"):
        save_file({"lora_unet_x.alpha": torch.ones(1)}, tmp_path / "xl.safetensors", {"ss_base_model_version": label})
        with pytest.raises(InvalidRequest, match=r"trained for (flux|wan|qwen-image), which"):
            catalogue.resolve(ImageRequest(prompt="x", loras=(LoRA(name="xl"),)))
    save_file({"lora_unet_x.alpha": torch.ones(1)}, tmp_path / "xl.safetensors", metadata=said)
    for name, why in (("xl", "trained for sdxl"), ("pickle", "broken file"), ("gone", "broken file")):
        with pytest.raises(InvalidRequest, match=why) as refused:
            catalogue.resolve(ImageRequest(prompt="x", loras=(LoRA(name=name),)))
        assert refused.value.field == "loras"


def test_calls_with_different_loras_share_a_right_pass(pipeline, offered):
    adapters = Adapters(pipeline, offered)
    lanes = [
        Lane(str(number), print, RunOptions(loras=active))
        for number, active in enumerate(((("pixel.art", 1.0),), (("ink", 0.7), ("pixel.art", 0.2)), ()))
    ]
    calls = []
    for lane in lanes:
        adapters.attach(lane.options.loras)
        calls.append(ParkedCall(lane, pipeline.unet, "__call__", (), {**inputs(2), "return_dict": False}))
    with torch.no_grad():
        alone = [BatchRunner().run(Batch((call,)))[0] for call in calls]
        batch_runner = BatchRunner()
        batch_runner.run(batch_runner.choose(calls[0], calls[1:2], lambda layout, waiting: 64))
        batch = batch_runner.choose(calls[0], calls[1:], lambda layout, waiting: 64)
        together = batch_runner.run(batch)
    assert len(batch.calls) == 3
    for one, other in zip(alone, together, strict=True):
        assert (one[0] - other[0]).abs().max() < 1e-5
    assert (alone[0][0] - alone[2][0]).abs().max() > 1e-3


def test_fixed_shapes_keep_different_loras_apart(pipeline, offered):
    lanes = [Lane(name, print, RunOptions(loras=((name, 1.0),))) for name in offered]
    calls = [ParkedCall(lane, pipeline.unet, "__call__", (), inputs(2)) for lane in lanes]
    batch_runner = BatchRunner(deterministic=True)
    assert len(batch_runner.choose(calls[0], calls[1:], lambda layout, waiting: 64).calls) == 1


def test_requests_with_different_loras_equal_stock_diffusers(family_folder, offered):
    renamed = {name: lora.model_copy(update={"model": "model"}) for name, lora in offered.items()}
    worker = LocalWorker(family_folder("stable-diffusion"), loras=renamed)
    active = ([LoRA(name="pixel.art")], [LoRA(name="ink", weight=0.6), LoRA(name="pixel.art", weight=0.5)], [])
    asked = {"num_inference_steps": 3, "guidance_scale": 3.0, "noise_scheduler": "DDIMScheduler", "num_images": 1}
    requests = [ask(prompt="a red apple", seed=4, loras=tuple(loras), **SIZE, **asked) for loras in active]
    for messages, loras in zip(worker.run(*requests), active, strict=True):
        names = [lora.name for lora in loras]
        pipeline = stock(family_folder, offered, names, [lora.weight * offered[lora.name].weight for lora in loras])
        # Through the constructor, which switches `clip_sample` off: assigning the attribute would leave it on.
        ddim = DDIMScheduler.from_config(pipeline.scheduler.config)
        pipeline = StableDiffusionPipeline(**{**pipeline.components, "scheduler": ddim}, requires_safety_checker=False)
        expected = pipeline(
            "a red apple",
            num_inference_steps=3,
            guidance_scale=3.0,
            generator=torch.Generator().manual_seed(4),
            output_type="np",
            **SIZE,
        ).images[0]
        ours = as_array(messages[-1].finished.images[0].png)
        assert np.abs(ours.astype(int) - (expected * 255).round().astype(int)).max() <= 1, names


def test_a_lora_that_does_not_fit_fails_its_own_request_only(family_folder, offered, tmp_path):
    save_file({"unet.conv_in.lora_A.weight": torch.randn(7, 9)}, tmp_path / "wide.safetensors")
    wide = LoRASettings(path=tmp_path / "wide.safetensors", model="model")
    worker = LocalWorker(family_folder("stable-diffusion"), loras={"wide": wide})
    asked = {"num_inference_steps": 2, "num_images": 1, **SIZE}
    (before,) = worker.draw(ask(**asked))
    broken, fine = ask(loras=(LoRA(name="wide"),), **asked), ask(**asked)
    failed, drawn = worker.run(broken, fine)
    assert isinstance(failed[-1].error, InvalidRequest) and failed[-1].error.field == "loras"
    assert (as_array(drawn[-1].finished.images[0].png) == before).all()


def test_every_picture_says_that_its_lora_fits_in_part(family_folder, offered, tmp_path):
    made = load_file(offered["pixel.art"].path)
    made["lora_te3_block_0.lora_down.weight"], made["lora_te3_block_0.lora_up.weight"] = (
        torch.ones(2, 4),
        torch.ones(4, 2),
    )
    save_file(made, tmp_path / "more.safetensors")
    more = LoRASettings(path=tmp_path / "more.safetensors", model="model")
    worker = LocalWorker(family_folder("stable-diffusion"), loras={"more": more})
    asked = ask(loras=(LoRA(name="more"),), num_inference_steps=2, num_images=1, **SIZE)
    for _ in range(2):
        [messages] = worker.run(asked)
        [note] = messages[-1].finished.notes
        assert re.fullmatch(r"LoRA more fits in part: (\d+) of its (\d+) layers have a place in this model", note)


def test_a_refused_file_is_read_again_only_when_it_changed(pipeline, tmp_path, monkeypatch):
    """Reading takes about a second of the device's time, and anybody may ask again and again."""
    path = tmp_path / "odd.safetensors"
    save_file({"unet.nowhere.lora_A.weight": torch.ones(2, 4), "unet.nowhere.lora_B.weight": torch.ones(4, 2)}, path)
    adapters = Adapters(pipeline, {"odd": LoRASettings(path=path, model="stable-diffusion")})
    reads = []
    monkeypatch.setattr(
        Adapters, "_read", lambda self, name, read=Adapters._read: reads.append(name) or read(self, name)
    )
    said = set()
    for _ in range(3):
        with pytest.raises(InvalidRequest) as refused:
            adapters.attach((("odd", 1.0),))
        said.add(refused.value.why)
    assert len(said) == 1 and reads == ["odd"]
    os.utime(path, (1, 1))
    with pytest.raises(InvalidRequest):
        adapters.attach((("odd", 1.0),))
    assert reads == ["odd", "odd"]
