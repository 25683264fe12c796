"""Converts a `JobSpec` into the engine's `ImageRequest`; pure functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from bot.domain.model import JobSpec, Options, Verb
from bot.domain.prompting.derivation import STRENGTHS
from bot.errors import BadOption, BadPicture
from engine import (
    WORDLESS_BLEND,
    Blend,
    Control,
    CutOut,
    Describe,
    Edit,
    ImageRequest,
    ImageToImage,
    Inpaint,
    LoRA,
    Outpaint,
    PromptPart,
    StyleImage,
    Upscale,
)

Size = Callable[[str, tuple[int, int]], tuple[int, int]]
"""(model name, "" for the default; aspect ratio) → (width, height) in pixels."""


class Style(Protocol):
    """What `--style NAME` adds to a prompt, as the host configured it."""

    @property
    def prompt(self) -> str:
        """A template with `{prompt}`, or words to append."""
        ...

    @property
    def negative(self) -> str:
        """Words to append to the negative prompt."""
        ...

    @property
    def model(self) -> str | None:
        """The model of the style; None means the member's choice."""
        ...

    @property
    def loras(self) -> dict[str, float]:
        """Weights of LoRAs by name."""
        ...

    @property
    def steps(self) -> int | None:
        """Default `num_inference_steps`."""
        ...

    @property
    def guidance(self) -> float | None:
        """Default `guidance_scale`."""
        ...


@dataclass(frozen=True, slots=True)
class Sources:
    """The bytes of the pictures that a spec names."""

    source: bytes | None = None
    images: tuple[bytes, ...] = ()
    mask: bytes | None = None
    styles: tuple[tuple[bytes, float], ...] = ()
    """Style pictures and what they count."""
    description: str = ""
    """What the source shows, where the words it was drawn from say that."""
    references: tuple[bytes, ...] = ()
    """Pictures of what shall be drawn again."""
    control: bytes | None = None
    """Things are drawn where this picture has them."""

    @property
    def pictures(self) -> tuple[bytes, ...]:
        """The start picture and the others. Raises `BadPicture` when there is none."""
        pictures = self.images if self.source is None else (self.source, *self.images)
        if not pictures:
            raise BadPicture("the start picture is missing")
        return pictures

    @property
    def first(self) -> bytes:
        """The start picture. Raises `BadPicture` when there is none."""
        return self.pictures[0]


@dataclass(frozen=True, slots=True)
class Asker:
    """Whose request it is: member key and weight for fair share, and the id of the request."""

    member: str = "anonymous"
    weight: float = 1.0
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Wording:
    """Makes engine requests with the styles of this host."""

    styles: Mapping[str, Style] = field(default_factory=dict[str, Style])

    def request(self, spec: JobSpec, sources: Sources, size: Size, asker: Asker, model: str = "") -> ImageRequest:
        """Return the engine request of a spec. Raises `BadOption`, `BadPicture` or `InvalidRequest`."""
        options = self._styled(spec.options)
        common = {**_words(options), **_numbers(spec, options), **_size(spec, options, size, model), **_who(asker)}
        common |= {"model": options.model or model, **_style(spec, sources), "control": _control(options, sources)}
        return _build(spec, options, sources, common)

    def _styled(self, options: Options) -> Options:
        if options.style is None or options.kept_style is not None:
            return options
        style = self.styles.get(options.style)
        if style is None:
            known = ", ".join(sorted(self.styles)) or "none"
            kept = "pictures kept by name go with /imagine, /draw and what is made from their results"
            raise BadOption(f"--style {options.style}", f"there is no such style; known: {known}; {kept}")
        return options.model_copy(
            update={
                "prompt": _filled(style.prompt, options.prompt),
                "parts": tuple((_filled(style.prompt, text), weight) for text, weight in options.parts),
                "negative": ", ".join(filter(None, (options.negative, style.negative))),
                "model": options.model or style.model,
                "loras": (*style.loras.items(), *options.loras),
                "steps": options.steps or style.steps,
                "guidance": style.guidance if options.guidance is None else options.guidance,
            }
        )


def _filled(template: str, words: str) -> str:
    if "{prompt}" not in template:  # a style without {prompt} is appended, as in other tools
        return ", ".join(filter(None, (words, template)))
    # Not str.format: braces in a member's prompt have no meaning.
    return template.replace("{prompt}", words)


def _words(options: Options) -> dict[str, Any]:
    return {
        "prompt": options.prompt,
        "prompt_parts": tuple(PromptPart(text=text, weight=weight) for text, weight in options.parts),
        "negative_prompt": options.negative,
        "loras": tuple(LoRA(name=name, weight=weight) for name, weight in options.loras),
        "tile": options.tile,
        "step_cache": options.step_cache,
    }


def _control(options: Options, sources: Sources) -> Control | None:
    if sources.control is None:
        return None
    return Control(image=sources.control, type=options.control_type, strength=options.control_strength)


def _numbers(spec: JobSpec, options: Options) -> dict[str, Any]:
    return {
        "num_inference_steps": options.steps,
        "guidance_scale": options.guidance,
        "stop_at": 1.0 if options.stop is None else options.stop / 100,
        "seed": spec.seed,
        "num_images": spec.count,
        "alone": spec.alone,
        "draft": spec.verb is Verb.DRAFT,
        "relax": options.relax,
        "chaos": (options.chaos or 0) / 100,
    }


def _style(spec: JobSpec, sources: Sources) -> dict[str, Any]:
    weight = spec.options.style_weight
    if not sources.styles:
        if weight is not None and spec.verb in (Verb.IMAGINE, Verb.DRAFT) and spec.source is None:
            why = "this is the weight of style pictures; give one in `style_image`, or name a kept style of pictures"
            raise BadOption("--sw", why)
        return {}
    pictures = tuple(StyleImage(image=picture, weight=counts) for picture, counts in sources.styles)
    return {"style_images": pictures, **({} if weight is None else {"style_weight": float(weight)})}


