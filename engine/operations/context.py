"""Operation context: what an operation has inside its lane. `engine.operations.draw` calls pipelines with it."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from PIL import Image

from engine.batching.lanes import Lane, Pipeline
from engine.batching.module_proxies import parking_view
from engine.errors import InvalidRequest
from engine.loading.loaded_model import LoadedModel
from engine.loading.pipeline_classes import Task
from engine.operations.tools import Tools
from engine.pipelines.sampler_names import sampler_name
from engine.requests import ImageRequest
from engine.sampling.step_watch import StepWatch, noise_scheduler_of


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
    """What other tools call their samplers."""
    captions: tuple[str, ...] = ()
    references: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """The pictures of an edit, by the pipeline's parameter; the same for all cells."""
    control: ControlArguments | None = None
    """The control picture as the network sees it."""
    control_flaw: str = ""
    """Why the request's control picture cannot be followed; "" where it can, or where there is none."""
    beside: str | None = None
    """The prompt of a second row for each cell, before the cells' rows in the batch; a `Walk` compares the two."""
    has_rows: bool = False
    """Whether each cell has a row of the prompt of its own, though all say the same."""
    upscaler: str = ""
    """The name of the super-resolution network, where no diffusion model has a part in the picture."""
    notes: list[str] = field(default_factory=list[str])
    """Sentences for the member."""
    mask: Image.Image | None = None
    """Where an edit changes the picture, if the model found that region."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height to draw, in pixels; smaller than asked where the model's pictures are enlarged."""
        return self.model.drawn_size(self.request)

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

    def _limit(self, task: Task) -> str:
        if task != "text_to_image":
            return f"cannot do {task.replace('_', ' ')}"
        return "draws only from a picture" if self.model.supports("image_to_image") else "draws only inside a mask"
