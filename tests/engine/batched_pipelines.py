"""A device without a process: lanes around stock pipelines, and the ticks that serve them."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy
import PIL.Image
import torch
from diffusers import ModularPipeline

from engine.batching.batch_runner import BUCKET, BatchRunner
from engine.batching.lanes import Lane, Stage
from engine.batching.module_proxies import parking_view
from engine.batching.row_layout import RowLayout
from tests.engine.families import INPAINT, T2I, Family


@dataclass(frozen=True)
class Ask:
    """One request to one family's pipeline; cell `i` draws from `seed + i`."""

    task: str = T2I
    prompt: str = "a red apple"
    seed: int = 0
    steps: int = 3
    cells: int = 1
    guided: bool = True
    side: int = 0
    """Height in pixels, and width unless that is given; 0 means the family's own."""
    width: int = 0
    strength: float = 0.7
    noise_scheduler: Any = None


@dataclass
class Model:
    """A family's weights in memory, and fresh pipelines around them."""

    family: Family
    pipeline: Any
    """The one that was loaded; its modules are shared by all others."""

    @property
    def denoisers(self) -> list[torch.nn.Module]:
        """The modules that are called at every step."""
        names = ("unet", "transformer", "prior_prior")
        return [part for name, part in self.pipeline.components.items() if name in names]

    def fresh(self, ask: Ask, wrap: Callable[[torch.nn.Module], Any] = lambda module: module) -> Any:
        """A stock pipeline of its own for the ask, sharing nothing but weights, its modules seen through `wrap`."""
        components = {name: self._own(part, wrap) for name, part in self.pipeline.components.items()}
        if ask.noise_scheduler is not None:
            components["scheduler"] = copy.deepcopy(ask.noise_scheduler)
        if isinstance(self.pipeline, ModularPipeline):
            pipeline = self.pipeline.blocks.init_pipeline()
            pipeline.update_components(**components)
        else:
            pipeline = self._build(self.family.pipeline(ask.task), components)
        pipeline.set_progress_bar_config(disable=True)
        return pipeline

    def arguments(self, ask: Ask) -> dict[str, Any]:
        """The pipeline's arguments for the ask, made anew for every call: generators have a state."""
        side = ask.side or self.family.side
        accepted = self._accepted(ask.task)
        arguments = {
            "prompt": [ask.prompt] * ask.cells,
            "num_inference_steps": ask.steps,
            "generator": [torch.Generator().manual_seed(ask.seed + cell) for cell in range(ask.cells)],
            "output_type": "pt",
            "height": side,
            "width": ask.width or side,
            "negative_prompt": ["blurry"] * ask.cells if self.family.negative else None,
            "strength": ask.strength,
        }
        if self.family.guidance:
            arguments[self.family.guidance] = 4.0 if ask.guided else 1.0
        if ask.task != T2I:
            arguments["image"] = [picture(side, ask.seed)] * ask.cells
        if ask.task == INPAINT:
            arguments["mask_image"] = [mask(side)] * ask.cells
        if ask.task == T2I:
            del arguments["strength"]
        return {name: value for name, value in arguments.items() if name in accepted} | dict(self.family.call)

    def pictures(self, output: Any) -> torch.Tensor:
        """The pictures (cells, channels, height, width) in [0, 1] of the family's output."""
        return (output.images / 2 + 0.5).clamp(0, 1) if self.family.signed else output.images

    def _accepted(self, task: str) -> set[str]:
        if isinstance(self.pipeline, ModularPipeline):
            return set(self.pipeline.blocks.input_names)
        return set(inspect.signature(self.family.pipeline(task).__call__).parameters)

    def _own(self, part: Any, wrap: Callable[[torch.nn.Module], Any]) -> Any:
        return wrap(part) if isinstance(part, torch.nn.Module) else copy.deepcopy(part)

    def _build(self, cls: type, components: Mapping[str, Any]) -> Any:
        known = inspect.signature(cls.__init__).parameters
        extra = {name: False for name in ("requires_safety_checker", "add_watermarker") if name in known}
        return cls(**{name: part for name, part in components.items() if name in known}, **extra)


@dataclass
class BatchedPipelines:
    """Lanes that share one device; `tick` runs one merged forward pass."""

    deterministic: bool = False
    lanes: list[Lane] = field(default_factory=list)
    ticks: int = 0
    shared: list[int] = field(default_factory=list)
    """How many calls each denoising pass held."""

    def __post_init__(self) -> None:
        self.batch_runner = BatchRunner(deterministic=self.deterministic)

    @torch.inference_mode()
    def join(self, model: Model, ask: Ask) -> Lane:
        """Open a lane and run it up to its first parked call."""
        lane = Lane(str(ask), lambda _: model.pictures(pipeline(**model.arguments(ask))))
        pipeline = model.fresh(ask, lambda module: parking_view(module, lane))
        self.lanes.append(lane)
        lane.start()
        return lane

    @torch.inference_mode()
    def tick(self) -> None:
        """Run the call that waits longest with every compatible call, as one forward pass."""
        waiting = [lane.parked for lane in self.lanes if lane.parked]
        batch = self.batch_runner.choose(waiting[0], waiting[1:], self._budget)
        self.ticks += 1
        if waiting[0].stage is Stage.DENOISE:
            self.shared.append(len(batch.calls))
        for call, output in zip(batch.calls, self.batch_runner.run(batch), strict=True):
            self.lanes.remove(call.lane)
            self.lanes.append(call.lane)
            call.lane.fail(output) if isinstance(output, Exception) else call.lane.resume(output)

    def _budget(self, layout: RowLayout, waiting: int) -> int:
        """Rows that one pass may have: as the tick loop decides, with a knee that is never reached."""
        if not self.deterministic:
            return 64
        return BUCKET if layout.call.stage is Stage.DENOISE else layout.rows

    def finish(self) -> None:
        """Tick until no lane is parked."""
        while any(lane.parked for lane in self.lanes):
            self.tick()


@torch.inference_mode()
def stock(model: Model, ask: Ask) -> torch.Tensor:
    """What diffusers alone makes of the ask."""
    return model.pictures(model.fresh(ask)(**model.arguments(ask)))


def count_calls(modules: list[torch.nn.Module], work: Callable[[], Any]) -> int:
    """How often the modules ran while `work` did."""
    calls: list[int] = []
    hooks = [module.register_forward_pre_hook(lambda *_: calls.append(1)) for module in modules]
    work()
    for hook in hooks:
        hook.remove()
    return len(calls)


def picture(side: int, seed: int = 0) -> PIL.Image.Image:
    """A picture of noise."""
    pixels = numpy.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=numpy.uint8)
    return PIL.Image.fromarray(pixels)


def mask(side: int) -> PIL.Image.Image:
    """White in the middle."""
    return PIL.Image.fromarray(numpy.pad(numpy.full((side // 2, side // 2), 255, numpy.uint8), side // 4))
