"""Requests: frozen values of plain types that can be pickled. Torch-free."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from engine.base.refusals import in_words
from engine.errors import InvalidRequest
from engine.settings import ControlType, StepCacheLevel

MAX_PROMPT_CHARS = 6000
MAX_SEED = 2**32 - 1
MAX_SIDE = 4096
MAX_IMAGES = 24
MAX_STYLE_IMAGES = 8
USUAL_STYLE_WEIGHT = 100.0
MAX_STYLE_WEIGHT = 1000.0
MOST_LEFT_OUT = 0.5
"""At chaos 1: the probability that a cell leaves out a word of the prompt."""
WORDLESS_BLEND = "a blend of pictures"
"""The prompt of a blend that has none."""


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


def _adding_up(weights: Sequence[float]) -> None:
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
    """How firmly it is kept to; None means as the model's class does by itself (1, Z-Image 0.75)."""
    is_map: bool = False
    """Whether the picture is a finished map of its kind already: what "as_it_is" becomes."""


class StyleImage(Frozen):
    """A picture in whose manner to draw, and what it counts beside the others of a request."""

    image: Picture
    weight: float = Field(default=1.0, gt=0.0, le=10.0)


class ImageRequest(Frozen):
    """Text to image; the other kinds add pictures to it.

    Sizes are in pixels. `None` means the model's own default. Cell `i` of the result is drawn from `seed + i`, see
    `cell_seeds`.
    """

    kind: ClassVar[str] = "text_to_image"
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
    """A sketch: at the smallest size the model is good at, in few steps, some of them foretold. Other fields still win
    over its steps and its step cache; of the size only the shape counts."""
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
        _adding_up([part.weight for part in parts])
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
        return tuple(_wording(self.prompt, self.chaos, seed) for seed in self.cell_seeds)


class ImageToImage(ImageRequest):
    """Draw starting from a picture; `strength` 0 keeps it, 1 forgets it."""

    kind: ClassVar[str] = "image_to_image"
    image: Picture
    strength: float = Field(default=0.7, ge=0.0, le=1.0)


class Inpaint(ImageToImage):
    """Draw only where `mask` is white; every pixel where it is black stays exactly as it is."""

    kind: ClassVar[str] = "inpaint"
    mask: Picture
    feather_px: int | None = Field(default=None, ge=0, le=256)
    """How far the new part fades in, inside the mask; None means a little, by the picture's size."""


class Outpaint(ImageRequest):
    """Put the picture on a larger canvas and draw the rest: zoom out and pan.

    The canvas is the picture scaled by `1 / zoom`, then grown by the given shares of its shorter side.
    With a `trim`, what is drawn goes on from inside the picture; with a small `reach`, it follows the prompt alone.
    """

    kind: ClassVar[str] = "outpaint"
    image: Picture
    zoom: float = Field(default=1.0, ge=1.0, le=4.0)
    left: float = Field(default=0.0, ge=0.0, le=1.0)
    right: float = Field(default=0.0, ge=0.0, le=1.0)
    top: float = Field(default=0.0, ge=0.0, le=1.0)
    bottom: float = Field(default=0.0, ge=0.0, le=1.0)
    strength: float = Field(default=0.7, ge=0.0, le=1.0)
    """Below 1 the new parts begin with the colours at the picture's edge, and go on with them."""
    trim: float = Field(default=0.0, ge=0.0, le=0.5)
    """What is cut off first at each side that grows, as a share of the shorter side."""
    reach: float = Field(default=1.0, ge=0.1, le=1.0)
    """How much of the picture beside the new parts is seen while they are drawn, as a share of the shorter side."""


