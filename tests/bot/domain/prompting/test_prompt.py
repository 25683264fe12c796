from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.model import Options
from bot.domain.prompting.prompt import expand, parse, render, shorten
from bot.domain.prompting.quotes import quoted
from bot.errors import BadOption
from engine.requests import MAX_PROMPT_CHARS


def test_every_flag() -> None:
    text = (
        "a red fox --ar 3:2 --seed 7 --no text, logo --steps 30 --cfg 5 --model sdxl --stop 80 --repeat 3 --iw 0.7 "
        "--tile --fast --style 3d --strength 0.5 --lora ink:0.8"
    )
    assert parse(text) == Options(
        prompt="a red fox",
        aspect=(3, 2),
        seed=7,
        negative="text, logo",
        steps=30,
        guidance=5.0,
        model="sdxl",
        stop=80,
        repeat=3,
        image_weight=0.7,
        tile=True,
        step_cache="fast",
        style="3d",
        strength=0.5,
        loras=(("ink", 0.8),),
    )


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("fox —seed 7", "seed", 7),
        ("fox –ar 3:2", "aspect", (3, 2)),
        ("fox ——tile", "tile", True),
        ("fox --draft", "draft", True),
        ("fox --fine", "step_cache", "off"),
        ("fox --careful", "step_cache", "careful"),
        ("fox --seed=7", "seed", 7),
        ("fox --SEED 7", "seed", 7),
        ("fox --ar 1920x1080", "aspect", (16, 9)),
        ("fox --cfg 5,5", "guidance", 5.5),
        ("fox --model “my model”", "model", "my model"),
        ("fox --no text --no logo", "negative", "text, logo"),
        ("fox --lora a:0.5 --lora b", "loras", (("a", 0.5), ("b", 1.0))),
        ("fox --seed 7 --seed 7", "seed", 7),
        ("--tile a fox", "prompt", "a fox"),
        ("a --seed 7 fox", "prompt", "a fox"),
        ("a fox — in snow", "prompt", "a fox — in snow"),
        ("a fox —alone", "prompt", "a fox —alone"),
        ("well--known fox", "prompt", "well--known fox"),
        ("a\n\tfox\x00", "prompt", "a fox"),
        ("std::vector", "parts", ()),
        ("cat::2 dog::-0.5", "parts", (("cat", 2.0), ("dog", -0.5))),
        ("cat:: dog", "parts", (("cat", 1.0), ("dog", 1.0))),
        ("red apple::2, snow::1", "parts", (("red apple", 2.0), ("snow", 1.0))),
        ("cat::1,5 dog::2", "parts", (("cat", 1.5), ("dog", 2.0))),
        ("cat::2 dog::\u22120.5", "parts", (("cat", 2.0), ("dog", -0.5))),
        ("fox --lora ink:\u22120.5", "loras", (("ink", -0.5),)),
        ('a sign "cat::2"', "parts", ()),
        ('a sign that says "press --stop now"', "prompt", 'a sign that says "press --stop now"'),
        ("a sign “press --stop now” --seed 7", "seed", 7),
        ('a 12" screen --seed 7 on a 5" shelf', "seed", 7),
        ("—No pasar", "prompt", "—No pasar"),
        ("a seed —seed of doubt", "prompt", "a seed —seed of doubt"),
        ("fox —no text", "negative", "text"),
        ('fox --style "neo --noir"', "style", "neo --noir"),
        ("a verse (John 3:16) at (3:2)", "prompt", "a verse (John 3:16) at (3:2)"),
        ('a lens "(f:1.8)"', "prompt", 'a lens "(f:1.8)"'),
    ],
)
def test_reads(text: str, field: str, value: object) -> None:
    assert getattr(parse(text), field) == value


