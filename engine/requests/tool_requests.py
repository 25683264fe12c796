"""Requests to the tools beside the diffusion models: enlarge, describe, reword, cut out."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from engine.requests.image_request import ImageRequest, Picture, Words


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

    @property
    def is_undrawn(self) -> bool:
        """True for `subtle`; see `ImageRequest`."""
        return self.mode == "subtle"

    @property
    def kind_of_work(self) -> str:
        """The two ways to enlarge are kinds of their own; see `ImageRequest`."""
        return super().kind_of_work if self.control else f"{self.kind}_{self.mode}"

    @property
    def pixels(self) -> float:
        """Pixels of the result for `creative`, else of the request."""
        return super().pixels * (self.factor**2 if self.mode == "creative" else 1.0)

    @property
    def share_of_steps(self) -> float:
        """Of `stop_at`, what `strength` leaves; see `ImageRequest`."""
        return self.stop_at * self.strength


class Describe(ImageRequest):
    """Say what is in a picture: `Finished.captions`, no pictures."""

    kind: ClassVar[str] = "describe"
    is_drawn: ClassVar[bool] = False
    has_spread: ClassVar[bool] = False
    prompt: Words = Field(default="describe", min_length=1)
    image: Picture
    num_images: int = Field(default=4, ge=1, le=8)
    """How many captions."""


class Rewrite(ImageRequest):
    """Put a prompt into richer words: `Finished.captions` holds what the host's instruct model says, no pictures."""

    kind: ClassVar[str] = "rewrite"
    is_drawn: ClassVar[bool] = False
    has_spread: ClassVar[bool] = False
    instruction: Words = Field(min_length=1)
    """What the model is told to do with the prompt."""
    num_images: int = Field(default=1, ge=1, le=1)


class CutOut(ImageRequest):
    """Take the background away: the picture keeps its size and gets an alpha channel."""

    kind: ClassVar[str] = "cut_out"
    is_drawn: ClassVar[bool] = False
    has_spread: ClassVar[bool] = False
    prompt: Words = Field(default="cut out", min_length=1)
    image: Picture
    num_images: int = Field(default=1, ge=1, le=1)