def _size(spec: JobSpec, options: Options, size: Size, model: str) -> dict[str, int | None]:
    if spec.width is not None or spec.height is not None or options.aspect is None:
        return {"width": spec.width, "height": spec.height}
    width, height = size(options.model or model, options.aspect)
    return {"width": width, "height": height}


def _who(asker: Asker) -> dict[str, Any]:
    named = {} if asker.id is None else {"id": asker.id}
    return {"member": asker.member, "weight": asker.weight, **named}


def _build(spec: JobSpec, options: Options, sources: Sources, common: dict[str, Any]) -> ImageRequest:
    match spec.verb:
        case Verb.UPSCALE_SUBTLE | Verb.UPSCALE_CREATIVE:
            return _upscale(spec, options, sources, common)
        case Verb.DESCRIBE:
            return Describe(image=sources.first, **_without_size(common, prompt="describe"))
        case Verb.CUT_OUT:
            common = {**_without_size(common, prompt="cut out"), "num_images": 1}
            return CutOut(image=sources.first, **common)
        case Verb.BLEND:
            words = _without_size(common, WORDLESS_BLEND)
            return Blend(images=sources.images, strength=_asked_strength(options), **words)
        case Verb.EDIT:
            return _edit(options, sources, common)
        case Verb.REGION:
            if sources.mask is None:
                raise BadPicture("the mask is missing")
            strength = 1.0 if options.strength is None else options.strength
            return Inpaint(image=sources.first, mask=sources.mask, strength=strength, **_without_size(common))
        case Verb.ZOOM | Verb.PAN:
            left, right, top, bottom = spec.pan
            pan = {"left": left, "right": right, "top": top, "bottom": bottom}
            fold = {} if spec.fold is None else {"reach": spec.fold[0], "trim": spec.fold[1], "strength": 1.0}
            return Outpaint(image=sources.first, zoom=spec.zoom, **pan, **fold, **_without_size(common))
        case Verb.IMAGINE | Verb.REROLL | Verb.VARY_SUBTLE | Verb.VARY_STRONG | Verb.DRAFT | Verb.DEVELOP:
            return _drawn(spec, options, sources, common)


def _edit(options: Options, sources: Sources, common: dict[str, Any]) -> ImageRequest:
    if options.kept_style is not None and sources.source is None:
        raise BadOption(f"--style {options.style}", "an edit follows no style pictures; leave it out")
    common = {**_without_size(common), "style_images": ()}
    first, *others = sources.pictures
    strength = _asked_strength(options)
    if strength is None:
        said = {"references": tuple(others), "mask": sources.mask, "description": sources.description}
        return Edit(image=first, **said, **common)
    if others:
        raise BadOption(
            "strength", "it is for one picture, drawn again from noise; leave it out, or the other pictures"
        )
    redrawn: dict[str, Any] = {"image": first, "strength": strength, **common}
    return ImageToImage(**redrawn) if sources.mask is None else Inpaint(mask=sources.mask, **redrawn)


def _with_references(options: Options, sources: Sources, common: dict[str, Any]) -> ImageRequest:
    if _asked_strength(options) is not None:
        raise BadOption("strength", "it is for a picture drawn again from noise; leave it out, or the reference")
    if common["draft"]:
        raise BadOption("--draft", "there are no drafts with a reference; leave one of them out")
    first, *others = (*sources.images, *sources.references)
    if options.kept_style is not None:
        raise BadOption(f"--style {options.style}", "style pictures and a reference do not go together; leave one out")
    common = {**common, "style_images": ()}
    return Edit(image=first, references=tuple(others), is_reference=not sources.images, **common)


def _upscale(spec: JobSpec, options: Options, sources: Sources, common: dict[str, Any]) -> Upscale:
    mode = "subtle" if spec.verb is Verb.UPSCALE_SUBTLE else "creative"
    strength = {} if options.strength is None or mode == "subtle" else {"strength": options.strength}
    common = {**_without_size(common, "upscale"), "num_images": 1}
    return Upscale(image=sources.first, factor=spec.factor, mode=mode, **strength, **common)


def _drawn(spec: JobSpec, options: Options, sources: Sources, common: dict[str, Any]) -> ImageRequest:
    if sources.references:
        return _with_references(options, sources, common)
    if sources.source is None and not sources.images:
        return ImageRequest(**common)
    if len(sources.images) > 1:
        return Blend(images=sources.images, strength=_asked_strength(options), **common)
    # Without a strength of anybody's, a model that was made for editing edits.
    strength = _strength(spec, options)
    asked = {} if strength is None else {"strength": strength}
    return ImageToImage(image=sources.first, **asked, **common)


def _strength(spec: JobSpec, options: Options) -> float | None:
    """Return the `strength`: as asked, else the verb's default, else None."""
    asked = _asked_strength(options)
    return STRENGTHS.get(spec.verb) if asked is None else asked


def _asked_strength(options: Options) -> float | None:
    """Return the `strength` as asked, else as computed from the image weight, else None."""
    if options.strength is not None or options.image_weight is None:
        return options.strength
    # Image weight 0 gives strength 1 (ignores the picture), 1 gives 0.7, 3 gives 0.44.
    return 1.0 / (1.0 + 0.43 * options.image_weight)


def _without_size(common: dict[str, Any], prompt: str = "") -> dict[str, Any]:
    """Return the fields without size, which the start picture defines; `prompt` replaces an empty prompt."""
    return {**common, "width": None, "height": None, "prompt": common["prompt"] or prompt}
