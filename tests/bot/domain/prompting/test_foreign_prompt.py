"""Prompts of other programs in the words of this host: nothing is lost without a word about it."""

from __future__ import annotations

import pytest

from bot.domain.prompting.foreign_prompt import translated_prompt
from bot.domain.prompting.prompt import parse
from bot.errors import BadOption

A1111 = (
    "masterpiece, ((best quality)), [blurry], a fox <lora:Ink:0.8> <lora:gone:1>\n"
    "Negative prompt: (ugly:1.2), bad hands\n"
    "Steps: 20, Sampler: DPM++ 2M Karras, CFG scale: 7, Seed: 123, Size: 512x768, Model: dreamy"
)


def test_a_whole_paste_of_the_webui_becomes_flags_and_parts() -> None:
    found = translated_prompt(A1111, ["ink"])
    assert found is not None
    options = parse(found.text)
    assert dict(options.parts) == {"masterpiece, a fox": 1.0, "blurry": 0.9091, "best quality": 1.21}
    assert (options.steps, options.guidance, options.seed, options.aspect) == (20, 7.0, 123, (2, 3))
    assert options.negative == "ugly, bad hands" and options.loras == (("ink", 0.8),)
    said = "; ".join(found.lost)
    assert all(each in said for each in ("DPM++ 2M Karras", "dreamy", "lora gone"))


@pytest.mark.parametrize(
    ("pasted", "here", "lost"),
    [
        ("a cat, (red hair:1.3), forest", "a cat, forest::1 red hair::1.3", 0),
        ("a fox in snow --ar 16:9 --v 6 --stylize 250", "a fox in snow --ar 16:9", 2),
        ("https://x.y/z.png a fox --iw 2 --no text --style raw", "a fox --iw 2 --no text", 2),
        ("a fox --r 3 --niji 6", "a fox --repeat 3", 1),
        (r"a fox \(series\), (blue eyes:1.4)", "a fox (series)::1 blue eyes::1.4", 0),
        ("(((fox)))", "fox::1.331", 0),
        ("((a (red:1.2) fox))", "a red fox::1.21", 1),
        ("cat::2 dog::1 (red:1.3)", "cat::2 dog::1 red", 1),
        ("a fox BREAK a house, (night:1.2)", "a fox, a house::1 night::1.2", 0),
        ("a fox --sref https://a.b/c.png --seed 7", "a fox --seed 7", 1),
        ("a fox Negative prompt: text, logo", "a fox --no text, logo", 0),
        ('a sign "(x:1.2) --v 6" (red:1.5)', 'a sign "(x:1.2) --v 6"::1 red::1.5', 0),
        ("a fox, Steps: 20, Seed: 99999999999999, Size: 10x1000", "a fox --steps 20", 2),
    ],
)
def test_each_spelling_has_its_counterpart(pasted: str, here: str, lost: int) -> None:
    found = translated_prompt(pasted, [])
    assert found is not None
    assert found.text == here and len(found.lost) == lost, found


@pytest.mark.parametrize(
    "text",
    [
        "a plain fox",
        "a fox --stepz 3",
        "--v 6",
        "Negative prompt: x",
        "https://x.y/z.png a cat",
        'a sign "(x:1.2)"',
        "",
    ],
)
def test_what_is_not_foreign_or_cannot_be_read_is_left(text: str) -> None:
    assert translated_prompt(text, []) is None


@pytest.mark.parametrize("pasted", ["a fox Negative prompt: text", "a fox, Steps: 20, Sampler: Euler a, Seed: 7"])
def test_a_paste_that_was_drawn_as_words_before_is_named(pasted: str) -> None:
    with pytest.raises(BadOption, match="another program"):
        parse(pasted)
