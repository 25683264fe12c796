"""Signing in with Discord, and what one sees then: one's own pictures, and nobody else's."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from bot.domain.model import JobSpec, JobState, Options, Place, Preferences, Verb
from bot.gallery import own
from bot.gallery.views import PAGE
from tests.bot.gallery.discord_stand_in import CLIENT_ID, SECRET, DiscordStandIn, discord
from tests.bot.gallery.hall import ADA, BO, Answer, Hall, Visitor, listed, visiting


@asynccontextmanager
async def beside_discord(hall: Hall) -> AsyncIterator[tuple[Visitor, DiscordStandIn]]:
    async with (
        discord() as stand_in,
        visiting(hall, client_id=CLIENT_ID, client_secret=SECRET, discord=stand_in.origin) as visitor,
    ):
        yield visitor, stand_in


async def sign_in(visitor: Visitor, after: str = "/mine") -> Answer:
    """As a browser follows: to Discord, back, and to the page."""
    answer = await visitor.get(f"/sign-in?after={after}")
    while answer.status in (302, 303):
        answer = await visitor.get(answer.headers["Location"])
    return answer


async def test_the_owner_sees_what_is_private(hall: Hall) -> None:
    await hall.members.prefer(ADA.id, Preferences())
    direct = Place(guild_id=None, channel_id=99)
    mine = [await hall.hang("mine alone"), await hall.hang("in a direct message", place=direct)]
    theirs = await hall.hang("bo's business", by=BO)
    async with beside_discord(hall) as (visitor, stand_in):
        assert (await visitor.get("/mine")).status == 403
        page = await sign_in(visitor)
        assert page.status == 200 and "Ada L." in page.text and page.text.count("Only you") > 2
        for job in mine:
            assert job.id in page.text
            for door in (f"/p/{job.id}", f"/small/{job.id}/1.webp", f"/full/{job.id}/1.png", f"/p/{job.id}/1/alike"):
                answer = await visitor.get(door)
                assert answer.status == 200 and answer.headers["Cache-Control"] == "no-store", door
            assert job.id not in (await visitor.get("/")).text
        assert theirs.id not in page.text and (await visitor.get(f"/p/{theirs.id}")).status == 404
        assert stand_in.tokens == set(), "the token was revoked"


async def test_ones_own_are_searched_by_words(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own, "BATCH", 4)
    await hall.members.prefer(ADA.id, Preferences())
    direct = Place(guild_id=None, channel_id=99)
    foxes = [(await hall.hang(f"a red fox {number}", place=direct)).id for number in range(PAGE + 2)]
    owl, theirs = await hall.hang("An Öwl at night", place=direct), await hall.hang("bo's fox", by=BO)
    async with beside_discord(hall) as (visitor, _):
        await sign_in(visitor)
        assert listed((await visitor.get("/mine?q=owl")).text) == [owl.id]
        first = (await visitor.get("/mine?q=fox")).text
        assert listed(first) == foxes[::-1][:PAGE] and theirs.id not in first
        [older] = re.findall(r'rel="next" href="([^"]+)"', first)
        assert listed((await visitor.get(older.replace("&amp;", "&"))).text) == foxes[::-1][PAGE:]
        assert listed((await visitor.get(f"/mine?q=fox+{PAGE + 1}")).text) == [foxes[-1]]
        nothing = await visitor.get("/mine?q=zebra%25'--")
        assert nothing.status == 200 and "Nothing of yours matches" in nothing.text
        assert (await visitor.get("/mine?q=" + "x" * 201)).status == 400


async def test_what_even_its_owner_may_not_see(hall: Hall) -> None:
    sealed = JobSpec(verb=Verb.IMAGINE, options=Options(prompt="dealt"), seed=1, count=1, sealed=True)
    kept = [await hall.hang(spec=sealed), await hall.hang(state=JobState.REVIEW)]
    async with beside_discord(hall) as (visitor, _):
        page = await sign_in(visitor)
        for job in kept:
            assert job.id not in page.text and (await visitor.get(f"/full/{job.id}/1.png")).status == 404


async def test_signing_out_ends_it_and_only_from_here(hall: Hall) -> None:
    async with beside_discord(hall) as (visitor, _):
        await sign_in(visitor)
        assert (await visitor.post("/sign-out", Origin="https://evil.example")).status == 403
        assert (await visitor.post("/sign-out", Sec_Fetch_Site="cross-site")).status == 403
        assert (await visitor.get("/mine")).status == 200
        assert (await visitor.post("/sign-out", Sec_Fetch_Site="same-origin")).status == 303
        assert (await visitor.get("/mine")).status == 403


async def test_cookies_are_out_of_reach(hall: Hall) -> None:
    async with beside_discord(hall) as (visitor, _):
        begun = await visitor.get("/sign-in")
        back = await visitor.get(begun.headers["Location"])
        done = await visitor.get(back.headers["Location"])
        for answer, name in ((begun, "darkroom_state"), (done, "darkroom_session")):
            [cookie] = [each for each in answer.headers.getall("Set-Cookie") if each.startswith(f"{name}=")]
            assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Path=/" in cookie and "Domain" not in cookie
        assert "Ada" not in str(done.headers)
    plan = {"client_id": CLIENT_ID, "client_secret": SECRET, "url": "https://gallery.example.org"}
    async with visiting(hall, **plan) as visitor:
        begun = await visitor.get("/sign-in", Host="gallery.example.org")
        assert begun.headers["Set-Cookie"].startswith("__Host-darkroom_state=")
        assert "Secure" in begun.headers["Set-Cookie"]
        assert "redirect_uri=https://gallery.example.org/signed-in" in begun.headers["Location"]


async def test_a_state_of_another_browser_is_refused(hall: Hall) -> None:
    async with beside_discord(hall) as (visitor, _), visiting(hall) as other:
        theirs = await visitor.get((await visitor.get("/sign-in")).headers["Location"])
        link = theirs.headers["Location"]
        other.base = visitor.base
        refused = await other.get(link)
        assert refused.status == 400 and "begun in another browser" in refused.text
        assert (await visitor.get(link)).status == 303
        again = await visitor.get(link)
        assert again.status == 400, "a state is used once"


async def test_a_late_or_guessed_return_is_refused(hall: Hall) -> None:
    async with beside_discord(hall) as (visitor, _):
        link = (await visitor.get((await visitor.get("/sign-in")).headers["Location"])).headers["Location"]
        hall.now += timedelta(minutes=11)
        assert (await visitor.get(link)).status == 400
        for guessed in ("/signed-in", "/signed-in?code=x", "/signed-in?state=&code=x", "/signed-in?state=x&code=x"):
            assert (await visitor.get(guessed)).status == 400


async def test_a_session_ends_after_a_week(hall: Hall) -> None:
    async with beside_discord(hall) as (visitor, _):
        await sign_in(visitor)
        hall.now += timedelta(days=8)
        assert (await visitor.get("/mine")).status == 403


@pytest.mark.parametrize("fault", ["token", "nonsense", "person", "no"])
async def test_discord_says_no_or_nonsense(hall: Hall, fault: str) -> None:
    async with beside_discord(hall) as (visitor, stand_in):
        stand_in.fault, stand_in.agrees = fault, fault != "no"
        if fault == "person":
            stand_in.person = {"id": "nobody"}
        answer = await sign_in(visitor)
        assert answer.status in (403, 502) and "Discord" in answer.text
        assert (await visitor.get("/mine")).status == 403


@pytest.mark.parametrize("after", ["https://evil.example", "//evil.example", "/%5Cevil.example", "javascript:alert(1)"])
async def test_it_leads_back_to_this_page_only(hall: Hall, after: str) -> None:
    async with beside_discord(hall) as (visitor, _):
        begun = await visitor.get(f"/sign-in?after={after}")
        back = await visitor.get(begun.headers["Location"])
        assert (await visitor.get(back.headers["Location"])).headers["Location"] == "/"


async def test_without_a_secret_nobody_signs_in(visitor: Visitor) -> None:
    answer = await visitor.get("/sign-in")
    assert answer.status == 404 and "client_secret" in answer.text
    assert "Sign in" not in (await visitor.get("/")).text
