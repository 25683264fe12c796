"""Finds where our code turns somebody else's error into words, and what in a text is no word of ours."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bot import errors as bot_errors
from engine import errors as engine_errors

ROOT = Path(__file__).parents[1]
SHOWN = frozenset(
    name
    for module in (bot_errors, engine_errors)
    for name, kind in vars(module).items()
    if isinstance(kind, type) and issubclass(kind, bot_errors.UserError | engine_errors.InvalidRequest)
)
"""Errors whose own text members read."""
_NOT_OURS = re.compile(
    r"\b[A-Za-z]*(?:Error|Exception|Warning|Scheduler|Pipeline)\b|\bTraceback\b|\bbytes\b|\b(?!4294967295\b)\d{7,}\b"
    r"|(?<![\w/])/(?:[\w.-]+/)+|[A-Z]:\\|\bInput should\b|\boperands\b|\bobject has no\b|\binstance of\b|0x[0-9a-f]{6,}"
)


@dataclass(frozen=True)
class Site:
    """One handler that makes an error for members."""

    place: str
    """File and function."""
    repeats: bool
    """What it says depends on what was caught."""
    names_class: bool


def foreign(text: str) -> list[str]:
    """Class names, counts of bytes, paths and phrases of libraries in a text for members."""
    return _NOT_OURS.findall(text)


@functools.cache
def sites() -> tuple[Site, ...]:
    """Every `except` of bot and engine that makes an error for members."""
    ours = [path for package in ("bot", "engine") for path in sorted((ROOT / package).rglob("*.py"))]
    return tuple(site for path in ours if "cli" not in path.parts for site in _in_file(path))


def _in_file(path: Path) -> Iterator[Site]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    for handler in (node for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler)):
        around = [each.name for each in functions if each.lineno <= handler.lineno <= (each.end_lineno or 0)]
        for call in _made(handler):
            heard = set[str]() if _is_ours(handler) else _heard(handler)
            said = {node.id for argument in _arguments(call) for node in _names(argument)}
            classes = any(isinstance(node, ast.Attribute) and node.attr == "__name__" for node in ast.walk(call))
            yield Site(f"{path.relative_to(ROOT).as_posix()}:{around[-1]}", bool(said & heard), classes)


def _made(handler: ast.ExceptHandler) -> Iterator[ast.Call]:
    for node in (inner for statement in handler.body for inner in ast.walk(statement)):
        if isinstance(node, ast.Call) and _called(node) in SHOWN:
            yield node


def _called(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")


def _is_ours(handler: ast.ExceptHandler) -> bool:
    """Whether only errors are caught whose own text members read: they hold nobody else's words."""
    return handler.type is not None and {name.id for name in _names(handler.type)} <= SHOWN


def _heard(handler: ast.ExceptHandler) -> set[str]:
    """The caught error's name, and names that get something of it."""
    heard = {handler.name} if handler.name else set[str]()
    for node in (inner for statement in handler.body for inner in ast.walk(statement)):
        if isinstance(node, ast.Assign) and heard & {name.id for name in _names(node.value)}:
            heard |= {name.id for target in node.targets for name in _names(target)}
    return heard


def _arguments(call: ast.Call) -> list[ast.expr]:
    return [*call.args, *(keyword.value for keyword in call.keywords)]


def _names(node: ast.AST) -> Iterator[ast.Name]:
    return (inner for inner in ast.walk(node) if isinstance(inner, ast.Name))