@pytest.mark.parametrize(
    ("text", "word", "hint"),
    [
        ("fox --seeed 7", "--seeed", "did you mean --seed 7"),
        ("fox —sede 7", "--sede", "did you mean --seed 7"),
        ("fox --xyzzy", "--xyzzy", "--ar, --seed"),
        ("fox --ar 3;2", "--ar 3;2", "write --ar 3:2"),
        ("fox --ar 0:2", "--ar 0:2", "--ar 3:2"),
        ("fox --ar 9:2", "--ar 9:2", "4 times"),
        ("fox --seed -1", "--seed -1", "from 0 to 4294967295"),
        ("fox --seed 4294967296", "--seed 4294967296", "4294967295"),
        ("fox --seed", "--seed", "--seed 7"),
        ("fox --cfg nan", "--cfg nan", "from 0 to 50"),
        ("fox --cfg 1e999", "--cfg 1e999", "from 0 to 50"),
        ("fox --stop 5", "--stop 5", "from 10 to 100"),
        ("fox --lora ink:9", "--lora ink:9", "from -4 to 4"),
        ("fox " + " ".join(f"--lora l{number}" for number in range(9)), "--lora", "at most 8"),
        ("fox --no", "--no", "--no text, logo"),
        ("fox --seed 1 --seed 2", "--seed", "twice"),
        ("cat::1 dog::-1", "::", "more than 0"),
        ("fox --fast --fine", "--fine", "it contradicts --fast; write one of them"),
        ("fox --fine --seed 7 --careful", "--careful", "it contradicts --fine"),
        ("::2 cat", "::2", "cat::2"),
        ("cat::99", "cat::99", "from -10 to 10"),
        ("--seed 7", "prompt", "what to draw"),
        ("cat::2dog", "::2dog", "cat::2 dog::-0.5"),
        ('fox --style "neo noir', '--style "neo', "quotation mark is missing"),
        ("a (cat:1.3) here", "(cat:1.3)", "write cat::1.3"),
        ("fox --no (bad hands:1.4)", "(bad hands:1.4)", "write --no bad hands"),
        ("a fox <lora:ink:0.8>", "<lora:ink:0.8>", "write --lora ink:0.8"),
        ("a fox <hypernet:ink:0.8>", "<hypernet:ink:0.8>", "leave it out"),
        ("x" * (MAX_PROMPT_CHARS + 1), "prompt", "too many"),
        ("a::1 " * 17, "::", "at most 16"),
    ],
)
def test_a_wrong_word_is_shown_with_the_right_form(text: str, word: str, hint: str) -> None:
    with pytest.raises(BadOption) as caught:
        parse(text)
    assert caught.value.word == word
    assert hint in caught.value.hint


def test_an_option_beats_a_flag_and_a_flag_beats_the_suffix() -> None:
    options = parse("fox --seed 7 --ar 3:2", suffixes=("in ink --ar 1:1 --steps 9",), seed=8, negative=None)
    assert options == Options(prompt="fox in ink", seed=8, aspect=(3, 2), steps=9)


def test_an_option_is_checked_like_a_flag() -> None:
    with pytest.raises(BadOption, match="aspect: 3;2"):
        parse("fox", aspect="3;2")
    with pytest.raises(BadOption, match="--seed"):
        parse("fox", negative="ugly --seed 3")


def test_flags_alone_are_fine_where_no_words_are_needed() -> None:
    assert parse("--ar 3:2", needs_words=False) == Options(prompt="", aspect=(3, 2))


FRAGMENTS = """"a "b|12"|press --stop now"|«|»|(y|\\"|::1,5,|—seed|—No|--style "neo --noir"
--seed 7|—ar 3:2|--no|--tile|--lora ink:-0.25|--cfg 7.125|--model "a b"|::|::2|::-.5|--|—|fox|"
--style x::2
--iw 1|--strength 0,3|\\,|“|::1e5|\u200d"""
PIECES = st.one_of(st.sampled_from(FRAGMENTS.replace("\n", "|").split("|")), st.text(max_size=8))


