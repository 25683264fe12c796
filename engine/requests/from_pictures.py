"""Requests that draw from pictures: start from one, fill in a part, draw around it, mix several, edit."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, ValidationInfo, field_validator

from engine.requests.image_request import ImageRequest, Picture, Words, prove_positive_sum

WORDLESS_BLEND = "a blend of pictures"
"""The prompt of a blend that has none."""


class ImageToImage(ImageRequest):
    """Draw starting from a picture; `strength` 0 keeps it, 1 forgets it."""

    kind: ClassVar[str] = "image_to_image"
    image: Picture
    strength: float = Field(default=0.7, ge=0.0, le=1.0)

    @property
    def share_of_steps(self) -> float:
        """Of `stop_at`, what `strength` leaves; see `ImageRequest`."""
        return self.stop_at * self.strength


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

    @property
    def share_of_steps(self) -> float:
        """Of `stop_at`, what `strength` leaves; see `ImageRequest`."""
        return self.stop_at * self.strength


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
        prove_positive_sum(weights)
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
