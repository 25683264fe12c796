"""What another library says never reaches members: every `except` that makes an error for them is walked."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import discord
import pytest

from bot import errors as bot_errors
from bot.domain.moderation.word_rules import RuleKind, with_rule
from bot.domain.prompting.kept_styles import weights_of
from bot.domain.prompting.prompt import parse
from bot.ui.content.error_texts import TABLE, words
from bot.ui.pictures.compositing import Drawing
from bot.ui.pictures.uploads import Intake
from engine import errors as engine_errors
from engine.pictures.images import open_picture
from engine.requests import Blend, Describe, ImageRequest, ImageToImage, LoRA
from tests.bot.scripted import MemoryPictures, png
from tests.foreign_words import SHOWN, foreign, sites

NASTY = "ValueError: operands could not be broadcast, /srv/models/secret/x.bin has 33554432 bytes"
UNSAID = frozenset({"why", "remedy", "message", "version", "file"})
"""Parameters for hosts: they hold what libraries say."""


async def kept(content: bytes) -> None:
    with ThreadPoolExecutor(1) as executor:
        await Intake(discord.Attachment.read, Drawing(executor), MemoryPictures()).keep(content)


async def fitted(limit: int) -> None:
    with ThreadPoolExecutor(1) as executor:
        await Drawing(executor).fitted(png(), limit)


CASES: dict[str, list[Callable[[], Any]]] = {
    "bot/domain/prompting/flags.py:value": [
        lambda: parse("a fox --steps many"),
        lambda: parse("a fox --seed x"),
        lambda: parse("a fox --ar 3to2"),
        lambda: parse("a fox --guidance 1e999"),
        lambda: parse("a fox --stop"),
    ],
    "bot/domain/prompting/kept_styles.py:weights_of": [
        lambda: weights_of("1, many", 2),
        lambda: weights_of("1, 1e999", 2),
    ],
    "bot/domain/prompting/prompt.py:_part": [lambda: parse("cat::99 dog::1")],
    "bot/domain/moderation/word_rules.py:_check_regex": [
        lambda: with_rule((), RuleKind.REGEX, "("),
        lambda: with_rule((), RuleKind.REGEX, r"\p{Nothing}"),
        lambda: with_rule((), RuleKind.REGEX, "(a+)+$"),
    ],
    "bot/ui/pictures/compositing.py:run": [lambda: fitted(0), lambda: fitted(12)],
    "bot/ui/pictures/uploads.py:keep": [
        lambda: kept(b"no picture"),
        lambda: kept(b"\x89PNG\r\n\x1a\n" + b"\0" * 50),
        lambda: kept(b"\xff\xd8\xff\xe0" + b"\0" * 50),
        lambda: kept(b"\0\0\0\x18ftypheic" + b"\0" * 50),
        lambda: kept(b"\0" * (33 * 2**20)),
    ],
    "engine/requests/image_request.py:_name_the_field": [
        lambda: ImageRequest(prompt="a", width=5),
        lambda: ImageRequest(prompt="a", width="wide"),  # pyright: ignore[reportArgumentType]
        lambda: ImageRequest(prompt="a", guidance_scale=float("nan")),
        lambda: ImageRequest(prompt="a", num_images=True, seed=-1),
        lambda: ImageRequest(prompt="a" * 7000),
        lambda: ImageRequest(prompt=""),
        lambda: ImageRequest(prompt="a\x07b"),
        lambda: ImageRequest(prompt="a", sampler="x"),  # pyright: ignore[reportCallIssue]
        lambda: ImageRequest(),  # pyright: ignore[reportCallIssue]
        lambda: ImageRequest(prompt="a", loras=tuple(LoRA(name=str(i)) for i in range(9))),
        lambda: ImageRequest(prompt="a", loras="x"),  # pyright: ignore[reportArgumentType]
        lambda: LoRA(name="x", weight=9),
        lambda: ImageToImage(prompt="a", image=b""),
        lambda: ImageToImage(prompt="a", image=b"x" * (64 * 2**20 + 1)),
        lambda: Describe(image="x" * 10, num_images=99),  # pyright: ignore[reportArgumentType]
        lambda: Blend(images=(b"x",)),
    ],
}


def test_every_handler_that_repeats_what_it_caught_has_a_case() -> None:
    assert {site.place for site in sites() if site.repeats} <= set(CASES)
    assert set(CASES) <= {site.place for site in sites()}


def test_no_handler_names_a_class() -> None:
    assert not [site.place for site in sites() if site.names_class]


def test_the_walk_sees_the_doors() -> None:
    seen = {site.place for site in sites()}
    assert {
        "engine/pictures/intake.py:decode",
        "bot/ui/pictures/uploads.py:fetch",
        "engine/sampling/step_watch.py:set_timesteps",
    } <= seen


@pytest.mark.parametrize("case", [pytest.param(case, id=place) for place, all_ in CASES.items() for case in all_])
async def test_what_is_refused_is_refused_in_our_words(case: Callable[[], Any]) -> None:
    with pytest.raises((bot_errors.UserError, engine_errors.InvalidRequest)) as refused:
        if inspect.isawaitable(running := case()):
            await running
    text = words(refused.value)
    assert not foreign(text), text
    assert not text.endswith(": ") and "try again" not in text.lower()


def test_what_hosts_read_is_not_for_members() -> None:
    for kind in TABLE:
        taken = inspect.signature(kind).parameters
        if kind.__name__ in SHOWN or not UNSAID & taken.keys():
            continue
        told = {name: NASTY if name in UNSAID else "pocket" for name, of in taken.items() if of.annotation == "str"}
        others = {name: 3 for name, of in taken.items() if name not in told and of.default is of.empty}
        text = words(kind(**told, **others))
        assert NASTY not in text and not foreign(text), kind


@pytest.mark.parametrize(
    "error",
    [
        engine_errors.InferenceFailed(NASTY),
        engine_errors.ModelLoadFailed("pocket", NASTY),
        engine_errors.DeviceLost("cuda:0", 3),
    ],
    ids=lambda error: type(error).__name__,
)
def test_again_is_not_advised_where_it_cannot_help(error: Exception) -> None:
    text = words(error)
    assert "again" not in text.lower() and "nothing was charged" in text


@pytest.mark.parametrize(
    "text", [NASTY, "does not fit (TypeError)", "Data should have at most 33554432 bytes", "see /srv/a/b"]
)
def test_the_eye_for_foreign_words_is_open(text: str) -> None:
    assert foreign(text)


def test_a_picture_is_refused_without_its_decoders_words() -> None:
    for content in (b"", b"GIF89a", b"\x89PNG\r\n\x1a\n"):
        with pytest.raises(engine_errors.InvalidRequest) as refused:
            open_picture(content)
        assert not foreign(words(refused.value))
