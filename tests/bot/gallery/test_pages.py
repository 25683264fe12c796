"""Search, pages, likeness, downloads."""

from __future__ import annotations

import io
import re
from pathlib import Path
from urllib.parse import quote

from PIL import Image

from bot.gallery.views import PAGE
from tests.bot.gallery.hall import ADA, AGREES, BO, Hall, listed, png, visiting


async def test_words_are_found_by_their_beginnings(hall: Hall) -> None:
    fox, owl = await hall.hang("A red Fox, in the snow"), await hall.hang("Zwei Eulen über dem Café")
    japanese = await hall.hang("赤いりんごと青い空")
    async with visiting(hall) as visitor:
        for query, found in (
            ("fox", fox), ("RED fo", fox), ("uber cafe", owl), ("eul", owl), ("りんご", japanese), ("sno a", fox),
        ):  # fmt: skip
            assert listed((await visitor.get(f"/?q={quote(query)}")).text) == [found.id], query
        for query in ("now", "fox owl", "%", "_", "zebra"):
            page = await visitor.get(f"/?q={quote(query)}")
            if query in ("%", "_"):
                assert page.status == 200
            else:
                assert listed(page.text) == [] and "Nothing matches" in page.text


async def test_pages_follow_each_other_without_gaps(hall: Hall) -> None:
    made = [(await hall.hang(f"picture {number}")).id for number in range(PAGE + 3)][::-1]
    async with visiting(hall) as visitor:
        first = (await visitor.get("/")).text
        [older] = re.findall(r'rel="next" href="([^"]+)"', first)
        second = (await visitor.get(older.replace("&amp;", "&"))).text
    assert listed(first) == made[:PAGE] and listed(second) == made[PAGE:]
    assert 'rel="next"' not in second and ">Newest</a>" in second


async def test_one_members_pictures_are_a_page(hall: Hall) -> None:
    await hall.members.prefer(BO.id, AGREES)
    mine, theirs = await hall.hang("a fox"), await hall.hang("a fox", by=BO)
    async with visiting(hall) as visitor:
        assert listed((await visitor.get(f"/?by={ADA.id}")).text) == [mine.id]
        assert listed((await visitor.get(f"/?by={BO.id}&q=fox")).text) == [theirs.id]
        assert listed((await visitor.get("/?by=77")).text) == []


async def test_likeness_finds_pictures_of_the_same_look(hall: Hall) -> None:
    red = [await hall.hang(f"first {number}", colour="red") for number in range(2)]
    blue = await hall.hang("second", colour="blue")
    private = await hall.hang("third", colour="red", by=BO)
    async with visiting(hall) as visitor:
        page = (await visitor.get(f"/p/{red[0].id}/1/alike")).text
        found = re.findall(r'<li><a href="/p/(\w+)/1"', page)
        assert found == [red[1].id, blue.id] and private.id not in page
        words = (await visitor.get("/?q=a+plain+colour&way=look")).text
        assert set(re.findall(r'<li><a href="/p/(\w+)/1"', words)) == {red[0].id, red[1].id, blue.id}


async def test_a_download_is_the_original_with_its_name(hall: Hall) -> None:
    job = await hall.hang(pictures=[png("red"), png("blue", 700)])
    async with visiting(hall) as visitor:
        full = await visitor.get(f"/full/{job.id}/2.png?download")
        assert full.content == png("blue", 700) and full.headers["Content-Type"] == "image/png"
        assert full.headers["Content-Disposition"] == f'attachment; filename="darkroom-{job.id}-2.png"'
        small = await visitor.get(f"/small/{job.id}/2.webp")
        assert Image.open(io.BytesIO(small.content)).size == (448, 448)
        assert (await visitor.get(f"/small/{job.id}/3.webp")).status == 404


async def test_a_lost_file_is_said_and_harms_nothing(hall: Hall) -> None:
    job, whole = await hall.hang(), await hall.hang()
    await hall.pictures.delete(f"jobs/{job.id}/0.png")
    async with visiting(hall) as visitor:
        for door in (f"/small/{job.id}/1.webp", f"/full/{job.id}/1.png", f"/p/{job.id}/1/alike"):
            answer = await visitor.get(door)
            assert answer.status == 404 and "lost" in answer.text
        assert listed((await visitor.get("/")).text) == [whole.id, job.id]


async def test_its_own_file_is_made_again_when_broken(hall: Hall, tmp_path: Path) -> None:
    job = await hall.hang()
    (tmp_path / "gallery.sqlite3").write_bytes(b"no database " * 1000)
    async with visiting(hall) as visitor:
        assert (await visitor.get(f"/small/{job.id}/1.webp")).status == 200
    async with visiting(hall) as visitor:  # vectors are remembered
        assert len(visitor.gallery.likeness) == 1