class Blend(ImageRequest):
    """Mix two to five pictures into new ones."""

    kind: ClassVar[str] = "blend"
    prompt: Words = Field(default=WORDLESS_BLEND, min_length=1)
    images: tuple[Picture, ...] = Field(min_length=2, max_length=5)
    weights: tuple[float, ...] = ()
    strength: float | None = Field(default=None, ge=0.0, le=1.0)
    """How far from their mean, pixel by pixel; None means: by what they show, where the model can see, else 0.7."""

    @field_validator("weights")
    @classmethod
    def _one_weight_each(cls, weights: tuple[float, ...], info: ValidationInfo) -> tuple[float, ...]:
        images = info.data.get("images", ())
        if weights and len(weights) != len(images):
            raise ValueError(f"{len(images)} images need as many weights, not {len(weights)}")
        _adding_up(weights)
        return weights


class Edit(ImageRequest):
    """Change a picture as the prompt says; all the rest stays.

    Models made for it read the prompt as an instruction. Other models read it as what the picture shall show, and
    find where to change from the difference between `description` and the prompt.
    """

    kind: ClassVar[str] = "edit"
    has_spread: ClassVar[bool] = False
    image: Picture
    references: tuple[Picture, ...] = Field(default=(), max_length=9)
    """Further pictures that the prompt may speak of, for models that take several."""
    is_reference: bool = False
    """Whether `image` is only looked at too, and something new is drawn: for models made for editing."""
    mask: Picture | None = None
    """White where the picture may change; None means everywhere, or where the model finds it."""
    description: Words = ""
    """What the picture shows now, "" where nobody said."""
    keeps_size: bool = False
    """Whether the result is as large as the picture: filled in with the model's answer to that."""


class Upscale(ImageRequest):
    """Make a picture larger: `subtle` by super-resolution, `creative` by tiled image-to-image refinement."""

    kind: ClassVar[str] = "upscale"
    has_spread: ClassVar[bool] = False
    prompt: Words = Field(default="upscale", min_length=1)
    image: Picture
    factor: float = Field(default=4.0, gt=1.0, le=4.0)
    mode: Literal["subtle", "creative"] = "subtle"
    strength: float = Field(default=0.3, ge=0.0, le=1.0)
    num_images: int = Field(default=1, ge=1, le=1)


class Describe(ImageRequest):
    """Say what is in a picture: `Finished.captions`, no pictures."""

    kind: ClassVar[str] = "describe"
    has_spread: ClassVar[bool] = False
    prompt: Words = Field(default="describe", min_length=1)
    image: Picture
    num_images: int = Field(default=4, ge=1, le=8)
    """How many captions."""


class Rewrite(ImageRequest):
    """Put a prompt into richer words: `Finished.captions` holds what the host's instruct model says, no pictures."""

    kind: ClassVar[str] = "rewrite"
    has_spread: ClassVar[bool] = False
    instruction: Words = Field(min_length=1)
    """What the model is told to do with the prompt."""
    num_images: int = Field(default=1, ge=1, le=1)


class CutOut(ImageRequest):
    """Take the background away: the picture keeps its size and gets an alpha channel."""

    kind: ClassVar[str] = "cut_out"
    has_spread: ClassVar[bool] = False
    prompt: Words = Field(default="cut out", min_length=1)
    image: Picture
    num_images: int = Field(default=1, ge=1, le=1)


def _wording(prompt: str, chaos: float, seed: int) -> str:
    """The prompt as the cell drawn from `seed` reads it: words are left out, at a higher chaos more, but never all."""
    words = prompt.split()
    luck = [_luck(seed, place) for place in range(len(words))]
    kept = [word for word, mine in zip(words, luck, strict=True) if mine >= MOST_LEFT_OUT * chaos]
    return " ".join(kept or [words[luck.index(max(luck))]])


def _luck(seed: int, place: int) -> float:
    """A number in [0, 1) that depends on nothing else; not a random generator's, which may change by version."""
    digest = hashlib.sha256(f"{seed}:{place}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def is_undrawn(request: ImageRequest) -> bool:
    """Whether no diffusion model has a part in the result, and so no prompt, seed or steps."""
    return isinstance(request, Describe | CutOut | Rewrite) or (
        isinstance(request, Upscale) and request.mode == "subtle"
    )
