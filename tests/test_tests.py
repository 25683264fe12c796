"""Tests one likes to read: short names, helpers from helper modules, no sleep that stands for an event."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parent
LONGEST_NAME = 60
SLEEPERS = {
    "engine/serving/test_device_pool.py",  # a worker that does not answer, for longer than its timeout
    "bot/domain/test_studio_kill.py", "engine/test_chaos.py", "integration/test_ledger.py",  # strike at random moments
    "integration/test_monkey.py", "integration/test_wire.py", "integration/test_wire_faults.py",
    "integration/test_wire_crew.py", "integration/test_wire_kills.py",  # a bot in a process of its own, and its outages
    "bench/test_wire_speed.py", "integration/test_wire_votes.py",
}  # fmt: skip
"""Test modules that really sleep for longer than a turn of the loop."""
TURN_S = 0.25
FOR_EVER_S = 60.0
"""What sleeps that long is cancelled or killed before."""


Nodes = list[ast.AST]


@functools.cache
def modules() -> dict[str, Nodes]:
    """What every module of the tests consists of, by its path."""
    return {path.relative_to(TESTS).as_posix(): nodes(path.read_text("utf-8")) for path in TESTS.rglob("*.py")}


def nodes(source: str) -> Nodes:
    return list(ast.walk(ast.parse(source)))


def functions(module: Nodes) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in module if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def imported(module: Nodes) -> Iterator[str]:
    """Every module of ours that may be imported here, by its whole name."""
    for node in module:
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def sleeps(module: Nodes) -> Iterator[int]:
    """Lines that sleep for longer than a turn of the loop, or for nobody knows how long."""
    for node in module:
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("asyncio.sleep", "time.sleep"):
            asked = node.args[0]
            for length in (asked.body, asked.orelse) if isinstance(asked, ast.IfExp) else (asked,):
                if not isinstance(length, ast.Constant) or TURN_S < float(length.value) < FOR_EVER_S:
                    yield node.lineno


def test_names_are_read_in_one_glance() -> None:
    long = {
        function.name
        for module in modules().values()
        for function in functions(module)
        if function.name.startswith("test_") and len(function.name) > LONGEST_NAME
    }
    assert long == set()


def test_helpers_come_from_helper_modules() -> None:
    of_tests = re.compile(r"tests\..*\b(test_\w+|conftest)\b")
    found = {(name, each) for name, module in modules().items() for each in imported(module) if of_tests.match(each)}
    assert found == set()


def test_no_test_waits_for_the_clock() -> None:
    tests = {name: module for name, module in modules().items() if name.rpartition("/")[2].startswith("test_")}
    found = {name: list(sleeps(module)) for name, module in tests.items() if name not in SLEEPERS}
    assert {name: lines for name, lines in found.items() if lines} == {}
    assert tests.keys() >= SLEEPERS


def test_what_is_looked_for_is_found() -> None:
    assert list(imported(nodes("from tests.bot import test_client"))) == ["tests.bot", "tests.bot.test_client"]
    assert list(sleeps(nodes("import time\ntime.sleep(3)\ntime.sleep(0.01)\ntime.sleep(x)"))) == [2, 4]
