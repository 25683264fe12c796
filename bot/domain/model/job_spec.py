"""`JobSpec`: what a job does (verb), its options, and the pictures it starts from."""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Final, Literal

from bot.domain.model.kept_style import KeptStyle
from bot.domain.model.value import Value
from engine import ControlType


class Verb(enum.StrEnum):
    """What a job does."""

    IMAGINE = "imagine"
    REROLL = "reroll"
    VARY_SUBTLE = "vary_subtle"
    VARY_STRONG = "vary_strong"
    REGION = "region"
    ZOOM = "zoom"
    PAN = "pan"
    BLEND = "blend"
    EDIT = "edit"
    UPSCALE_SUBTLE = "upscale_subtle"
    UPSCALE_CREATIVE = "upscale_creative"
    DESCRIBE = "describe"
    CUT_OUT = "cut_out"
    DRAFT = "draft"
    DEVELOP = "develop"

    @property
    def done(self) -> str:
        """What a job of this kind did, in a word or two for members."""
        return _DONE[self]


_DONE: Mapping[Verb, str] = MappingProxyType(
    {
        Verb.IMAGINE: "imagined",
        Verb.REROLL: "drawn again",
        Verb.VARY_SUBTLE: "variations (subtle)",
        Verb.VARY_STRONG: "variations",
        Verb.REGION: "region drawn anew",
        Verb.ZOOM: "zoomed out",
        Verb.PAN: "panned",
        Verb.BLEND: "blend",
        Verb.EDIT: "edited",
        Verb.UPSCALE_SUBTLE: "upscaled (subtle)",
        Verb.UPSCALE_CREATIVE: "upscaled (creative)",
        Verb.DESCRIBE: "described",
        Verb.CUT_OUT: "cut out",
        Verb.DRAFT: "drafts",
        Verb.DEVELOP: "developed",
    }
)


class Options(Value):
    """A parsed prompt. `None` means: the member's default, else the model's default."""

    prompt: str
    parts: tuple[tuple[str, float], ...] = ()
    """Texts and weights of a multi-prompt; () for a plain prompt."""
    negative: str = ""
    aspect: tuple[int, int] | None = None
    seed: int | None = None
    steps: int | None = None
    """`num_inference_steps`."""
    guidance: float | None = None
    """`guidance_scale`."""
    model: str | None = None
    stop: int | None = None
    """Percentage of the denoising steps to run, 10 to 100."""
    repeat: int = 1
    """Number of jobs, each with its own seed."""
    image_weight: float | None = None
    """Weight of the start picture, 0 to 3: 0 ignores it."""
    tile: bool = False
    chaos: int | None = None
    """How much the pictures of a grid differ, 0 to 100: 0 and None add nothing."""
    relax: bool = False
    """Outside of the quota: drawn when nobody else waits."""
    draft: bool = False
    """A sheet of small, quick pictures to choose from."""
    step_cache: Literal["off", "careful", "fast"] | None = None
    """Which denoiser outputs may be foretold: `--fine`, `--careful`, `--fast`."""
    style: str | None = None
    """A style of the host, or one that is kept by name."""
    kept_style: KeptStyle | None = None
    """What `style` stands for where it is kept by name; filled in when the job is asked for."""
    style_weight: int | None = None
    """How strongly style pictures act, 0 to 1000: `--sw`."""
    strength: float | None = None
    """diffusers' `strength`, 0 to 1: 0 keeps the start picture, 1 ignores it."""
    loras: tuple[tuple[str, float], ...] = ()
    """Names and weights of LoRAs."""
    control_type: ControlType | None = None
    """What the control picture says; None means the model's first kind."""
    control_strength: float | None = None
    """How firmly the control picture is kept to, 0 to 2."""


class CellRef(Value):
    """One stored picture: cell `cell` of a job, counted from 0."""

    job_id: str
    cell: int


_SINGLE: Final = ("mask", "style_image", "control")
"""Fields that name one uploaded picture each."""
WITHDRAWN: Final = "uploads/withdrawn"
"""Replaces the key of an upload that its uploader has deleted."""


