"""Styles kept by name: saved, listed, drawn with, refused, taken away; what was made with them stays."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.domain.model import Job
from bot.store.members.kept_styles import StylePicture
from tests.bot.archives import exported
from tests.bot.court import Court, said
from tests.bot.painted import painted
from tests.bot.scripted import png

FOX = "a fox --style fog"


async def saved(court: Court, actor: Any, name: str = "fog", *colours: str, **more: Any) -> str:
    slots = ("picture", "second", "third")
    pictures = {slot: (f"{slot}.png", png(colour)) for slot, colour in zip(slots, colours or ("red",), strict=False)}
    return await court.say(actor, "style save", name=name, **pictures, **more)


async def drawn(court: Court, actor: Any, prompt: str = FOX) -> tuple[Job, Any]:
    """The job, and what the engine was asked for."""
    job = await court.imagine(actor, prompt)
    return job, court.engine.streams[-1].request


def uploads(court: Court) -> list[Path]:
    return [path for path in (court.folder / "pictures" / "uploads").rglob("*") if path.is_file()]


async def test_pictures_are_kept_with_weights_and_drawn_with(court: Court) -> None:
    told = await saved(court, court.ada, "Fog", "red", "blue", weights="2, 0.5")
    assert "fog" in told and "2 pictures (2 : 0.5)" in told and "--style fog" in told
    await court.restart()
    job, request = await drawn(court, court.ada, "a fox --style FOG --sw 300")
    assert [each.weight for each in request.style_images] == [2.0, 0.5] and request.style_weight == 300
    assert len({each.image for each in request.style_images}) == 2 and request.prompt == "a fox"
    assert "--style fog --sw 300" in court.messages[-1].content and job.spec.options.kept_style is not None


async def test_an_uploaded_style_picture_goes_beside_a_kept_one(court: Court) -> None:
    await saved(court, court.ada)
    await court.ada.slash(court.channel, "imagine", prompt=FOX, style_image=("a.png", png("green")))
    await court.draw()
    assert len(court.engine.streams[-1].request.style_images) == 2


async def test_one_list_of_the_hosts_ones_own_and_the_servers(court: Court) -> None:
    await saved(court, court.ada)
    await saved(court, court.mo, "ink", "blue", everybody=True)
    await saved(court, court.mo, "secret", "green")
    listed = await court.say(court.ada, "style list")
    assert "--style fog` 1 picture, yours" in listed and "--style ink` 1 picture, of this server" in listed
    assert "secret" not in listed
    for command, option in (("imagine", "style"), ("style show", "name"), ("style rm", "name")):
        offered = await court.ada.autocomplete(court.channel, command, option, "")
        assert {choice["value"] for choice in offered} == {"fog", "ink"}
    shown = await court.bo.slash(court.channel, "style show", name="ink")
    assert "for everybody here" in said(shown) and shown.response is not None and shown.response.attachments
    assert "there is no such style; known: ink" in await court.say(court.bo, "style show", name="fog"), (
        "others' own styles are not told"
    )


async def test_moderators_keep_styles_for_everybody(court: Court) -> None:
    await court.allow("style", court.bo)
    assert "moderators" in await saved(court, court.bo, everybody=True)
    assert not (await court.newest()).done
    await saved(court, court.mo, "fog", "blue", everybody=True)
    assert (await court.newest()).action == "style save"
    _, theirs = await drawn(court, court.bo)
    await saved(court, court.bo, "fog", "red")
    _, own = await drawn(court, court.bo)
    assert theirs.style_images != own.style_images, "one's own goes before the server's"

    assert "removed" in await court.say(court.bo, "style rm", name="fog")
    assert "moderators" in await court.say(court.bo, "style rm", name="fog")
    assert "removed" in await court.say(court.mo, "style rm", name="FOG")
    assert (await court.newest()).action == "style rm"
    assert "there is no such style; known: none" in said(await court.bo.slash(court.channel, "imagine", prompt=FOX))


async def test_none_is_kept_where_no_model_follows_it(court: Court) -> None:
    court.switch.followers = ()
    told = await saved(court, court.ada)
    assert "no model here follows style pictures" in told and "style_adapter" in told and "/set save" in told
    assert "No styles" in await court.say(court.ada, "style list") and uploads(court) == []


async def test_the_flag_that_it_takes_is_told(court: Court) -> None:
    assert "`a red fox --style fog`" in await saved(court, court.ada)
    court.switch.followers = ("sdxl",)
    assert "`a red fox --style fog --model sdxl`" in await saved(court, court.ada)
    await court.say(court.ada, "settings", model="sdxl")
    assert "`a red fox --style fog`" in await saved(court, court.ada)


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"name": "../etc"}, "letters"), ({"name": "a b"}, "letters"), ({"weights": "1"}, "1 weights for 2"),
        ({"weights": "1, 0"}, "0.1 to 10"), ({"weights": "much, more"}, "0.1 to 10"),
        ({"second": ("x.png", b"no picture")}, "no picture"), ({"picture": ("x.png", png("black"))}, "picture check"),
    ],
)  # fmt: skip
async def test_what_cannot_be_kept_is_refused(court: Court, wrong: dict[str, Any], word: str) -> None:
    good = {"name": "fog", "picture": ("a.png", png("red")), "second": ("b.png", png("blue"))}
    assert word in await court.say(court.ada, "style save", **{**good, **wrong})
    assert "No styles" in await court.say(court.ada, "style list")


async def test_words_that_are_refused_are_no_names(court: Court) -> None:
    await court.say(court.mo, "mod words add", pattern="slur")
    assert "✅" not in await saved(court, court.ada, "slur")


async def test_the_twenty_sixth_is_refused_and_a_new_one_replaces(court: Court) -> None:
    await saved(court, court.ada, "s24")
    [key] = [f"uploads/{path.name}" for path in uploads(court)]
    for number in range(24):
        await court.client.services.kept_styles.save(f"s{number}", [StylePicture(key, 1.0, 100)], court.ada.id)
    assert "25" in await saved(court, court.ada, "s25")
    assert "✅" in await saved(court, court.ada, "s24", "blue")
    assert len(uploads(court)) == 2


async def test_what_is_asked_wrongly_is_said_and_costs_nothing(court: Court) -> None:
    await court.say(court.mo, "quota set", window="day", amount=40.0)
    await saved(court, court.ada)
    for prompt, word in (
        ("a fox --style mist", "known: fog"), ("a fox --sw 100", "weight of style pictures"),
        ("a fox --sw 1001", "0 to 1000"), ("a fox --sw strong", "0 to 1000"),
    ):  # fmt: skip
        assert word in said(await court.ada.slash(court.channel, "imagine", prompt=prompt))
    what = {"what": "a fox --style fog", "picture": ("a.png", png("red"))}
    assert "edit follows no style" in said(await court.ada.slash(court.channel, "edit", **what))
    assert "0 of 40 pictures" in await court.say(court.ada, "info me")


async def test_what_was_made_keeps_its_pictures_when_the_name_is_gone(court: Court) -> None:
    await saved(court, court.ada)
    job, first = await drawn(court, court.ada)
    await court.say(court.ada, "style rm", name="fog")
    await saved(court, court.bo, "fog", "blue")
    grid = court.message(job.reply.message_id or 0)
    for label in ("V1", "🔄"):
        await court.bo.click(grid, **({"label": label} if label == "V1" else {"custom_id": f"dr:r:{job.id}:0"}))
        await court.draw()
        assert court.engine.streams[-1].request.style_images == first.style_images
    await court.say(court.bo, "settings", remix=True)
    form = await court.bo.click(grid, label="V2")
    await court.bo.submit_modal(form, {"prompt": "a hen --style fog"})
    await court.draw()
    assert court.engine.streams[-1].request.style_images == first.style_images, "as the prompt it came from meant"


async def test_retention_takes_jobs_and_leaves_kept_pictures(court: Court) -> None:
    await saved(court, court.ada)
    await drawn(court, court.ada)
    retention = court.client.services.records._retention
    await retention.purge(court.now() + timedelta(days=1), court.guild.id)
    await retention.sweep(court.now() + timedelta(days=3))
    assert len(uploads(court)) == 1
    _, request = await drawn(court, court.ada)
    assert len(request.style_images) == 1
    await court.say(court.ada, "style rm", name="fog")
    assert len(uploads(court)) == 1, "the job still needs it"
    await retention.purge(court.now() + timedelta(days=1), court.guild.id)
    assert uploads(court) == []


async def test_deleting_takes_kept_pictures_back_everywhere(court: Court) -> None:
    await saved(court, court.mo, everybody=True)
    job, _ = await drawn(court, court.bo)
    await court.say(court.mo, "privacy delete", confirm="delete everything")
    assert uploads(court) == [] and "No styles" in await court.say(court.bo, "style list")
    grid = court.message(job.reply.message_id or 0)
    assert "has deleted it" in said(await court.bo.click(grid, custom_id=f"dr:r:{job.id}:0"))


async def test_an_export_holds_the_kept_pictures(court: Court) -> None:
    await saved(court, court.ada, "fog", "red", "blue")
    names, rows = await exported(court, court.ada)
    assert len(names) == 2 and [row["name"] for row in rows["kept_styles"]] == ["fog", "fog"]
    names, rows = await exported(court, court.bo)
    assert names == [] and rows["kept_styles"] == []


async def by_ada(court: Court, share: str) -> tuple[Job, tuple[str, bytes]]:
    """A picture of ada's, as a file, and what she says to others."""
    await court.say(court.ada, "privacy consent", share=share)
    return await court.imagine(court.ada, picture=painted(1)), ("again.jpg", painted(1, quality=90))


