"""What is saved for later must be of use: refuses options that nothing on this host could follow. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from bot.domain.model import Options
from bot.domain.prompting.kept_styles import same_name
from bot.errors import BadOption
from engine import ModelSpec, UnknownLoRA, UnknownModel


@dataclass(frozen=True, slots=True)
class Able:
    """What this host has, at the moment."""

    models: Sequence[ModelSpec]
    styles: Collection[str]
    """Every name that `--style` takes."""
    loras: Mapping[str, str] = field(default_factory=dict[str, str])
    """Why each LoRA cannot be used, by name; "" where it can."""
    unseen: Collection[str] = ()
    """Kinds of control pictures that nothing is set up for which sees them in a picture."""

    @property
    def style_followers(self) -> list[str]:
        """The models that follow style pictures."""
        return [spec.name for spec in self.models if spec.follows_style]

    def control_followers(self, kind: str | None) -> list[str]:
        """The models that follow control pictures of a kind; of any kind for None, and for pictures as they are."""
        is_any = kind in (None, "as_it_is")
        return [spec.name for spec in self.models if (spec.control_types if is_any else kind in spec.control_types)]


def check_usable(options: Options, able: Able) -> None:
    """Return where prompts with these options can be drawn, with a picture where they are about one.

    Raises `UnknownModel`, `UnknownLoRA`, and `BadOption` with what is missing and what would work.
    """
    known = tuple(spec.name for spec in able.models)
    if options.model is not None and options.model not in known:
        raise UnknownModel(options.model, known)
    if options.style is not None and not {options.style, same_name(options.style)} & set(able.styles):
        known_styles = f"there is no such style; known: {', '.join(able.styles) or 'none'}"
        raise BadOption(f"--style {options.style}"[:60], known_styles[:400])
    for name, _ in options.loras:
        if name not in able.loras:
            raise UnknownLoRA(name, tuple(name for name, why in able.loras.items() if not why))
        if why := able.loras[name]:
            raise BadOption(f"--lora {name}"[:60], why)
    if options.style_weight is not None:
        _check_followed("--sw", "style pictures", able.style_followers, options.model)
    if options.control_type is not None or options.control_strength is not None:
        _check_control(options, able)


def check_picture_styles(able: Able, styles: Collection[str]) -> None:
    """Raise `BadOption` where no model follows style pictures; `styles` are those of words, which work anyway."""
    if not able.style_followers:
        words = f"; what works is words: --style {' or '.join(styles)}"[:200] if styles else ""
        adds = "; the host adds one with style_adapter, until then describe the manner in words, /set save keeps them"
        raise BadOption("picture", f"no model here follows style pictures, so none is kept{words or adds}")


def _check_control(options: Options, able: Able) -> None:
    kind = options.control_type
    if kind in able.unseen:
        raise BadOption(f"--ct {kind}", f"nothing is set up here that sees {kind} in a picture; leave it out")
    named = f"control pictures of {kind}" if kind not in (None, "as_it_is") else "control pictures"
    _check_followed("--cw" if kind is None else f"--ct {kind}", named, able.control_followers(kind), options.model)


def _check_followed(flag: str, what: str, followers: Sequence[str], model: str | None) -> None:
    if not followers:
        raise BadOption(flag, f"no model here follows {what}; leave it out")
    if model is not None and model not in followers:
        raise BadOption(flag, f"{model} follows no {what}; choose {' or '.join(followers)}")
