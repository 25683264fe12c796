from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

import discord
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from PIL import Image

from bot.errors import BadPicture
from bot.ui.pictures.compositing import Drawing
from bot.ui.pictures.uploads import Download, Intake
from engine.pictures.images import open_picture
from tests.bot.scripted import MemoryPictures, png, webp
from tests.picture_files import encoded


@pytest.fixture
async def cdn() -> AsyncIterator[TestServer]:
    """A CDN on loopback with well-behaved and nasty addresses."""

    async def picture(_: web.Request) -> web.Response:
        return web.Response(body=png())

    async def redirect(request: web.Request) -> web.Response:
        raise web.HTTPFound("/picture.png")

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 65536)

    async def silent(_: web.Request) -> web.Response:
        await asyncio.sleep(60)
        return web.Response()

    app = web.Application()
    for path, answer in {
        "/picture.png": picture, "/redirect": redirect, "/endless": endless, "/silent": silent,
    }.items():  # fmt: skip
        app.router.add_get(path, answer)
    server = TestServer(app)
    await server.start_server()
    yield server
    await server.close()


@pytest.mark.parametrize(
    ("answers", "why"), [((503, 0, 200), ""), ((429,) * 9, "could not be"), ((404, 200), "longer")]
)
async def test_a_line_that_fails_for_a_moment_costs_no_picture(
    answers: tuple[int, ...], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.ui.pictures.uploads.AGAIN_S", 0.0)
    left = iter(answers)

    async def answer(request: web.Request) -> web.Response:
        if not (status := next(left)) and request.transport is not None:
            request.transport.abort()
        return web.Response(body=png(), status=status or 200)

    app = web.Application()
    app.router.add_get("/picture.png", answer)
    async with TestServer(app) as server:
        fetched = Download({f"http://{server.host}:{server.port}"}).fetch(str(server.make_url("/picture.png")))
        if not why:
            assert await fetched == png()
            return
        with pytest.raises(BadPicture, match=why):
            await fetched


async def test_the_allowed_origin_is_fetched(cdn: TestServer) -> None:
    download = Download({f"http://{cdn.host}:{cdn.port}"})
    assert await download.fetch(str(cdn.make_url("/picture.png"))) == png()


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/a.png",
        "http://cdn.discordapp.com/a.png",
        "https://cdn.discordapp.com.evil.example/a.png",
        "https://cdn.discordapp.com@evil.example/a.png",
        "https://cdn.discordapp.com:8443/a.png",
        "file:///etc/passwd",
        "https://169.254.169.254/latest",
    ],
)
async def test_other_origins_are_not_even_asked(url: str) -> None:
    with pytest.raises(BadPicture, match="uploaded to Discord"):
        await Download({"https://cdn.discordapp.com"}).fetch(url)


@pytest.mark.parametrize("path", ["/redirect", "/missing", "/endless", "/silent"])
async def test_redirects_and_missing_or_endless_answers_are_refused(cdn: TestServer, path: str) -> None:
    download = Download({f"http://{cdn.host}:{cdn.port}"}, max_bytes=200_000, timeout_s=0.5)
    with pytest.raises(BadPicture):
        await download.fetch(str(cdn.make_url(path)))


@pytest.fixture
def intake():
    with ThreadPoolExecutor(1) as executor:
        yield Intake(discord.Attachment.read, Drawing(executor), MemoryPictures())


async def test_what_is_kept_is_a_plain_png_under_its_content(intake: Intake) -> None:
    first, second = await intake.keep(webp("red")), await intake.keep(webp("red"))
    assert first == second and first.startswith("uploads/")
    assert open_picture(intake._pictures.held[first]).getpixel((0, 0))[0] > 200


@pytest.mark.parametrize("format_", ["HEIF", "AVIF"])
async def test_what_phones_write_is_kept_as_a_plain_png(intake: Intake, format_: str) -> None:
    kept = await intake.keep(encoded(Image.new("RGB", (64, 48), "red"), format_))
    assert open_picture(intake._pictures.held[kept]).size == (64, 48) and kept.endswith(".png")


async def test_huge_and_animated_pictures_are_refused_with_the_limit(intake: Intake, tmp_path) -> None:
    big, film = tmp_path / "big.png", tmp_path / "film.webp"
    Image.new("1", (9000, 9000)).save(big)
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(film, save_all=True, append_images=frames[1:])
    for path, word in ((big, "25 megapixels"), (film, "animated")):
        with pytest.raises(BadPicture, match=word):
            await intake.keep(path.read_bytes())
