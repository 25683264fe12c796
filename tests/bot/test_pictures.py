"""What one can do with a picture, through the whole bot with the embedded model: pressed, drawn and looked at."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
from PIL import Image

from bot.domain.model import Job
from bot.settings import Settings
from bot.ui.content.recipe_card import SAME
from engine.settings import EngineSettings
from tests.bot.whole import Whole, last_said, whole

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(600),
]

PROMPT = "a red apple on a blue background --seed 7 --steps 4"


@pytest.fixture(autouse=True)
def decoded_here() -> None:
    """Pictures go through the sandbox here: some of them are made to hurt."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bot(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Whole]:
    engine = EngineSettings(devices=("cpu",), threads=1, deterministic=True, load_timeout_s=300.0)
    async with whole(Settings(data_dir=tmp_path_factory.mktemp("whole"), engine=engine)) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def grid(bot: Whole) -> tuple[Job, Any]:
    """A finished grid of ada's and its message."""
    return await bot.finished(await bot.ada.slash(bot.channel, "imagine", prompt=PROMPT))


def pixels(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def png(size: tuple[int, int], colour: str = "red") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return buffer.getvalue()


async def post_of(bot: Whole, grid: tuple[Job, Any], cell: int = 1) -> Any:
    job, message = grid
    shown = await bot.ada.click(message, custom_id=f"dr:u:{job.id}:{cell}")
    await bot.env.advance_time(2)
    return last_said(shown)


async def derive(bot: Whole, grid: tuple[Job, Any], what: str) -> Any:
    """Begin one of the ways to make a picture from cell 2 of the grid."""
    job, _ = grid
    post = await post_of(bot, grid)
    if what == "region":
        form = await bot.ada.click(post, custom_id=f"dr:vr:{job.id}:1")
        return await bot.ada.submit_modal(form, {"prompt": "a yellow moon", "ninths": ["0", "4"]})
    if what == "blend":
        pair = [("a.png", await bot.picture(job, 0)), ("b.png", png((80, 60), "green"))]
        return await bot.ada.slash(bot.channel, "blend", first=pair[0], second=pair[1], prompt="an apple --steps 4")
    return await bot.ada.click(post, custom_id=f"dr:{what}:{job.id}:1")


Derived = Callable[[str], Awaitable[tuple[Job, Any]]]


@pytest.fixture(scope="module")
def derived(bot: Whole, grid: tuple[Job, Any]) -> Derived:
    """One of the ways to make a picture from cell 2 of the grid, or the grid itself: drawn once, for all tests."""
    known = {"imagine": grid}

    async def drawn(what: str) -> tuple[Job, Any]:
        if what not in known:
            known[what] = await bot.finished(await derive(bot, grid, what))
        return known[what]

    return drawn


@pytest.mark.parametrize("what", ["imagine", "vs", "vt", "region", "z20", "pr", "us", "uc", "blend"])
async def test_made_again_from_its_recipe_a_picture_is_bit_identical(bot: Whole, derived: Derived, what: str) -> None:
    first, message = await derived(what)
    card = await bot.bo.click(message, custom_id=f"dr:i:{first.id}:0")
    answer = last_said(card)
    assert answer is not None and answer.ephemeral
    assert answer.embeds[0].footer.text == SAME
    said = {field.name: field.value for field in answer.embeds[0].fields}
    assert said["Device"] == "cpu" and "CPU time" in said
    drawn = {"Seed", "Sampler"} & said.keys()
    assert drawn == (set() if what == "us" else {"Seed", "Sampler"}), "an enlargement draws nothing"
    assert what == "us" or said["Seed"] == str(first.spec.seed)

    again, _ = await bot.finished(await bot.bo.click(answer, label="Make it again"))

    assert again.id != first.id and again.parent_id is not None
    cells = await bot.app.client.services.jobs.cells(first.id)
    assert len(cells) == first.spec.count
    for cell in cells:
        before, after = [pixels(await bot.picture(job, cell.cell)) for job in (first, again)]
        assert before.shape == after.shape and np.array_equal(before, after)


async def test_a_region_leaves_every_other_pixel_alone(bot: Whole, grid: tuple[Job, Any], derived: Derived) -> None:
    job, _ = await derived("region")
    before, after = pixels(await bot.picture(grid[0], 1)), pixels(await bot.picture(job, 0))
    height, width = before.shape[:2]
    outside = np.ones((height, width), dtype=bool)
    outside[: height // 3, : width // 3] = False
    outside[height // 3 : height * 2 // 3, width // 3 : width * 2 // 3] = False
    assert np.array_equal(before[outside], after[outside]) and not np.array_equal(before, after)


@pytest.mark.parametrize("what", ["z15", "z20", "pl", "pr", "pu", "pd"])
async def test_a_larger_canvas_shows_no_seam(bot: Whole, grid: tuple[Job, Any], derived: Derived, what: str) -> None:
    """The steepest line of pixels anywhere is not much steeper than the steepest one inside the picture itself."""
    job, _ = await derived(what)
    source, drawn = pixels(await bot.picture(grid[0], 1)), pixels(await bot.picture(job, 0))
    zoom = {"z15": 1.5, "z20": 2.0}.get(what, 1.0)
    grown = {"pl": (256, 384), "pr": (256, 384), "pu": (384, 256), "pd": (384, 256)}.get(what, (256, 256))
    assert drawn.shape[:2] == grown
    # Shrunken edges are steeper.
    assert steepest(drawn) <= 1.25 * zoom * steepest(source)


async def test_what_is_made_of_a_panned_picture_has_its_shape(bot: Whole) -> None:
    wide, message = await bot.finished(await bot.ada.slash(bot.channel, "imagine", prompt=f"{PROMPT} --ar 3:2"))
    post = await post_of(bot, (wide, message), 0)
    panned, reply = await bot.finished(await bot.ada.click(post, custom_id=f"dr:pr:{wide.id}:0"))
    varied, _ = await bot.finished(await bot.ada.click(reply, custom_id=f"dr:v:{panned.id}:0"))
    before, after = [pixels(await bot.picture(job)).shape for job in (panned, varied)]
    assert before[1] / before[0] == pytest.approx(after[1] / after[0], rel=0.1)


def steepest(picture: np.ndarray) -> float:
    """The largest mean step across any row or column: a seam is steep along its whole length."""
    lines = [np.abs(np.diff(picture.astype(float), axis=axis)).mean(axis=(1 - axis, 2)) for axis in (0, 1)]
    return float(max(line.max() for line in lines))


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few kilobytes that would unpack to that many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    packed = zlib.compress(b"\0" * min(30_000_000, (width * 3 + 1) * height), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def film() -> bytes:
    buffer = io.BytesIO()
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "blue")]
    frames[0].save(buffer, "WEBP", save_all=True, append_images=frames[1:])
    return buffer.getvalue()


BAD = {
    "text": (b"just some words", "no picture"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no picture"),
    "gif": (b"GIF89a" + b"\0" * 40, "PNG, JPEG"),
    "animated": (film(), "animated"),
    "100 megapixels": (bomb(10_000, 10_000), "25 megapixels"),
    "a bomb": (bomb(60_000, 60_000), "25 megapixels"),
    "cut off": (png((300, 300))[:120], "picture"),
    "too heavy": (b"\x89PNG\r\n\x1a\n" + b"\0" * (25 * 2**20 + 1), "25 MB"),
}


@pytest.mark.parametrize("what", BAD)
@pytest.mark.parametrize("where", ["image", "style_image", "describe", "blend", "menu", "mask"])
async def test_bad_pictures_are_refused_privately_and_uncharged(
    bot: Whole, grid: tuple[Job, Any], where: str, what: str
) -> None:
    content, word = BAD[what]
    bad = ("x.png", content)
    before = await jobs(bot)
    match where:
        case "describe":
            asked = await bot.ada.slash(bot.channel, "describe", image=bad)
        case "blend":
            asked = await bot.ada.slash(bot.channel, "blend", first=("a.png", png((64, 64))), second=bad)
        case "menu":
            message = await bot.bo.send(bot.channel, "look", attachments=[bad])
            asked = await bot.ada.context_menu(bot.channel, "Darkroom: upscale", message)
        case "mask":
            post = await post_of(bot, grid)
            form = await bot.ada.click(post, custom_id=f"dr:vr:{grid[0].id}:1")
            asked = await bot.ada.submit_modal(form, {"prompt": "a moon", "mask": [bad]})
        case option:
            asked = await bot.ada.slash(bot.channel, "imagine", prompt="a fox", **{option: bad})
    answer = last_said(asked)
    assert answer is not None and answer.ephemeral and word in answer.content, answer
    assert await jobs(bot) == before


@pytest.mark.parametrize(
    ("size", "menu", "word"), [((900, 20), "describe", "16 times"), ((4097, 800), "upscale", "4096 pixels")]
)
async def test_pictures_of_unusable_sizes_are_refused_uncharged(
    bot: Whole, size: tuple[int, int], menu: str, word: str
) -> None:
    before = await jobs(bot)
    message = await bot.bo.send(bot.channel, "look", attachments=[("x.png", png(size))])
    asked = await bot.ada.context_menu(bot.channel, f"Darkroom: {menu}", message)
    answer = last_said(asked)
    assert answer is not None and answer.ephemeral and word in answer.content
    assert await jobs(bot) == before


@pytest.mark.parametrize(
    ("mask", "word"), [((256, 64), "same shape"), ((256, 256), "nothing white")], ids=["another shape", "all black"]
)
async def test_wrong_masks_are_refused(bot: Whole, grid: tuple[Job, Any], mask: tuple[int, int], word: str) -> None:
    before = await jobs(bot)
    form = await bot.ada.click(await post_of(bot, grid), custom_id=f"dr:vr:{grid[0].id}:1")
    painted = ("mask.png", png(mask, "black" if word == "nothing white" else "white"))
    asked = await bot.ada.submit_modal(form, {"prompt": "a moon", "mask": [painted]})
    answer = last_said(asked)
    assert answer is not None and answer.ephemeral and word in answer.content
    assert await jobs(bot) == before


async def test_a_model_without_a_style_adapter_says_so_uncharged(bot: Whole) -> None:
    before = await jobs(bot)
    asked = await bot.ada.slash(bot.channel, "imagine", prompt="a fox", style_image=("a.png", png((64, 64))))
    answer = last_said(asked)
    assert answer is not None and answer.ephemeral and "pocket cannot follow a style picture" in answer.content
    kept = await bot.ada.slash(bot.channel, "style save", name="fog", picture=("a.png", png((64, 64))))
    answer = last_said(kept)
    assert answer is not None and answer.ephemeral and "no model here follows style pictures" in answer.content
    answer = last_said(await bot.ada.slash(bot.channel, "imagine", prompt="a fox --style fog"))
    assert answer is not None and answer.ephemeral and "known: none" in answer.content
    assert await jobs(bot) == before


@pytest.mark.parametrize("prompt", ["https://example.com/a.png a fox", "a fox --sref https://example.com/a.png"])
async def test_links_are_not_fetched(bot: Whole, prompt: str) -> None:
    asked = await bot.ada.slash(bot.channel, "imagine", prompt=prompt)
    answer = last_said(asked)
    assert answer is not None and answer.ephemeral and "upload th" in answer.content


async def jobs(bot: Whole) -> int:
    """How many jobs ada ever had."""
    return len(await bot.app.client.services.jobs.recent(bot.ada.id, 10_000))


async def test_a_kept_picture_is_shown_while_the_engine_is_busy(bot: Whole, grid: tuple[Job, Any]) -> None:
    job, message = grid
    asked = await bot.bo.slash(bot.channel, "imagine", prompt="a fox --steps 300")
    assert asked.response is not None
    shown = await bot.ada.click(message, custom_id=f"dr:u:{job.id}:2")
    answer = last_said(shown)
    assert answer is not None and answer.attachments
    busy, _ = await bot.app.client.services.jobs.at_message(asked.response.id)
    assert not busy.state.is_final, "nobody waited for it"
    await bot.bo.click(bot.message(asked.response.id), custom_id=f"dr:x:{busy.id}:0")
