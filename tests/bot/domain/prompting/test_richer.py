"""What a model answers is proposed only as far as it is a prompt."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from bot.domain.prompting.richer import MOST_WORDS, check_likeness, from_lists, proposed
from bot.errors import NoProposal
from engine.embedding.text_encoder import TextEncoder
from engine.pocket import WEIGHTS

GOOD = "a red fox in deep snow, low morning sun, frost on pine needles"


async def real(texts: Sequence[str]) -> np.ndarray:
    return TextEncoder.load(WEIGHTS).embed(texts)


@pytest.mark.parametrize(
    "answer", [GOOD, f'"{GOOD}"', f"Prompt: {GOOD}", f"**Enhanced prompt:** {GOOD}\n", f"<think>a fox…</think>\n{GOOD}"]
)
def test_a_prompt_is_taken_out_of_its_wrapping(answer: str) -> None:
    assert proposed(answer, "a red fox") == (GOOD, "")


def test_an_essay_is_cut_and_it_is_said() -> None:
    essay = ", ".join(f"a red fox by tree {number}" for number in range(200))
    text, cut = proposed(essay, "a red fox")
    assert len(text.split()) <= MOST_WORDS and not text.endswith(",") and "cut" in cut
    text, cut = proposed(f"{GOOD}\n\nThis prompt adds light.", "a red fox")
    assert text == GOOD and "below its first line" in cut


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("Sure! Here is a richer prompt:", "instructions"),
        ("To create this picture, you should first choose a model.", "instructions"),
        ("You can add more light to it.", "instructions"),
        ("I'm sorry, but I cannot help with that.", "instructions"),
        ("As an AI language model, I draw nothing.", "instructions"),
        ("1. Open the app\n2. Type a fox\n3. Press enter", "instructions"),
        ("A red fox needs:\n- snow\n- light", "instructions"),
        ("", "nothing"),
        ("<think>what a fox", "nothing"),
        ("a red fox --steps 500 --seed 1", "signs"),
        ("a red fox::2 snow::1", "signs"),
        ("a {red|blue} fox, __secret__", "signs"),
        ("a red fox <lora:evil:2>", "signs"),
        ("A red fox", "nothing to add"),
    ],
)
def test_what_is_no_prompt_is_refused_with_the_reason(answer: str, why: str) -> None:
    with pytest.raises(NoProposal, match=why):
        proposed(answer, "a red fox")


async def test_an_answer_about_something_else_is_refused() -> None:
    await check_likeness("a red fox", GOOD, real)
    with pytest.raises(NoProposal, match="something else"):
        await check_likeness("a red fox", "quarterly tax return for small companies, spreadsheet", real)


async def test_the_nearest_line_of_each_list_is_added() -> None:
    lists = {
        "richer/light": ("neon signs of a city at night", "low winter sun on snow"),
        "richer/place": ("a spruce forest in winter", "a swimming pool", "a fox --steps 500"),
        "animal": ("wolf",),
    }
    after = await from_lists("a red fox in the snow", lists, real)
    assert after.startswith("a red fox in the snow, ")
    assert set(after.split(", ")[1:]) == {"low winter sun on snow", "a spruce forest in winter"}


@pytest.mark.parametrize(("lists", "why"), [({}, "neither"), ({"animal": ("wolf",)}, "neither"),
                                            ({"richer/x": ("red",)}, "nothing")])  # fmt: skip
async def test_without_lists_or_new_words_there_is_no_proposal(lists: dict[str, tuple[str, ...]], why: str) -> None:
    with pytest.raises(NoProposal, match=why):
        await from_lists("a red fox", lists, real)
