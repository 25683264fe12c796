"""The house can be walked: rooms import only what is below them, and the bot only the engine's public names."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import engine
from tests.house import PACKAGES, PICTURE, ROOT, House, draw, read_house


@pytest.fixture(scope="module", params=PACKAGES)
def house(request: pytest.FixtureRequest) -> House:
    return read_house(request.param)


def test_no_rooms_import_each_other(house: House) -> None:
    assert house.circles == []


def test_a_circle_would_be_found() -> None:
    assert House({"a": "", "b": ""}, frozenset({("a", "b"), ("b", "a")})).circles == [["a", "b"]]


def test_every_room_says_what_it_is_for(house: House) -> None:
    assert [room for room, purpose in house.purposes.items() if not purpose] == []


def test_the_picture_shows_the_rooms_of_today() -> None:
    assert PICTURE.read_text("utf-8") == draw([read_house(package) for package in PACKAGES]), "run `make house`"


def test_the_bot_imports_only_public_names_of_the_engine() -> None:
    found = {
        f"{path.relative_to(ROOT)}: {module}.{name}"
        for path in (ROOT / "bot").rglob("*.py")
        for module, name in _imported_from_engine(path)
        if module != "engine" or (name and name not in engine.__all__)
    }
    assert found == set()


def _imported_from_engine(path: Path) -> list[tuple[str, str]]:
    imported = list[tuple[str, str]]()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "engine":
            imported += [(node.module or "", alias.name) for alias in node.names]
        elif isinstance(node, ast.Import):
            imported += [(alias.name, "") for alias in node.names if alias.name.split(".")[0] == "engine"]
    return imported
