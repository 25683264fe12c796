"""LoRA files of every layout, usable and refused: rows without one are the same to the bit before, beside and after."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from engine.batching.lora_hooks import ActiveAdapters, active_adapters
from engine.errors import InvalidRequest
from engine.lora.lora_adapters import Adapters
from engine.requests import LoRA
from engine.settings import LoRASettings
from tests.engine.families import FAMILIES
from tests.engine.local_worker import SIZE, LocalWorker, ask
from tests.engine.lora_layouts import REFUSED, USABLE, USABLE_IN_PART, Draft, RowLayout, peft

QUIET = {
    "stable-diffusion": {"guidance_scale": 1.0},
    "stable-diffusion-xl": {"guidance_scale": 1.0},
    "z-image": {"guidance_scale": 0.0},
}
PLAIN_WORDS = re.compile(r"^loras: '[\w-]+' [\w\s:;,()'³-]+$")


@dataclass
class Call:
    """What a pipeline called one of its components with, for two rows, and what a bare pass answers."""

    module: nn.Module
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    bare: list[torch.Tensor]

    def rows(self, *active: ActiveAdapters, module: nn.Module | None = None) -> list[torch.Tensor]:
        with torch.inference_mode(), active_adapters(self.module, active):
            output = (module or self.module)(*self.args, **self.kwargs)
        return [row.clone() for row in output[0]]

    def inside(self) -> list[tuple[str, type, int, int]]:
        """Its modules with their classes and how many hooks they have."""
        layers = self.module.named_modules()
        return [(name, type(each), len(each._forward_hooks), len(each._forward_pre_hooks)) for name, each in layers]


@dataclass
class Bench:
    """One tiny pipeline, and the calls of its components."""

    pipeline: Any
    calls: dict[str, Call]
    inside: dict[str, list[tuple[str, type, int, int]]]

    def assert_untouched(self) -> None:
        """Bare passes give the very bits they gave at first, and nothing was left in any layer."""
        for component, call in self.calls.items():
            for rows in (call.rows(()), call.rows((), ())):
                assert all(torch.equal(row, bare) for row, bare in zip(rows, call.bare, strict=True)), component
            assert call.inside() == self.inside[component]


@pytest.fixture(scope="module")
def benches(family_folder) -> Callable[[str], Bench]:
    known: dict[str, Bench] = {}

    def bench(family: str) -> Bench:
        if family not in known:
            known[family] = _bench(family, family_folder(family))
        return known[family]

    return bench


def _bench(family: str, folder: Path) -> Bench:
    pipeline = FAMILIES[family].load(folder)
    heard: dict[str, tuple[nn.Module, tuple[Any, ...], dict[str, Any]]] = {}
    components = {name: part for name, part in pipeline.components.items() if isinstance(part, nn.Module)}
    handles = [
        part.register_forward_pre_hook(_ear(heard, name), with_kwargs=True)
        for name, part in components.items()
        if name in ("unet", "transformer") or (name.startswith("text_encoder") and hasattr(pipeline, "unet"))
    ]
    side = {"height": 64, "width": 64, "num_inference_steps": 2, "output_type": "latent"}
    pipeline(["a red apple", "a cat"], **side, **QUIET.get(family, {}), generator=torch.Generator().manual_seed(1))
    for handle in handles:
        handle.remove()
    calls = {name: Call(*call, bare=[]) for name, call in heard.items()}
    for call in calls.values():
        call.bare = call.rows(())
        assert len(call.bare) == 2
    return Bench(pipeline, calls, {name: call.inside() for name, call in calls.items()})


def _ear(heard: dict[str, Any], name: str) -> Callable[..., None]:
    def hear(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        heard.setdefault(name, (module, args, kwargs))

    return hear


@pytest.fixture
def adapters_of(benches) -> Iterator[Callable[[RowLayout, Path], Adapters]]:
    made: list[Adapters] = []

    def adapters(layout: RowLayout, path: Path) -> Adapters:
        bench = benches(layout.family)
        good = path.parent / "good.safetensors"
        draft = _good(bench.pipeline)
        save_file(peft(draft.factors), good)
        offered = {
            "good": LoRASettings(path=good, model="m"),
            layout.name: LoRASettings(path=path, model="m", weight=0.5),
        }
        made.append(Adapters(bench.pipeline, offered))
        return made[-1]

    yield adapters
    for each in made:
        each.clear()


def _good(pipeline: Any) -> Draft:
    component = "unet" if hasattr(pipeline, "unet") else "transformer"
    return Draft(pipeline, seed=5).add(component, re.compile(r"to_q$"))


@pytest.mark.parametrize("layout", (*USABLE, *USABLE_IN_PART), ids=lambda layout: layout.name)
def test_a_usable_layout_changes_its_own_row_as_merged(layout, benches, adapters_of, tmp_path):
    bench = benches(layout.family)
    path, draft = layout.save(tmp_path, bench.pipeline)
    assert draft.factors
    active: ActiveAdapters = ((layout.name, 0.8),)
    bench.assert_untouched()
    notes = adapters_of(layout, path).attach(active)
    assert [bool(re.search(layout.note, note)) for note in notes] == ([True] if layout.note else [])
    changed = 0.0
    for component, call in bench.calls.items():
        expected = call.rows((), module=draft.merged(component, 0.4))
        bare, beside = call.rows((), active)
        assert torch.equal(bare, call.bare[0]), component
        for row, each in [(beside, expected[1]), *zip(call.rows(active), expected, strict=True)]:
            assert (row - each).abs().max() <= 2e-5 * max(1.0, float(each.abs().max())), component
        changed = max(changed, float((beside - call.bare[1]).abs().max()))
    assert changed > 1e-3
    bench.assert_untouched()


@pytest.mark.parametrize("layout", REFUSED, ids=lambda layout: layout.name)
def test_a_refused_layout_changes_nobodys_row(layout, benches, adapters_of, tmp_path):
    bench = benches(layout.family)
    path, _ = layout.save(tmp_path, bench.pipeline)
    adapters = adapters_of(layout, path)
    bench.assert_untouched()
    for _ in range(2):
        with pytest.raises(InvalidRequest, match=layout.refused) as refused:
            adapters.attach(((layout.name, 1.0),))
        assert refused.value.field == "loras" and PLAIN_WORDS.match(str(refused.value)), str(refused.value)
        assert adapters.bytes == 0
        bench.assert_untouched()
    adapters.attach((("good", 1.0),))
    call = bench.calls["unet" if "unet" in bench.calls else "transformer"]
    bare, dressed = call.rows((), (("good", 1.0),))
    assert torch.equal(bare, call.bare[0]) and (dressed - call.bare[1]).abs().max() > 1e-3
    bench.assert_untouched()


@pytest.mark.parametrize("name", ["misfit-text", "half-unknown", "lokr", "flux-control", "flux-norms"])
def test_pictures_of_others_are_the_same_after_a_refusal(name, family_folder, tmp_path):
    layout = next(each for each in REFUSED if each.name == name)
    good, bad = tmp_path / "good.safetensors", tmp_path / f"{name}.safetensors"
    offered = {"good": LoRASettings(path=good, model="model"), name: LoRASettings(path=bad, model="model")}
    worker = LocalWorker(family_folder(layout.family), loras=offered)
    layout.save(tmp_path, worker.model.base)
    save_file(peft(_good(worker.model.base).factors), good)
    asked = {"num_inference_steps": 2, "num_images": 1, **SIZE}
    (before,) = worker.draw(ask(**asked))
    refused = worker.refuse(ask(loras=(LoRA(name=name),), **asked))
    assert isinstance(refused, InvalidRequest) and re.search(layout.refused, refused.why), refused
    (after,) = worker.draw(ask(**asked))
    (active,) = worker.draw(ask(loras=(LoRA(name="good"),), **asked))
    (again,) = worker.draw(ask(**asked))
    assert (after == before).all() and (again == before).all() and (active != before).any()