@pytest.mark.parametrize(("share", "word"), [("me", "keeps this to themselves"), ("ask", "asked each time")])
async def test_a_known_picture_takes_its_makers_yes_to_be_kept(court: Court, share: str, word: str) -> None:
    _, again = await by_ada(court, share)
    assert word in await court.say(court.bo, "style save", name="fog", picture=again)
    assert "✅" in await court.say(court.ada, "style save", name="fog", picture=again)


async def test_a_maker_who_says_no_later_is_heard(court: Court) -> None:
    _, again = await by_ada(court, "all")
    assert "✅" in await court.say(court.bo, "style save", name="fog", picture=again)
    await drawn(court, court.bo)
    await court.say(court.ada, "privacy consent", share="me")
    assert "keeps this" in said(await court.bo.slash(court.channel, "imagine", prompt=FOX))
    await court.say(court.ada, "privacy consent", share="ask")
    assert "wants to be asked" in said(await court.bo.slash(court.channel, "imagine", prompt=FOX))


async def test_a_known_picture_as_style_picture_takes_a_yes_too(court: Court) -> None:
    _, again = await by_ada(court, "me")
    assert "keeps this" in said(await court.bo.slash(court.channel, "imagine", prompt="a fox", style_image=again))


async def test_a_quarantined_picture_is_in_no_style(court: Court) -> None:
    job, again = await by_ada(court, "all")
    assert "✅" in await court.say(court.bo, "style save", name="fog", picture=again)
    await court.say(court.mo, "mod quarantine add", job=job.id)
    assert "moderator has hidden" in said(await court.bo.slash(court.channel, "imagine", prompt=FOX))


async def test_a_larger_picture_is_made_without_the_style(court: Court) -> None:
    await saved(court, court.ada)
    job, _ = await drawn(court, court.ada)
    post = (await court.ada.click(court.message(job.reply.message_id or 0), label="U1")).response
    await court.ada.click(post, label="Upscale (subtle)")
    larger = await court.draw()
    assert larger.spec.options.kept_style is None and court.engine.streams[-1].request.style_images == ()
