"""What we change in SimCord's files is there to be changed."""

from __future__ import annotations

from importlib.resources import files

import pytest

from bot.playground import page_files

CHANGES = [(path, old) for path, changes in page_files._CHANGES.items() for old, _ in changes]


@pytest.mark.parametrize(("path", "old"), CHANGES)
def test_each_change_finds_its_place(path: str, old: str) -> None:
    name = "index.html" if path == "/" else path.removeprefix("/")
    assert old in files("simcord.preview").joinpath("static", name).read_text(encoding="utf-8")
