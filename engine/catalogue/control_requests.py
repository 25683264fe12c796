"""Refuses control pictures that a model cannot follow, and says what would work. Torch-free."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from engine.errors import InvalidRequest
from engine.model_spec import ModelSpec
from engine.pictures.images import open_picture
from engine.pipelines.controls import drawn_by, spoken, takes_style
from engine.requests import Control, ImageRequest, ImageToImage
from engine.settings import ControlType, EngineSettings

_FIELD = "control"
Able = Callable[[ControlType | None], Sequence[str]]
"""The models on offer that follow control pictures of a kind; of any kind for None."""


def usable(spec: ModelSpec) -> tuple[ControlType, ...]:
    """The kinds of control pictures that a model follows, as far as its files say."""
    return spec.control_types


def prove_place(request: ImageRequest) -> None:
    """Raises `InvalidRequest` for requests that have no place for a control picture."""
    if type(request) not in (ImageRequest, ImageToImage):
        kind = request.kind.replace("_", " ")
        raise InvalidRequest(_FIELD, f"it goes with drawing from words or from one picture, and this is {kind}")


def prove_control(spec: ModelSpec, control: Control, able: Able, settings: EngineSettings) -> Control:
    """The control picture with its kind filled in. Raises `InvalidRequest`."""
    named: Sequence[ControlType] = usable(spec) or tuple(spec.controls)
    if not named:
        raise InvalidRequest(_FIELD, f"{spec.name} follows no control pictures; {_others(able(control.type))}")
    type_ = control.type or named[0]
    if type_ == "as_it_is" and type_ not in spec.controls:
        type_ = named[0]
        control = control.model_copy(update={"is_map": True})
    network = spec.controls.get(type_)
    if network is None or network.flaw:
        raise InvalidRequest(_FIELD, _refusal(spec, type_, able))
    if not control.is_map:
        _prove_tool(type_, settings)
    open_picture(control.image, _FIELD)
    return control.model_copy(update={"type": type_})


def prove_beside_style(spec: ModelSpec, control: Control) -> None:
    """Raises `InvalidRequest` where the class that draws with the control network takes no style picture."""
    network = spec.controls[control.type or usable(spec)[0]]
    if takes_style(network, spec.pipeline):
        return
    both = [spoken(type_) for type_ in usable(spec) if takes_style(spec.controls[type_], spec.pipeline)]
    others = f", or choose {' or '.join(both)}" if both else ""
    why = f"{drawn_by(network, spec.pipeline)} of diffusers takes no style picture beside it"
    raise InvalidRequest(_FIELD, f"{why}; leave one of them out{others}")


def _refusal(spec: ModelSpec, type_: ControlType, able: Able) -> str:
    network, has = spec.controls.get(type_), usable(spec)
    why = f": {network.flaw}" if network else ""
    others, kinds = able(type_), f"choose {' or '.join(map(spoken, has))}" if has else ""
    remedy = ", or ".join(filter(None, (kinds, _others(others) if others or not kinds else "")))
    return f"{spec.name} does not follow {spoken(type_)}{why}; {remedy}"


def _others(models: Sequence[str]) -> str:
    return f"choose {' or '.join(models)} for it" if models else "no model here does that"


def _prove_tool(type_: ControlType, settings: EngineSettings) -> None:
    missing = (type_ == "depth" and settings.depth is None) or (type_ == "pose" and settings.pose is None)
    if missing:
        raise InvalidRequest(
            _FIELD,
            f"nothing is set up here that sees {type_} in a picture; the host names a model as {type_} under [engine]",
        )
