"""`__NAME__` and `{a|b}` through the command, with the host's files as they lie there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bot.store.wildcards import MAX_BYTES, WildcardLists
from tests.bot.court import Court, said
from tests.bot.scripted import png


@pytest.fixture
def folder(court: Court, tmp_path: Path) -> Path:
    folder = tmp_path / "wildcards"
    (folder / "sub").mkdir(parents=True)
    (folder / "animal.txt").write_text("# animals\nred fox\n\n", "utf-8")
    court.client.services = replace(court.client.services, wildcards=WildcardLists(folder))
    return folder


async def test_a_line_is_chosen_and_the_recipe_names_it(court: Court, folder: Path) -> None:
    job = await court.imagine(court.ada, "a __animal__ in {snow|snow} --seed 7")
    assert job.spec.options.prompt == "a red fox in snow"
    assert "a red fox in snow" in court.messages[-1].content


async def test_a_changed_or_new_file_counts_at_once(court: Court, folder: Path) -> None:
    await court.imagine(court.ada, "a __animal__")
    (folder / "animal.txt").write_text("a very old hen\n", "utf-8")
    (folder / "sub" / "place.txt").write_text("on the moon\n", "utf-8")
    job = await court.imagine(court.ada, "__animal__ __sub/place__")
    assert job.spec.options.prompt == "a very old hen on the moon"


async def test_word_rules_look_at_what_was_chosen(court: Court, folder: Path) -> None:
    await court.say(court.mo, "mod words add", pattern="fox", label="no foxes")
    assert "no foxes" in said(await court.ada.slash(court.channel, "imagine", prompt="a __animal__"))


async def test_wrong_lists_are_said_and_start_nothing(court: Court, folder: Path) -> None:
    (folder / "loop.txt").write_text("a __loop__\n", "utf-8")
    (folder / "broken.txt").write_bytes(b"\xff\xfe\xff")
    (folder / "huge.txt").write_bytes(b"a\n" * MAX_BYTES)
    (folder.parent / "secret.txt").write_text("secret\n", "utf-8")
    (folder / "link.txt").symlink_to(folder.parent / "secret.txt")
    for name in ("loop", "broken", "huge", "link", "../secret", "none"):
        refused = said(await court.ada.slash(court.channel, "imagine", prompt=f"a __{name}__"))
        assert f"{name}__" in refused.replace("\\", "") and "secret\n" not in refused
    assert not await court.jobs.active()


async def test_sets_and_suffixes_choose_too(court: Court, folder: Path) -> None:
    assert "✅" in await court.say(court.ada, "set save", name="zoo", options="with a __animal__")
    assert "Suffix" in await court.say(court.ada, "settings", suffix="beside a __animal__")
    job = await court.imagine(court.ada, "a hen --set zoo")
    assert job.spec.options.prompt == "a hen with a red fox beside a red fox"
    asked = await court.ada.slash(court.channel, "imagine", prompt="a hen", negative="a __animal__")
    assert asked.followups == []
    assert (await court.draw()).spec.options.negative == "a red fox"


async def test_unknown_lists_and_choices_are_not_kept(court: Court, folder: Path) -> None:
    for options, word in (("a __none__", "there is no such list"), ("{red|blue}", "one prompt")):
        for command, what in (("set save", {"name": "zoo", "options": options}), ("settings", {"suffix": options})):
            assert word in await court.say(court.ada, command, **what)
    (folder / "animal.txt").unlink()
    assert "this host has no lists" in await court.say(court.ada, "set save", name="zoo", options="a __animal__")
    assert "no sets" in await court.say(court.ada, "set list")


NOTE = "is drawn as it stands: no list of that name is here."


async def test_a_host_without_lists_says_that_it_is_drawn_as_it_stands(court: Court, folder: Path) -> None:
    await court.say(court.mo, "quota set", window="day", amount=40.0)
    await court.say(court.ada, "set save", name="zoo", options="with a __animal__")
    (folder / "animal.txt").unlink()
    for number, prompt in enumerate(("a __animal__", "a fox --set zoo", "__animal__ and __animal__"), 1):
        asked = await court.ada.slash(court.channel, "imagine", prompt=prompt)
        [note] = asked.followups
        assert note.ephemeral and asked.response is not None and not asked.response.ephemeral
        assert note.content.replace("\\", "") == f"ℹ️ __animal__ {NOTE}"
        assert "__animal__" in (await court.draw()).spec.options.prompt
        assert f"{4 * number} of 40 pictures" in await court.say(court.ada, "info me")
    again = await court.ada.click(court.messages[-1], label="V1")
    assert again.followups == [], "nothing was typed"


async def test_of_several_jobs_it_is_said_with_the_question(court: Court, folder: Path) -> None:
    (folder / "animal.txt").unlink()
    asked = await court.ada.slash(court.channel, "imagine", prompt="a {__animal__, __bird__} in {snow, rain}")
    told = said(asked).replace("\\", "")
    assert "4 jobs" in told and "__animal__, __bird__ are drawn as they stand: no such lists are here." in told
    await court.ada.click(asked.response, label="Start all")
    assert len(await court.jobs.active()) == 4


async def test_many_combinations_are_refused_before_any_is_made(court: Court, folder: Path) -> None:
    prompt = " ".join(["{a, b, c, d, e, f, g, h, i, j}"] * 4)
    assert "10000" in said(await court.ada.slash(court.channel, "imagine", prompt=f"__animal__ {prompt}"))
    assert not await court.jobs.active()


async def test_every_way_to_write_a_prompt_chooses(court: Court, folder: Path) -> None:
    picture, words = ("a.png", png("red")), "a __animal__ in {snow|snow}"
    await court.ada.slash(court.channel, "edit", picture=picture, what=words)
    drawn = [await court.draw()]
    await court.ada.slash(court.channel, "blend", first=picture, second=("b.png", png("blue")), prompt=words)
    drawn.append(await court.draw())
    posted = await court.ada.send(court.channel, "mine", attachments=[("cat.png", png("green"))])
    for menu in ("Darkroom: vary", "Darkroom: edit"):
        form = await court.ada.context_menu(court.channel, menu, posted)
        await court.ada.submit_modal(form, {"prompt": words})
        drawn.append(await court.draw())
    listed = (await court.ada.slash(court.channel, "models")).response
    assert listed is not None
    form = await court.ada.select(listed, ["pocket"])
    await court.ada.submit_modal(form, {"prompt": words})
    drawn.append(await court.draw())
    assert [job.spec.options.prompt for job in drawn] == ["a red fox in snow"] * 5
