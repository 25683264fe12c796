"""What a diffusers pipeline takes, read from diffusers' source without importing it (which would import torch)."""

from __future__ import annotations

import ast
import functools
import importlib.util
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

_CLASS = re.compile(r"^class (\w+)\(([^)]*)\)", re.MULTILINE)


class Signatures:
    """The call signatures of the installed diffusers' pipelines; files are read on first use and remembered."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, object]] = {}

    def of(self, pipeline: str) -> dict[str, object]:
        """Parameter name -> default (None where there is none or it is no constant); {} for an unknown class."""
        if pipeline not in self._known:
            self._known[pipeline] = self._read(pipeline)
        return self._known[pipeline]

    def _read(self, pipeline: str) -> dict[str, object]:
        path = _files().get(pipeline)
        if path is None:
            return {}
        classes = [node for node in ast.parse(path.read_text("utf-8")).body if isinstance(node, ast.ClassDef)]
        body = next(node for node in classes if node.name == pipeline)
        for node in body.body:
            if isinstance(node, ast.FunctionDef) and node.name == "__call__":
                return _defaults(node.args)
        inherited = [base.id for base in body.bases if isinstance(base, ast.Name) and base.id != pipeline]
        return self.of(inherited[0]) if inherited else {}


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


def _defaults(arguments: ast.arguments) -> dict[str, object]:
    names = [argument.arg for argument in arguments.args[1:]]
    values = [_constant(value) for value in arguments.defaults]
    return dict(zip(names, [None] * (len(names) - len(values)) + values, strict=True))


def _constant(node: ast.expr) -> object:
    return node.value if isinstance(node, ast.Constant) else None
