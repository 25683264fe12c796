"""What a diffusers pipeline takes and gives, read from its source: importing it would import torch."""

from __future__ import annotations

import ast
import functools
import importlib.util
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TypeGuard

_CLASS = re.compile(r"^class (\w+)\(([^)]*)\)", re.MULTILINE)
_PARSING = threading.Lock()
"""Python 3.11 counts the depth of syntax trees for all threads together, and fails when two parse at once."""
_BLOCK_INPUT = re.compile(r'InputParam(?:\.template)?\(\s*(?:name=)?"(\w+)"')
_BLOCK_DEFAULTS = {
    "guidance_scale": (re.compile(r'guidance_scale(?:": |", default=|: float = )(\d+\.\d+)'), 7.5),
    "num_inference_steps": (re.compile(r'InputParam(?:\.template)?\(\s*"num_inference_steps"[^)]*default=(\d+)'), 50),
}
"""What a Modular family's blocks or their guider say, and what diffusers takes where they are silent."""


@dataclass(frozen=True, slots=True)
class Signature:
    """How a pipeline is called; all of it empty for a class that the installed diffusers does not have."""

    defaults: Mapping[str, object] = field(default_factory=dict[str, object])
    """Parameter name -> default, None where there is none or it is no constant."""
    required: frozenset[str] = frozenset()
    """Parameters without a default."""
    makes: frozenset[str] = frozenset()
    """Under which names its output holds what it made, where the source shows that."""
    blocks: frozenset[str] = frozenset()
    """What the blocks of a Modular pipeline's family take, for whichever of their tasks."""
    components: frozenset[str] = frozenset()
    """What it is made of; empty for Modular pipelines, whose blocks say that."""
    optional: frozenset[str] = frozenset()
    """Those of them it can do without."""
    lacks_well: frozenset[str] = frozenset()
    """Text encoders and tokenizers that its code can do without: SD 3's T5, and the first pair of SDXL's refiner."""
    is_known: bool = False
    """Whether there is such a class."""


class Signatures:
    """The call signatures of the installed diffusers' pipelines; files are read on first use and remembered."""

    def of(self, pipeline: str) -> Signature:
        """The signature of a pipeline's class."""
        return _read(pipeline)


@functools.cache  # once per process: parsing one class takes up to a tenth of a second
def _read(pipeline: str) -> Signature:
    path = _files().get(pipeline)
    if path is None:
        return Signature()
    if "modular_pipelines" in path.parts:
        source = "\n".join(file.read_text("utf-8") for file in sorted(path.parent.glob("*.py")))
        return Signature(_block_defaults(source), blocks=frozenset(_BLOCK_INPUT.findall(source)), is_known=True)
    with _PARSING:
        tree = ast.parse(path.read_text("utf-8"))
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    body = next(node for node in classes if node.name == pipeline)
    inherited = [_read(base.id) for base in body.bases if isinstance(base, ast.Name) and base.id != pipeline]
    base = next((each for each in inherited if each.is_known), Signature(is_known=True))
    call = _method(body, "__call__")
    called = _signature(call) if call else base
    return replace(called, **_made_of(body, base))


@functools.cache  # once per process, and before workers are forked: reading all of diffusers takes a while
def _files() -> Mapping[str, Path]:
    """Where each pipeline class of the installed diffusers is defined."""
    spec = importlib.util.find_spec("diffusers")
    if spec is None or spec.origin is None:
        return MappingProxyType({})
    found: dict[str, Path] = {}
    for folder in ("pipelines", "modular_pipelines"):
        for path in sorted((Path(spec.origin).parent / folder).rglob("*.py")):
            for name, _ in _CLASS.findall(path.read_text("utf-8")):
                found.setdefault(name, path)
    return MappingProxyType(found)


@functools.cache
def _offered() -> str:
    spec = importlib.util.find_spec("diffusers")
    return "" if spec is None or spec.origin is None else Path(spec.origin).read_text("utf-8")


def is_offered(class_name: str) -> bool:
    """Whether the installed diffusers has a class of that name for components."""
    return f'"{class_name}"' in _offered()


def _block_defaults(source: str) -> dict[str, object]:
    found = {name: said.search(source) for name, (said, _) in _BLOCK_DEFAULTS.items()}
    return {
        name: type(usual)(match.group(1)) if (match := found[name]) else usual
        for name, (_, usual) in _BLOCK_DEFAULTS.items()
    }


def _method(body: ast.ClassDef, name: str) -> ast.FunctionDef | None:
    return next((node for node in body.body if isinstance(node, ast.FunctionDef) and node.name == name), None)


def _made_of(body: ast.ClassDef, base: Signature) -> dict[str, frozenset[str]]:
    """As diffusers has it: parameters of `__init__` without a default, and those named in `_optional_components`."""
    optional = next((_names(node.value) for node in body.body if _assigns(node, "_optional_components")), base.optional)
    init = _method(body, "__init__")
    if init is None:
        return {"components": base.components, "optional": optional, "lacks_well": base.lacks_well}
    names = [argument.arg for argument in init.args.args[1:]]
    required = names[: len(names) - len(init.args.defaults)]
    components = frozenset(required) | (optional & frozenset(names))
    return {"components": components, "optional": optional, "lacks_well": _lacks_well(body, optional)}


def _lacks_well(body: ast.ClassDef, optional: frozenset[str]) -> frozenset[str]:
    """The pairs whose encoder is optional by code alone, or whose tokenizer is chosen by whether it is there."""
    tests = [node for node in ast.walk(body) if isinstance(node, ast.If | ast.IfExp)]
    encoders = {_absent(node.test, ast.Is) for node in tests if isinstance(node, ast.If)} - optional
    tokenizers = {_absent(node.test, ast.IsNot) for node in tests if isinstance(node, ast.IfExp)}
    numbers = {name.removeprefix("text_encoder") for name in encoders if name.startswith("text_encoder")}
    numbers |= {name.removeprefix("tokenizer") for name in tokenizers if name.startswith("tokenizer")}
    return frozenset(f"{kind}{number}" for kind in ("text_encoder", "tokenizer") for number in numbers)


def _absent(test: ast.expr, compared: type[ast.cmpop]) -> str:
    """Return X of `self.X is None`, or of `self.X is not None`; "" for another test."""
    match test:
        case ast.Compare(ast.Attribute(ast.Name("self"), name), [by], [ast.Constant(None)]) if isinstance(by, compared):
            return name
        case _:
            return ""


def _assigns(node: ast.stmt, name: str) -> TypeGuard[ast.Assign]:
    return isinstance(node, ast.Assign) and any(isinstance(at, ast.Name) and at.id == name for at in node.targets)


def _names(node: ast.expr) -> frozenset[str]:
    values = node.elts if isinstance(node, ast.List) else []
    return frozenset(
        value.value for value in values if isinstance(value, ast.Constant) and isinstance(value.value, str)
    )


def _signature(call: ast.FunctionDef) -> Signature:
    names = [argument.arg for argument in call.args.args[1:]]
    values = [_constant(value) for value in call.args.defaults]
    bare = len(names) - len(values)
    returned = (node.value for node in ast.walk(call) if isinstance(node, ast.Return))
    outputs = [made.keywords for made in returned if isinstance(made, ast.Call)]
    return Signature(
        defaults=dict(zip(names, [None] * bare + values, strict=True)),
        required=frozenset(names[:bare]),
        makes=frozenset(part.arg for parts in outputs for part in parts if part.arg),
        is_known=True,
    )


def _constant(node: ast.expr) -> object:
    return node.value if isinstance(node, ast.Constant) else None
