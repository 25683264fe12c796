"""What people try: guessed ids, tricks in paths and headers, huge queries, a crowd."""

from __future__ import annotations

import asyncio

import pytest

from bot.errors import ConfigError
from bot.gallery import guard
from bot.gallery.server import serve
from bot.store.database import Database
from tests.bot.gallery.hall import BO, Hall, Visitor, visiting

PATHS = (
    "/p/aaaaaaaaaa", "/p/AAAA", "/p/..%2f..%2fetc%2fpasswd", "/full/../darkroom.sqlite3", "/full/%2e%2e/1.png",
    "/full/a/0.png", "/full/a/100.png", "/small/a%00b/1.webp", "/static/x/..%2fserver.py", "/static/x/gallery.html",
    "/static/../../../etc/passwd", "//example.org/", "/p/a'%20OR%201=1--", "/healthz/x", "/full/a/1.png.exe",
)  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
async def test_no_path_leads_anywhere_else(visitor: Visitor, path: str) -> None:
    answer = await visitor.get(path)
    assert answer.status in (400, 404), answer.status
    assert "root:" not in answer.text and "SQLite" not in answer.text and "Traceback" not in answer.text


async def test_a_private_picture_looks_like_none(hall: Hall, visitor: Visitor) -> None:
    private = await hall.hang("nobody's business", by=BO)
    for shape in ("/p/{}", "/p/{}/1", "/p/{}/1/alike", "/small/{}/1.webp", "/full/{}/1.png"):
        real, guessed = await visitor.get(shape.format(private.id)), await visitor.get(shape.format("aaaaaaaaaa"))
        assert real.status == guessed.status == 404
        assert real.text == guessed.text and "or it is not for you" in real.text


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("q=" + "x" * 201, "at most 200 characters"),
        ("way=magic", "by their words or by their look"),
        ("by=ada", "no such member"),
        ("by=" + "9" * 30, "no such member"),
        ("after=yesterday", "no such page"),
        ("after=" + "9" * 18 + "-a", "no such page"),
        ("after=-1-a", "no such page"),
    ],
)
async def test_what_is_not_understood_is_refused_in_words(visitor: Visitor, query: str, why: str) -> None:
    answer = await visitor.get(f"/?{query}")
    assert answer.status == 400 and why in answer.text


async def test_a_huge_query_is_cut_off(visitor: Visitor) -> None:
    assert (await visitor.get("/?q=" + "x" * 100_000)).status in (400, 414)


async def test_a_far_future_cursor_is_an_ordinary_page(hall: Hall, visitor: Visitor) -> None:
    assert (await visitor.get("/?after=" + "9" * 17 + "-a")).status == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1", "localhost:1", "127.0.0.1.evil.example", "", "a@127.0.0.1"]
)
async def test_another_host_name_is_refused(hall: Hall, visitor: Visitor, host: str) -> None:
    answer = await visitor.get("/", Host=host)
    assert answer.status in (400, 421) and "fox" not in answer.text


async def test_behind_a_proxy_its_address_counts(hall: Hall) -> None:
    async with visiting(hall, url="https://gallery.example.org") as visitor:
        assert (await visitor.get("/", Host="gallery.example.org")).status == 200
        assert (await visitor.get("/", Host="Gallery.Example.org")).status == 200
        assert (await visitor.get("/", Host="gallery.example.org:8080")).status == 421
        forwarded = await visitor.get("/", Host="evil.example", X_Forwarded_Host="gallery.example.org")
        assert forwarded.status == 421


async def test_a_hundred_at_once_are_all_answered(hall: Hall) -> None:
    job = await hall.hang("a fox", count=4)
    async with visiting(hall) as visitor:
        doors = ("/", "/?q=fox", f"/p/{job.id}", f"/small/{job.id}/1.webp", f"/full/{job.id}/1.png")
        answers = await asyncio.gather(*(visitor.get(doors[number % 5]) for number in range(100)))
    assert {answer.status for answer in answers} == {200}


async def test_more_than_can_wait_are_sent_away(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "MOST_WAITING", 0)
    async with visiting(hall) as visitor:
        answer = await visitor.get("/")
    assert answer.status == 503 and answer.headers["Retry-After"] == "5" and "Too many people" in answer.text


async def test_words_of_members_are_never_markup(hall: Hall) -> None:
    evil = '<script>alert(1)</script>"><img src=x onerror=alert(1)>'
    job = await hall.hang(evil)
    async with visiting(hall) as visitor:
        pages = [await visitor.get(path) for path in ("/", f"/p/{job.id}", "/?q=%3Cscript%3E", f"/p/{job.id}/1/alike")]
    for page in pages:
        assert page.status == 200 and "<script" not in page.text and "onerror=alert(1)>" not in page.text


async def test_headers_forbid_scripts_frames_and_keeping(hall: Hall, visitor: Visitor) -> None:
    for path in ("/", "/nope", "/static/x/gallery.css", "/sign-in"):
        answer = await visitor.get(path)
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "script-src" not in policy and "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy and answer.headers["X-Content-Type-Options"] == "nosniff"
    page = await visitor.get("/")
    assert page.headers["Cache-Control"] == "no-store" and " style=" not in page.text and "<script" not in page.text


async def test_other_methods_are_refused(visitor: Visitor) -> None:
    assert (await visitor.post("/")).status == 403
    own = f"http://127.0.0.1:{visitor.gallery.port}"
    assert (await visitor.post("/", Origin=own)).status == 405


async def test_a_database_of_another_version_is_named(hall: Hall) -> None:
    async with hall.database.write() as connection:
        await connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0010'")
    with pytest.raises(ConfigError, match=r"of another version.*start the bot of this version first"):
        async with serve(hall.plan):
            pass


async def test_a_taken_port_and_a_missing_database_are_named(hall: Hall, visitor: Visitor) -> None:
    with pytest.raises(ConfigError, match=r"operation.gallery.port.*cannot be used"):
        async with serve(hall.plan.model_copy(update={"port": visitor.gallery.port})):
            pass
    missing = f"sqlite+aiosqlite:///{hall.folder / 'missing.sqlite3'}"
    with pytest.raises(ConfigError, match="is not there yet"):
        async with serve(hall.plan.model_copy(update={"database": missing})):
            pass
    assert not (hall.folder / "missing.sqlite3").exists()


async def test_it_cannot_write_into_the_bots_database(hall: Hall) -> None:
    opened = await Database.look(str(hall.database.url))
    with pytest.raises(Exception, match="the database failed"):
        async with opened.write() as connection:
            await connection.exec_driver_sql("DELETE FROM jobs")
    await opened.close()
