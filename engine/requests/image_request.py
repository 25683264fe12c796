"""What is asked of the engine: an `ImageRequest` and the parts it is made of."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    field_validator,
    model_validator,
)

from engine.base.refusals import in_words
from engine.errors import InvalidRequest
from engine.requests.cell_prompts import wording
from engine.settings import ControlType, StepCacheLevel

MAX_PROMPT_CHARS = 6000
MAX_SEED = 2**32 - 1
MAX_SIDE = 4096
MAX_IMAGES = 24
MAX_STYLE_IMAGES = 8
USUAL_STYLE_WEIGHT = 100.0
MAX_STYLE_WEIGHT = 1000.0
_STEPS = 25
"""Steps of a request that names none; a resolved request always does."""


class Frozen(BaseModel):
    """A frozen model without unknown fields; invalid values raise `InvalidRequest`."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="wrap")
    @classmethod
    def _name_the_field(cls, values: Any, build: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return build(values)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            field = ".".join(str(part) for part in first["loc"]) or "request"
            raise InvalidRequest(field, in_words(first)) from error


def _readable(text: str) -> str:
    if odd := next((char for char in text if ord(char) < ord(" ") and not char.isspace()), None):
        raise ValueError(f"the control character U+{ord(odd):04X} is in it; leave it out")
    return text


def prove_positive_sum(weights: Sequence[float]) -> None:
    """Raise `ValueError` for weights whose sum is 0 or less; no weights at all are fine."""
    if weights and sum(weights) <= 0:
        raise ValueError("the weights must add up to more than 0")


Words = Annotated[str, Field(max_length=MAX_PROMPT_CHARS), AfterValidator(_readable)]
"""What people write, of any length that a prompt may have."""


class LoRA(Frozen):
    """A low-rank adapter by its configured name, and how strongly it acts."""

    name: str
    weight: float = Field(default=1.0, ge=-4.0, le=4.0)


class PromptPart(Frozen):
    """One weighted part of a multi-prompt (`cat::2 dog::-0.5`)."""

    text: Words
    weight: float = 1.0


Picture = Annotated[bytes, Field(min_length=1, max_length=64 * 1024 * 1024)]
"""An encoded picture (PNG, JPEG, WebP, AVIF or HEIC); the largest that the engine makes fits as a PNG."""


class Control(Frozen):
    """A picture that says where things are; the prompt says what they are."""

    image: Picture
    type: ControlType | None = None
    """None means the model's first."""
    strength: float | None = Field(default=None, ge=0.0, le=2.0)
    """The scale of the control network's output; None means the default of the model's class (1, Z-Image 0.75)."""
    is_map: bool = False
    """Whether the picture is a map of its kind already (edges, depth, a pose); so is what was given "as_it_is"."""


class StyleImage(Frozen):
    """A style picture, and its weight relative to the other style pictures of a request."""

    image: Picture
    weight: float = Field(default=1.0, gt=0.0, le=10.0)


class ImageRequest(Frozen):
    """Text to image; the other kinds add pictures to it.

    Sizes are in pixels. `None` means the model's own default. Cell `i` of the result is drawn from `seed + i`, see
    `cell_seeds`.
    """

    kind: ClassVar[str] = "text_to_image"
    is_drawn: ClassVar[bool] = True
    """Whether a diffusion model has a part in this kind; some requests of a drawn kind have none: `is_undrawn`."""
    has_spread: ClassVar[bool] = True
    """Whether `chaos` has a meaning for this kind."""

    prompt: Words = Field(min_length=1)
    prompt_parts: tuple[PromptPart, ...] = Field(default=(), max_length=16)
    """When given, their weighted embeddings steer instead of `prompt`, which is kept for people to read."""
    negative_prompt: Words = ""
    model: str = ""
    """A configured name, or "" for the engine's default model."""
    width: int | None = Field(default=None, ge=16, le=MAX_SIDE)
    height: int | None = Field(default=None, ge=16, le=MAX_SIDE)
    num_inference_steps: int | None = Field(default=None, ge=1, le=500)
    guidance_scale: float | None = Field(default=None, ge=0.0, le=50.0)
    seed: int = Field(default_factory=lambda: secrets.randbelow(MAX_SEED + 1), ge=0, le=MAX_SEED)
    num_images: int = Field(default=4, ge=1, le=MAX_IMAGES)
    stop_at: float = Field(default=1.0, gt=0.0, le=1.0)
    """Stop after this share of the steps and show the x0 estimate (`--stop 80`)."""
    draft: bool = False
    """A sketch: the smallest size that the model is good at, few steps, and some steps foretold instead of computed.
    `num_inference_steps` and `step_cache` still count when they are given; of the size only the aspect ratio does."""
    chaos: float = Field(default=0.0, ge=0.0, le=1.0)
    """How differently the cells read the prompt: see `cell_prompts`, and `engine.operations.spread` for the noise that
    is mixed in too. 0 changes nothing; what edits, enlarges or describes a picture takes no notice."""
    tile: bool = False
    """Make the picture repeat without a seam at its borders."""
    noise_scheduler: str | None = None
    """A diffusers class name; None means the model's own."""
    step_cache: StepCacheLevel | None = None
    """Which denoiser outputs may be foretold instead of computed; None means the engine's setting."""
    style_images: tuple[StyleImage, ...] = Field(default=(), max_length=MAX_STYLE_IMAGES)
    """Draw in the manner of these pictures, of their weighted mean; for models with a style adapter."""
    style_weight: float = Field(default=USUAL_STYLE_WEIGHT, ge=0.0, le=MAX_STYLE_WEIGHT)
    """How strongly they act, on Midjourney's scale: see `engine.model_spec.ModelSpec.style_scale`."""
    control: Control | None = None
    """Draw things where this picture has them; for models with a control network, from words or from a picture."""
    loras: tuple[LoRA, ...] = Field(default=(), max_length=8)

    id: str = Field(default_factory=lambda: uuid.uuid4().hex, min_length=1, max_length=64)
    member: str = Field(default="anonymous", max_length=128)
    """Who asks: an opaque key, the unit of fair share."""
    weight: float = Field(default=1.0, ge=0.001, le=1000.0)
    """The member's share relative to others."""
    relax: bool = False
    """Drawn only when no other request waits or runs, and never in the way of one; not counted in fair share."""
    alone: bool = False
    """Share no forward pass with other requests, so that a repeated request gives the same bits."""
    preview_limit: float | None = Field(default=None, ge=0.0, le=1.0)
    """Previews are shown clearly only when the picture check scores them below this; None shows all, unchecked."""

    @field_validator("prompt")
    @classmethod
    def _has_words(cls, prompt: str) -> str:
        if not any(char.isprintable() and not char.isspace() for char in prompt):
            raise ValueError("the prompt is empty: say what to draw")
        return prompt

    @field_validator("prompt_parts")
    @classmethod
    def _weigh_something(cls, parts: tuple[PromptPart, ...]) -> tuple[PromptPart, ...]:
        prove_positive_sum([part.weight for part in parts])
        return parts

    @property
    def account(self) -> str:
        """Whose account in fair share is charged: the member's own, or the one of their relaxed requests."""
        return f"{self.member} relaxed" if self.relax else self.member

    @property
    def cell_seeds(self) -> tuple[int, ...]:
        """From which seed each cell is drawn: the largest is followed by 0."""
        return tuple((self.seed + cell) % (MAX_SEED + 1) for cell in range(self.num_images))

    @property
    def cell_prompts(self) -> tuple[str, ...]:
        """The prompt as each cell reads it: with `chaos`, without some of its words."""
        if not self.chaos or not self.has_spread or self.prompt_parts:
            return (self.prompt,) * self.num_images
        return tuple(wording(self.prompt, self.chaos, seed) for seed in self.cell_seeds)

    @property
    def is_undrawn(self) -> bool:
        """Whether no diffusion model has a part in the result, and so no prompt, seed or steps."""
        return not self.is_drawn

    @property
    def kind_of_work(self) -> str:
        """The kind by which device time is estimated; what follows a control picture is one of its own."""
        return self.kind if self.control is None else f"{self.kind}_controlled"

    @property
    def pixels(self) -> float:
        """Pixels of one picture."""
        return float((self.width or 1024) * (self.height or 1024))

    @property
    def share_of_steps(self) -> float:
        """Which share of the steps runs, 0 to 1."""
        return self.stop_at

    @property
    def steps_run(self) -> float:
        """The denoising steps that run for each picture; 1 without denoising."""
        return 1.0 if self.is_undrawn else max(1.0, (self.num_inference_steps or _STEPS) * self.share_of_steps)

    @property
    def work(self) -> float:
        """Megapixels times steps times pictures."""
        return self.pixels / 1e6 * self.steps_run * self.num_images