class JobSpec(Value):
    """All that is needed to run a job again from its seed. Pictures are named by key, not contained."""

    verb: Verb
    options: Options
    seed: int
    """Set when the job is accepted, so that a second run gives the same pictures."""
    count: int = 4
    width: int | None = None
    height: int | None = None
    source: CellRef | None = None
    """The stored picture from which this job is derived."""
    parent_id: str | None = None
    """The parent job, if it is not the job of `source` (a reroll: the same spec with a new seed)."""
    images: tuple[str, ...] = ()
    """Keys of uploaded pictures in the picture store."""
    references: tuple[str, ...] = ()
    """Keys of uploaded pictures of what shall be drawn again, in another picture."""
    mask: str | None = None
    """Key of the inpainting mask; white pixels are redrawn."""
    style_image: str | None = None
    """Key of the style picture."""
    control: str | None = None
    """Key of the control picture: things are drawn where it has them."""
    zoom: float = 1.0
    """Outpainting factor: 2 makes the shown area twice as wide and high."""
    pan: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    """Pixels to add left, right, at the top and at the bottom, as fractions of the shorter side."""
    fold: tuple[float, float] | None = None
    """Of a pan whose new part shows something else: how much beside it is seen while it is drawn, and how much is cut
    off first where it joins, as fractions of the shorter side. None: the pan goes on with what the picture shows.
    """
    factor: float = 4.0
    """Upscaling factor."""
    origin: CellRef | None = None
    """The stored picture that an uploaded one was recognised as."""
    also: tuple[CellRef, ...] = ()
    """Further stored pictures that uploaded ones were recognised as; their makers' yes is needed, too."""
    poster_id: int | None = None
    """The member who posted the uploaded picture, where that is not who asks; they said yes."""
    credit: str = ""
    """What the asker says in credit of whoever made the picture it is made from: one line."""
    alone: bool = False
    """Run in forward passes of its own, so that other requests cannot influence the result."""
    sealed: bool = False
    """The words are a secret: until they are revealed they are kept apart from the job, and nobody may look at it."""

    @property
    def is_from_words(self) -> bool:
        """Whether it is made from words of its asker alone: from no picture, and from no other job."""
        jobs = (self.source, self.parent_id, self.origin, self.poster_id, self.options.kept_style)
        return all(one is None for one in jobs) and not self.also and not self.uploads

    @property
    def pictured(self) -> tuple[str, ...]:
        """The jobs whose pictures it uses itself, through whichever input, each once."""
        return tuple(dict.fromkeys(one.job_id for one in (self.source, self.origin, *self.also) if one is not None))

    @property
    def made_from(self) -> tuple[str, ...]:
        """The jobs whose pictures it uses, itself or by a kept style, each once."""
        style = self.options.kept_style
        return tuple(dict.fromkeys((*self.pictured, *(() if style is None else style.origins))))

    @property
    def uploads(self) -> frozenset[str]:
        """The keys of all uploaded pictures that the spec names."""
        kept = [] if self.options.kept_style is None else [key for key, _ in self.options.kept_style.pictures]
        single: list[str | None] = [getattr(self, name) for name in _SINGLE]
        return frozenset(key for key in (*self.images, *self.references, *single, *kept) if key is not None)

    def without_words(self) -> JobSpec:
        """Return a copy in which the prompt is empty."""
        return self.model_copy(update={"options": self.options.model_copy(update={"prompt": ""})})

    def without_uploads(self, keys: Collection[str]) -> JobSpec:
        """Return a copy in which `WITHDRAWN` replaces these keys."""
        kept = {key: WITHDRAWN if key in keys else key for key in self.uploads}
        update = {name: tuple(kept[key] for key in getattr(self, name)) for name in ("images", "references")}
        named: dict[str, object] = {name: kept[key] for name in _SINGLE if (key := getattr(self, name)) is not None}
        if (style := self.options.kept_style) is not None:
            style = style.model_copy(update={"pictures": tuple((kept[key], weight) for key, weight in style.pictures)})
            named["options"] = self.options.model_copy(update={"kept_style": style})
        return self.model_copy(update=update | named)
