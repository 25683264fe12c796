"""The difference between two prompts, in words."""

from __future__ import annotations

import pytest

from bot.domain.prompting.differences import difference
from bot.domain.prompting.prompt import parse


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("a red fox at noon", "a red fox in the rain", "+ in the rain − at noon"),
        ("a fox", "a fox", ""),
        ("a fox, at night", "a fox at night", ""),
        ("a fox", "a small fox --no text", "+ small negative text"),
        ("a fox --ar 3:2 --steps 9", "a fox --steps 12", "− aspect steps 12"),
        ("a fox --ar 3:2", "a fox --ar 1:1", "aspect 1:1"),
    ],
)
def test_words_and_options_that_came_and_went(before: str, after: str, told: str) -> None:
    assert difference(parse(before), parse(after)) == told


def test_the_strength_of_a_branch_is_told() -> None:
    options = parse("a fox")
    assert difference(options, options.model_copy(update={"strength": 0.55})) == "strength 0.55"
