"""Operation context: what an operation has inside its lane, and one way to call any pipeline."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

import contextlib
from collections.abc import Collection, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import torch
from PIL import Image

from engine.batching.lanes import Lane, Pipeline
from engine.batching.module_proxies import parking_view
from engine.catalogue.guidance import prove_guidance
from engine.catalogue.sizes import drawn_size
from engine.errors import BadOutput, InvalidRequest
from engine.loading.loaded_model import LoadedModel
from engine.loading.pipeline_classes import Task, accepted, control_channels, mixes_cells, takes_lists
from engine.operations.pixels import Pixels, arrays_of, flaw, images_of
from engine.operations.spread import Spread, weighed
from engine.operations.style_pictures import style_inputs
from engine.operations.tools import Tools
from engine.operations.weighted_prompt import Recording, WeightedPrompt, encode
from engine.pipelines.sampler_names import sampler_name
from engine.requests import ImageRequest
from engine.sampling.step_watch import StepWatch, noise_scheduler_of, with_inner

SMALLEST_TABLED_SIDE = 256
_PER_CELL = ("image", "mask_image")


class ControlArguments(Protocol):
    """A control picture as the network sees it."""

    map: Image.Image

    def arguments(self, known: Collection[str], channels: int) -> dict[str, Any]:
        """The arguments of a pipeline that can be called with those `known`."""
        ...


@dataclass
class OperationContext:
    """The request, model and lane of one operation. Methods run inside the lane's greenlet."""

    request: ImageRequest
    model: LoadedModel
    lane: Lane
    watch: StepWatch
    tools: Tools
    noise_schedulers: list[str] = field(default_factory=list[str])
    """The class names of those that ran, shared with changed copies of this context."""
    samplers: list[str] = field(default_factory=list[str])
    """Their names in other tools."""
    captions: tuple[str, ...] = ()
    references: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """The pictures of an edit, by the pipeline's parameter; the same for all cells."""
    control: ControlArguments | None = None
    """The control picture as the network sees it."""
    control_flaw: str = ""
    """Why the request's control picture cannot be followed; "" where it can, or where there is none."""
    beside: str | None = None
    """Words of a second row for each cell, before the cells in the batch: what `Walk`s compare with."""
    upscaler: str = ""
    """The super-resolution network, where it alone makes the picture."""
    notes: list[str] = field(default_factory=list[str])
    """Sentences for the member."""
    mask: Image.Image | None = None
    """Where an edit changes the picture, where it found that itself."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height to draw, in pixels; smaller than asked where the model's pictures are enlarged."""
        return drawn_size(self.request, self.model.spec)

    @property
    def vae(self) -> Any | None:
        """The autoencoder as this lane may call it; None for a model that draws pixels."""
        return None if self.model.vae is None else parking_view(self.model.vae, self.lane)

    def asking(self, **changes: Any) -> OperationContext:
        """A copy of this context with a changed request, for a part of the work."""
        return replace(self, request=self.request.model_copy(update=changes))

    def at_least_a_step(self, strength: float) -> float:
        """The strength, raised to one step's share: diffusers' pipelines raise for a loop without steps."""
        steps = self.request.num_inference_steps or self.model.spec.steps_of(self.request.kind)
        return min(1.0, max(strength, (1 + 1e-6) / steps))

    def pipeline(self, task: Task) -> Pipeline:
        """A pipeline for this lane: its module calls park, and the step watch hooks its noise schedulers.

        Raises `InvalidRequest` where the family cannot do the task at all.
        """
        if not self.model.supports(task):
            raise InvalidRequest("model", f"{self.model.spec.name} {self._limit(task)}; choose another model")
        made = self.model.pipeline(
            task, self.request.noise_scheduler, wrap=lambda _, module: parking_view(module, self.lane)
        )
        self._let_guide_itself(made)
        self.watch.attach(made)
        if (noise_scheduler := noise_scheduler_of(made)) is not None:
            name = type(noise_scheduler).__name__
            self.noise_schedulers.append(name)
            self.samplers.append(sampler_name(name, noise_scheduler.config))
        return made

    def _let_guide_itself(self, pipeline: Pipeline) -> None:
        """Let a denoiser that can (`pocket`) guide inside, where nothing needs a row of its own for other words.

        What starts from a picture keeps both rows: little noise is left there, and its words may be far from it. So do
        LoRAs, whose hooks know the rows of a pass and not those inside.
        """
        request = self.request
        needs_rows = request.negative_prompt or request.loras or self.beside
        if request.kind == ImageRequest.kind and not needs_rows:
            denoiser: Any = getattr(pipeline, "unet", None)
            if hasattr(denoiser, "guide_itself"):
                denoiser.guide_itself()

    def takes_pairs(self) -> bool:
        """Whether one call may draw rows of two prompts, each from its own noise; read from the signature."""
        model = self.model
        if self.request.prompt_parts or model.is_modular or model.stages or not model.supports("text_to_image"):
            return False
        made = model.pipeline("text_to_image", self.request.noise_scheduler)
        return len(with_inner(made)) == 1 and not mixes_cells(type(made)) and takes_lists(type(made))

    def _limit(self, task: Task) -> str:
        if task != "text_to_image":
            return f"cannot do {task.replace('_', ' ')}"
        return "draws only from a picture" if self.model.supports("image_to_image") else "draws only inside a mask"

    def run(self, pipeline: Pipeline, **inputs: Any) -> list[Pixels]:
        """Call a pipeline for all cells: in one call where the family can take them, else one call for each cell.

        Returns float32 (height, width, 3 or 4) in [0, 1] for each cell. Raises `BadOutput` for blank or NaN pictures.
        """
        known, seeds = accepted(pipeline), self.request.cell_seeds
        if self.request.prompt_parts:
            return self._run_weighted(pipeline, inputs)
        if self._takes_all_cells(pipeline, known, inputs):
            try:
                return self._call(pipeline, known, seeds, inputs)
            except (AttributeError, IndexError, TypeError, ValueError):
                if len(seeds) == 1:
                    raise
                # Some families (aMUSEd, Kandinsky 3) cannot take a generator for each cell.
        return [self._call(pipeline, known, [seed], inputs)[0] for seed in seeds]

    def _takes_all_cells(self, pipeline: Pipeline, known: Collection[str], inputs: Mapping[str, Any]) -> bool:
        if "num_images_per_prompt" not in known or len(with_inner(pipeline)) > 1 or mixes_cells(type(pipeline)):
            return False
        if self.references:
            return self.model.spec.references is not None and self.model.spec.references.shares_call
        # A picture for each cell would be several references (Qwen-Image-Edit-Plus); Modular SDXL mixes up their masks.
        return "image" not in inputs or ("strength" in known and not self.model.is_modular)

    def _run_weighted(self, pipeline: Pipeline, inputs: dict[str, Any]) -> list[Pixels]:
        recordings = [Recording(part) for part in self.request.prompt_parts]
        for recording in recordings:
            self.lane.listeners.append(recording.listen)
            encode(pipeline, recording.part.text, self.model.device, self.model.spec.skipped_layers)
            self.lane.listeners.remove(recording.listen)
        weights = [part.weight for part in self.request.prompt_parts]
        if not self._chaos:
            return self._answered(pipeline, WeightedPrompt(recordings, weights), inputs)
        cells: list[Pixels] = []
        for seed in self.request.cell_seeds:
            one = self.asking(num_images=1, seed=seed, chaos=0.0)
            weighted = WeightedPrompt(recordings, weighed(weights, self._chaos, seed))
            cells += one._answered(pipeline, weighted, inputs)
        return cells

    def _answered(self, pipeline: Pipeline, weighted: WeightedPrompt, inputs: dict[str, Any]) -> list[Pixels]:
        self.lane.answers.append(weighted.answer)
        try:
            return self.asking(prompt=weighted.carrier.part.text, prompt_parts=()).run(pipeline, **inputs)
        finally:
            self.lane.answers.remove(weighted.answer)

    def _call(
        self, pipeline: Pipeline, known: Collection[str], seeds: Sequence[int], inputs: Mapping[str, Any]
    ) -> list[Pixels]:
        generators = [torch.Generator("cpu").manual_seed(seed) for seed in seeds]
        wanted = {
            **self._wanted(pipeline),
            "num_images_per_prompt": len(seeds),
            "generator": generators if len(seeds) > 1 else generators[0],
            **{name: self._for_cells(name, value, len(seeds)) for name, value in inputs.items()},
        }
        if self.model.vae is None and any(name in _PER_CELL for name in inputs):
            # Pixel models (DeepFloyd IF) want a prompt for each picture.
            lists = {name: [wanted[name]] * len(seeds) for name in ("prompt", "negative_prompt") if name in wanted}
            wanted |= {**lists, "num_images_per_prompt": 1}
        chaos = self._chaos
        if chaos:
            wanted |= self._worded(wanted, seeds)
        if self.beside is not None:
            wanted |= self._pairs(self.beside, wanted, generators)
        if self.request.style_images and "ip_adapter_image" not in known:
            raise InvalidRequest("style_image", f"{self.model.spec.name} cannot follow a style picture in this")
        if "guidance_schedule" in known:
            wanted.pop("guidance_scale", None)  # Ideogram takes one of them
        wanted = {name: value for name, value in wanted.items() if name in known}
        if "intermediate_timesteps" in known and wanted["num_inference_steps"] != 2:
            wanted["intermediate_timesteps"] = None  # Sana Sprint's default is for two steps only
        self.watch.restart()
        torch.manual_seed(seeds[0])  # for draws without a generator; the state is the lane's own
        with self._spreading(chaos, seeds):
            made = pipeline(**wanted, output="images") if self.model.is_modular else pipeline(**wanted)
        self.watch.restart()
        cells = arrays_of(images_of(made))
        cells = cells[-len(seeds) :]
        if what := flaw(cells):
            raise BadOutput(what)
        return cells

    @property
    def _chaos(self) -> float:
        """How differently the cells read the prompt; nothing for what keeps or compares pictures."""
        return self.request.chaos if self.request.has_spread and self.beside is None else 0.0

    def _worded(self, wanted: Mapping[str, Any], seeds: Sequence[int]) -> dict[str, Any]:
        """The prompt as each cell reads it, so that each has a row of its own in the text encoders' outputs."""
        by_seed = dict(zip(self.request.cell_seeds, self.request.cell_prompts, strict=True))
        prompts, negative = [by_seed[seed] for seed in seeds], wanted.get("negative_prompt")
        if len(seeds) == 1:
            return {"prompt": prompts if isinstance(wanted["prompt"], list) else prompts[0]}
        listed = {} if negative is None or isinstance(negative, list) else {"negative_prompt": [negative] * len(seeds)}
        return {"prompt": prompts, "num_images_per_prompt": 1, **listed}

    @contextlib.contextmanager
    def _spreading(self, chaos: float, seeds: Sequence[int]) -> Generator[None]:
        """Change what the text encoders answer during one call of a pipeline."""
        changes = [Spread(chaos, seeds).change] if chaos else []
        self.lane.changes += changes
        try:
            yield
        finally:
            for change in changes:
                self.lane.changes.remove(change)

    def _pairs(self, beside: str, wanted: Mapping[str, Any], generators: Sequence[torch.Generator]) -> dict[str, Any]:
        """The arguments with a row of other words for each cell, which starts from the same noise."""
        cells = len(generators)
        twins = [torch.Generator("cpu").manual_seed(generator.initial_seed()) for generator in generators]
        negative = wanted.get("negative_prompt")
        return {
            "prompt": [beside] * cells + [wanted["prompt"]] * cells,
            "generator": [*twins, *generators],
            "num_images_per_prompt": 1,
            **({} if negative is None else {"negative_prompt": [negative] * (2 * cells)}),
        }

    def _for_cells(self, name: str, value: Any, cells: int) -> Any:
        """One picture for each generator: some families (SD3) index the pictures by cell."""
        is_repeated = name in _PER_CELL and not self.model.is_modular
        return [value] * cells if is_repeated else value

    def _wanted(self, pipeline: Pipeline) -> dict[str, Any]:
        request = self.request
        width, height = self.size
        guidance = self.model.spec.guidance_scale if request.guidance_scale is None else request.guidance_scale
        parameter = self.model.spec.guidance_parameter
        negative = request.negative_prompt or (" " if parameter == "true_cfg_scale" and guidance > 1 else None)
        steps = request.num_inference_steps or self.model.spec.steps_of(request.kind)
        if guider := getattr(pipeline, "guider", None):
            prove_guidance(self.model.spec, guidance, request.negative_prompt)
            guider.guidance_scale = guidance
        wanted = {
            "prompt": request.prompt,
            "negative_prompt": negative,
            "width": width,
            "height": height,
            "num_inference_steps": steps,
            parameter: guidance,
            "output_type": "np",
            **self._own_size(),
            **self.references,
            "clip_skip": self.model.spec.clip_skip and self.model.spec.skipped_layers,
            **(self.control.arguments(accepted(pipeline), control_channels(pipeline)) if self.control else {}),
            "guidance_schedule": [guidance] * steps,  # Ideogram's default is for 48 steps only
            **(style_inputs(request, self.model, pipeline) if request.style_images else {}),
        }
        return {name: value for name, value in wanted.items() if value is not None}

    def _own_size(self) -> dict[str, Any]:
        """Arguments that keep some pipelines from changing the size."""
        width, height = self.size
        # The tables of sizes they round to begin there (PixArt, Sana).
        is_tabled = max(self.model.spec.width, self.model.spec.height) >= SMALLEST_TABLED_SIDE
        return {
            "max_area": width * height,  # FLUX.1 Kontext
            # Kontext again, and FIBO-Edit: they were trained at sizes of a table, far above this.
            "_auto_resize": None if max(width, height) >= SMALLEST_TABLED_SIDE else False,
            "use_resolution_binning": None if is_tabled else False,
        }
