"""Choices by chance in prompts, and what must not be one."""

from __future__ import annotations

from random import Random

import pytest

from bot.domain.prompting.dynamic_prompts import MAX_CHOICES, rolled
from bot.errors import BadOption

LISTS = {
    "animal": ("fox", "hen"), "big/animal": ("elk",), "scene": ("a __animal__ in {fog|rain}",),
    "loop": ("a __pool__",), "pool": ("a __loop__",), "many": ("__animal__ " * 150,), "empty": (),
}  # fmt: skip


def results(text: str, times: int = 60) -> set[str]:
    return {rolled(text, LISTS, Random(seed)) for seed in range(times)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a __animal__", {"a fox", "a hen"}),
        ("a __big/animal__, wet", {"a elk, wet"}),
        ("__scene__", {"a fox in fog", "a fox in rain", "a hen in fog", "a hen in rain"}),
        ("a {red|blue} car", {"a red car", "a blue car"}),
        ("{2$$a|b}", {"a, b", "b, a"}),
        ("{2$$ and $$a|b}", {"a and b", "b and a"}),
        ("{1-2$$a|b}", {"a", "b", "a, b", "b, a"}),
        ("{-1$$a|b}", {"", "a", "b"}),
        ("{0::a|1::b}", {"b"}),
        ("{a|{b|c}} d", {"a d", "b d", "c d"}),
        ("{__animal__|dog}", {"fox", "hen", "dog"}),
    ],
)
def test_every_choice_comes_up_and_no_other(text: str, expected: set[str]) -> None:
    assert results(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "a {red, blue} car",
        '{"scene": "a|b"}',
        r"a \{red|blue\} car",
        "a snake_case and __ and ____ word",
        "a | b",
        "100% $$ sure",
    ],
)
def test_what_is_no_choice_stays(text: str) -> None:
    assert results(text, 3) == {text}


def test_permutations_around_a_choice_stay_permutations() -> None:
    assert results("a {red, {blue|green}} car") == {"a {red, blue} car", "a {red, green} car"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a __loop__", "names itself"),
        ("a __nothing__", "__animal__"),
        ("a __empty__", "no such list"),
        ("a __../../etc/passwd__", "no such list"),
        ("a __/etc/passwd__", "no such list"),
        ("__many__ __many__", str(MAX_CHOICES)),
        ("{3$$a|b}", "2 to choose from"),
        ("{2-1$$a|b}", "2 to choose from"),
    ],
)
def test_wrong_choices_are_refused_with_a_reason(text: str, why: str) -> None:
    with pytest.raises(BadOption) as refused:
        rolled(text, LISTS, Random(1))
    assert why in str(refused.value) + refused.value.__dict__.get("hint", "")


def test_without_lists_underscores_are_words() -> None:
    assert rolled("a __init__ of python", {}, Random(1)) == "a __init__ of python"


def test_placeholders_cannot_be_typed() -> None:
    assert rolled("a \ue0000\ue001 {b|b}", {}, Random(1)) == "a 0 b"