@given(st.lists(PIECES, max_size=10).map(" ".join))
def test_what_is_printed_reads_back_the_same(text: str) -> None:
    try:
        options = parse(text)
    except BadOption:
        return
    assert parse(render(options)) == options


names = (
    st.one_of(
        st.text('abcXYZ09_- é"\\“«:', min_size=1, max_size=40),
        st.sampled_from(["neo --noir", "--noir", 'the "x" one', "—no text"]),
    )
    .map(lambda name: " ".join(name.split()))
    .filter(bool)
)


@given(
    seed=st.none() | st.integers(0, 2**32 - 1),
    steps=st.none() | st.integers(1, 500),
    guidance=st.none() | st.floats(0, 50),
    model=st.none() | names,
    negative=st.text("abc,09 é", min_size=1).filter(str.strip),
    style=st.none() | names,
    strength=st.none() | st.floats(0, 1),
    weight=st.floats(-4, 4),
    lora=names,
    tile=st.booleans(),
    speed=st.sampled_from(["", " --fine", " --careful", " --fast"]),
)
def test_every_options_value_survives_printing(
    lora: str, weight: float, tile: bool, speed: str, **overrides: str | float | None
) -> None:
    options = parse(f"fox --lora {quoted(f'{lora}:{weight:f}')}" + " --tile" * tile + speed, **overrides)
    assert (options.seed, options.style, options.loras[0][0]) == (overrides["seed"], overrides["style"], lora)
    assert math.isclose(options.loras[0][1], weight, abs_tol=1e-4)
    assert parse(render(options)) == options


@pytest.mark.parametrize(
    ("text", "prompts"),
    [
        ("a fox", ["a fox"]),
        (r"a fox\, plain", [r"a fox\, plain"]),
        ("a {red, blue} {car, bus}", ["a red car", "a red bus", "a blue car", "a blue bus"]),
        (r"a {red\, hot, blue} car", ["a red, hot car", "a blue car"]),
        ("a {red, {dark, light} blue} car", ["a red car", "a dark blue car", "a light blue car"]),
        ("fox --ar {3:2, 1:1}", ["fox --ar 3:2", "fox --ar 1:1"]),
        (r"\{a {b, c}\}", ["{a b}", "{a c}"]),
        ('{"a": 1, "b": {"c": 2}}', ['{"a": 1, "b": {"c": 2}}']),
        (
            "{“scene”: “fox”, “light”: “low”} {x, y}",
            ["{“scene”: “fox”, “light”: “low”} x", "{“scene”: “fox”, “light”: “low”} y"],
        ),
        ("a {red,} car", ["a red car", "a  car"]),
    ],
)
def test_permutations(text: str, prompts: list[str]) -> None:
    assert expand(text) == prompts


@pytest.mark.parametrize("text", ["a {red, blue", "a red} car", "{" * 5000, "{" * 9 + "a" + "}" * 9])
def test_unpaired_and_deep_braces_are_refused(text: str) -> None:
    with pytest.raises(BadOption):
        expand(text)


def test_too_many_permutations_are_refused_before_they_are_built() -> None:
    with pytest.raises(BadOption, match=r"1099511627776 prompts, at most 40"):
        expand("{a, b}" * 40)


@given(st.lists(st.lists(st.text("abc d", max_size=4), min_size=1, max_size=3), max_size=3))
def test_permutations_are_the_product_of_their_options(choices: list[list[str]]) -> None:
    prompts = expand("x" + "".join("{" + ",".join(options) + "}" for options in choices))
    assert len(prompts) == math.prod(len(options) for options in choices)


@given(st.text(max_size=60), st.integers(1, 30))
def test_shortening_keeps_the_beginning_within_the_limit(text: str, limit: int) -> None:
    short = shorten(text, limit)
    assert len(short) <= limit
    assert short == text or (short.endswith("…") and text.startswith(short[:-1]))
