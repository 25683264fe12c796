"""Thirty files as other programs write them: each is read as it was meant, and what is no recipe is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engine.errors import InvalidRequest
from engine.recipes.foreign_recipe import ForeignRecipe
from engine.recipes.read import read_recipe
from tests.engine import recipe_files as files

ALL = files.everything()


def test_there_are_thirty_of_five_programs() -> None:
    assert len(ALL) >= 30 and {each.meant.tool for each in ALL.values()} == {
        "stable-diffusion-webui", "ComfyUI", "InvokeAI", "Fooocus", "Darkroom",
    }  # fmt: skip


@pytest.mark.parametrize("name", ALL)
def test_a_file_is_read_as_it_was_meant(name: str) -> None:
    found = read_recipe(ALL[name].content)
    for field in ForeignRecipe.__slots__:
        if field != "doubts":
            assert getattr(found, field) == getattr(ALL[name].meant, field), field


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"<html>", "no PNG, JPEG or WebP"),
        (files.png({}), "carries no recipe"),
        (files.png({"parameters": "a fox"}), "carries no recipe"),
        (files.png({"parameters": "{"}), "damaged"),
        (files.png({"prompt": "{" * 5000}), "damaged"),
        (files.png({"prompt": "{}"}), "no sampler"),
        (files.png({"workflow": "{}"}), "no list of what was run"),
        (files.png({"invokeai_metadata": "[]"}), "damaged"),
        (files.png({"darkroom": "{}"}), "damaged"),
    ],
)
def test_what_is_no_recipe_is_refused(content: bytes, why: str) -> None:
    with pytest.raises(InvalidRequest, match=why):
        read_recipe(content)


def test_a_prompt_out_of_an_unknown_node_is_not_guessed() -> None:
    graph: dict[str, Any] = files.comfy_graph("a fox")
    graph["6"] = {"class_type": "MagicWords", "inputs": {"topic": "fox"}}
    with pytest.raises(InvalidRequest, match="a ComfyUI node that is not known here"):
        read_recipe(files.png({"prompt": json.dumps(graph)}))


def test_a_ring_of_nodes_ends() -> None:
    graph = files.comfy_graph("a fox")
    graph["6"] = {
        "class_type": "ConditioningCombine",
        "inputs": {"conditioning_1": ["6", 0], "conditioning_2": ["6", 0]},
    }
    with pytest.raises(InvalidRequest):
        read_recipe(files.png({"prompt": json.dumps(graph)}))
