"""Errors as JSON, so that they outlive a restart: the class's name and its data."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from pydantic import TypeAdapter, ValidationError, validate_call
from pydantic_core import to_jsonable_python

from bot.errors import BotError
from engine import EngineError, InferenceFailed

_PACKED = TypeAdapter(dict[str, object])


def pack(error: Exception) -> str:
    """Write down one of our errors; anything else becomes `InferenceFailed` with its text."""
    if not isinstance(error, BotError | EngineError):
        error = InferenceFailed(str(error))
    carried = {name: getattr(error, name, str(error)) for name in _parameters(type(error))}
    return _PACKED.dump_json({"error": type(error).__name__, **to_jsonable_python(carried)}).decode()


def unpack(packed: str) -> Exception:
    """The error again; `InferenceFailed` with what is known when its class has changed since."""
    try:
        carried = _PACKED.validate_json(packed)
        leaf = {found.__name__: found for found in _leaves(BotError, EngineError)}[str(carried.pop("error"))]
        error = leaf.__new__(leaf)
        validate_call(leaf.__init__)(error, **carried)
    except (ValidationError, KeyError, TypeError):
        return InferenceFailed(packed)
    return error


def _parameters(leaf: type[Exception]) -> tuple[str, ...]:
    return tuple(inspect.signature(leaf).parameters)


def _leaves(*roots: type[Exception]) -> Iterator[type[Exception]]:
    for root in roots:
        yield root
        yield from _leaves(*root.__subclasses__())
