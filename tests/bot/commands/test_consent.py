"""Consent as members press it: asked in the channel, answered by the owner alone, forward from then on."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from bot.domain.model import Job, JobState
from bot.domain.rounds.round import RoundKind, RoundState
from bot.errors import DeliveryError
from bot.ui.job_reply.round_announcer import RoundAnnouncer
from tests.bot.court import Court, said
from tests.bot.painted import painted


async def consents(court: Court, actor: Any, share: str) -> None:
    await court.say(actor, "privacy consent", share=share)


async def asked(court: Court, job: Job, label: str = "V1") -> str:
    """bo presses a button under ada's grid, and time goes on."""
    answer = said(await court.bo.click(court.message(job.reply.message_id or 0), label=label))
    await court.counted()
    return answer


async def expired(court: Court) -> None:
    """A day is over for every question of bo's."""
    for one in await court.round_store.hosted(court.bo.id, RoundKind.CONSENT, court.now() - timedelta(days=1)):
        if one.state is RoundState.OPEN:
            await court.round_store.change(one, due_at=court.now(), is_extended=True)


def question(court: Court) -> Any:
    return next(message for message in reversed(court.messages) if message.content.startswith("🙋"))


def pinged(court: Court) -> list[list[str]]:
    """Whom each new message of the bot's pings."""
    sent = [entry.json or {} for entry in court.env.http_requests if entry.method == "POST"]
    allowed = [body["allowed_mentions"] for body in sent if body.get("allowed_mentions")]
    return [[str(each) for each in one["users"]] for one in allowed if one.get("users")]


async def test_the_owner_is_asked_pinged_once_and_says_once(court: Court) -> None:
    job = await court.imagine(court.ada)
    await consents(court, court.ada, "ask")
    assert f"<@{court.ada.id}> wants to be asked" in await asked(court, job)
    paper = question(court)
    assert pinged(court) == [[str(court.ada.id)]] and "May they?" in paper.content
    assert await court.jobs.active() == [], "no quota is taken before"
    assert f"<@{court.ada.id}>" in said(await court.bo.click(paper, label="Once")), "only the owner's press counts"
    assert "this once" in said(await court.ada.click(paper, label="Once"))
    await court.counted()
    made = await court.draw()
    assert (made.member_id, made.parent_id, made.state) == (court.bo.id, job.id, JobState.DELIVERED)
    await court.counted()
    over = court.message(paper.id)
    assert "says yes, this once" in over.content and "It follows" in over.content and not over.components
    assert "wants to be asked" in await asked(court, job, "V2"), "once was once"


async def test_a_reaction_that_stands_for_a_button_asks_too(court: Court) -> None:
    job = await court.imagine(court.ada)
    await consents(court, court.ada, "ask")
    await court.bo.react(court.message(job.reply.message_id or 0), "🇦")
    await court.counted()
    assert pinged(court) == [[str(court.ada.id)]] and await court.jobs.active() == []
    await court.ada.click(question(court), label="No")
    await court.counted()
    assert await court.jobs.children(job.id) == []


async def test_always_is_for_this_member_until_taken_back(court: Court) -> None:
    job = await court.imagine(court.ada)
    await consents(court, court.ada, "ask")
    await asked(court, job)
    await court.ada.click(question(court), label="Always")
    await court.counted()
    await court.draw()
    grid = court.message(job.reply.message_id or 0)
    again = await court.bo.click(grid, label="V2")
    assert again.response is not None and not again.response.ephemeral
    await court.draw()
    assert "has to ask again" in await court.say(court.ada, "privacy consent", share="ask")
    assert "wants to be asked" in await asked(court, job, "V3")
    made = await court.jobs.children(job.id)
    assert len(made) == 2 and all(each.state is JobState.DELIVERED for each in made), "what was made stays"


@pytest.mark.parametrize("answer", ["No", "silence"])
async def test_after_no_or_silence_nothing_is_made(court: Court, answer: str) -> None:
    job = await court.imagine(court.ada)
    await consents(court, court.ada, "ask")
    await asked(court, job)
    paper = question(court)
    assert "asked them today already" in await asked(court, job, "V3")
    if answer == "No":
        await court.ada.click(paper, label="No")
    else:
        await expired(court)
    await court.counted()
    assert await court.jobs.children(job.id) == []
    assert ("would rather not" if answer == "No" else "no answer came") in court.message(paper.id).content
    assert not court.message(paper.id).components


async def test_within_a_day_of_a_no_the_owner_is_left_alone(court: Court) -> None:
    job = await court.imagine(court.ada)
    await consents(court, court.ada, "ask")
    await asked(court, job)
    await court.ada.click(question(court), label="No")
    await court.counted()
    assert "keeps this to themselves" in await asked(court, job, "V2")
    assert len([message for message in court.messages if message.content.startswith("🙋")]) == 1


async def test_a_quota_used_up_meanwhile_is_told_and_nothing_is_made(court: Court) -> None:
    job = await court.imagine(court.ada)
    await consents(court, court.ada, "ask")
    await asked(court, job)
    paper = question(court)
    await court.say(court.mo, "quota set", window="day", amount=1)
    await court.ada.click(paper, label="Once")
    await court.counted()
    assert "It is not made" in court.message(paper.id).content and await court.jobs.children(job.id) == []


async def test_a_ban_after_the_question_makes_the_yes_void(court: Court) -> None:
    job = await court.imagine(court.ada)
    await consents(court, court.ada, "ask")
    await asked(court, job)
    await court.say(court.mo, "mod ban", member=court.bo, reason="spam")
    await court.ada.click(question(court), label="Always")
    await court.counted()
    assert await court.jobs.children(job.id) == [] and "not made" in question(court).content


@pytest.mark.parametrize("when", ["the question", "the picture"])
async def test_what_is_deleted_ends_the_question(court: Court, when: str) -> None:
    job = await court.imagine(court.ada)
    await consents(court, court.ada, "ask")
    await asked(court, job)
    paper = question(court)
    if when == "the question":
        await court.rounds.gone(paper.id)
    else:
        await court.ada.slash(court.channel, "privacy delete", confirm="delete everything")
    await expired(court)
    await court.counted()
    [over] = await court.round_store.hosted(court.bo.id, RoundKind.CONSENT, job.created_at)
    assert over.state is RoundState.ENDED and await court.jobs.active() == []


async def test_one_picture_may_say_otherwise(court: Court) -> None:
    job = await court.imagine(court.ada)
    grid = court.message(job.reply.message_id or 0)
    card = await court.ada.click(grid, custom_id=f"dr:i:{job.id}:0")
    others = await court.bo.click(grid, custom_id=f"dr:i:{job.id}:0")
    assert card.response is not None and others.response is not None
    assert "Nobody else" in str(card.response.components) and "Nobody else" not in str(others.response.components)
    assert "Nobody but you" in said(await court.ada.click(card.response, label="Nobody else"))
    assert "keeps this to themselves" in said(await court.bo.click(grid, label="V1"))
    await court.ada.click(card.response, label="As all my pictures")
    varied = await court.bo.click(grid, label="V1")
    assert varied.response is not None and not varied.response.ephemeral


async def test_moderators_set_what_counts_where_nothing_was_said(court: Court) -> None:
    job = await court.imagine(court.ada)
    assert "nobody else may" in await court.say(court.mo, "mod consent", share="me")
    entry = await court.newest()
    assert (entry.action, entry.subject) == ("consent", "me")
    assert "keeps this to themselves" in said(
        await court.bo.click(court.message(job.reply.message_id or 0), label="V1")
    )
    await consents(court, court.ada, "all")
    varied = await court.bo.click(court.message(job.reply.message_id or 0), label="V1")
    assert varied.response is not None and not varied.response.ephemeral


async def posted(court: Court, actor: Any, content: bytes) -> Any:
    """A message of a member's with a picture of their own."""
    return await actor.send(court.channel, "mine", attachments=[("cat.png", content)])


async def test_others_own_pictures_take_their_posters_yes(court: Court) -> None:
    theirs = await posted(court, court.ada, painted(1))
    form = await court.bo.context_menu(court.channel, "Darkroom: vary", theirs)
    await court.bo.submit_modal(form, {"prompt": "a green cat"})
    await court.counted()
    paper = question(court)
    assert pinged(court) == [[str(court.ada.id)]]
    await court.ada.click(paper, label="Once")
    await court.counted()
    made = await court.draw()
    assert made.spec.poster_id == court.ada.id and f"From a picture by <@{court.ada.id}>" in shown(court, made)
    await consents(court, court.ada, "me")
    refused = await court.bo.context_menu(court.channel, "Darkroom: upscale", theirs)
    assert "keeps this to themselves" in said(refused)
    own = await court.ada.context_menu(court.channel, "Darkroom: upscale", theirs)
    assert own.response is not None and not own.response.ephemeral


async def test_a_picture_of_ones_own_beside_it_makes_no_yes(court: Court) -> None:
    await court.imagine(court.bo, picture=painted(2, size=256))
    form = await court.bo.context_menu(court.channel, "Darkroom: edit", await posted(court, court.ada, painted(1)))
    beside = ("mine.jpg", painted(2, size=200, quality=70))
    await court.bo.submit_modal(form, {"prompt": "a green cat", "pictures": [beside]})
    await court.counted()
    assert pinged(court) == [[str(court.ada.id)]]


async def test_of_two_known_pictures_the_others_maker_is_asked(court: Court) -> None:
    await court.imagine(court.bo, picture=painted(2, size=256))
    await court.imagine(court.ada, picture=painted(1, size=256))
    await consents(court, court.ada, "me")
    both = {"picture": ("mine.png", painted(2, size=200)), "second": ("hers.png", painted(1, size=200))}
    refused = await court.bo.slash(court.channel, "edit", what="a green cat", **both)
    assert "keeps this to themselves" in said(refused)


async def test_every_maker_of_several_pictures_is_asked(court: Court) -> None:
    for actor, number in ((court.ada, 1), (court.ria, 2)):
        await court.imagine(actor, picture=painted(number, size=256))
        await consents(court, actor, "ask")
    both = {"picture": ("a.png", painted(1, size=200)), "second": ("b.png", painted(2, size=200))}
    await court.bo.slash(court.channel, "edit", what="a green cat", **both)
    await court.counted()
    for actor in (court.ada, court.ria):
        assert await court.jobs.active() == [], "all must say yes"
        assert "this once" in said(await actor.click(question(court), label="Once"))
        await court.counted()
        await court.counted()
    assert pinged(court) == [[str(court.ada.id)], [str(court.ria.id)]]
    made = await court.draw()
    assert made.member_id == court.bo.id and len(made.spec.also) == 1


async def test_one_no_of_several_makers_is_enough(court: Court) -> None:
    for actor, number in ((court.ada, 1), (court.ria, 2)):
        await court.imagine(actor, picture=painted(number, size=256))
    await consents(court, court.ada, "ask")
    await consents(court, court.ria, "me")
    both = {"picture": ("a.png", painted(1, size=200)), "second": ("b.png", painted(2, size=200))}
    refused = await court.bo.slash(court.channel, "edit", what="a green cat", **both)
    assert f"<@{court.ria.id}>" in said(refused) and "keeps this to themselves" in said(refused)
    assert pinged(court) == []


async def test_a_style_picture_and_one_beside_a_kept_picture_are_known(court: Court) -> None:
    await court.imagine(court.ada, picture=painted(1, size=256))
    own = await court.imagine(court.bo, picture=painted(2, size=256))
    await consents(court, court.ada, "me")
    hers = ("style.jpg", painted(1, size=200, quality=70))
    refused = await court.bo.slash(court.channel, "imagine", prompt="a cat", style_image=hers)
    assert "keeps this to themselves" in said(refused)
    single = await court.bo.click(court.message(own.reply.message_id or 0), label="U1")
    form = await court.bo.click(single.response, label="Edit")
    refused = await court.bo.submit_modal(form, {"prompt": "a green cat", "pictures": [hers]})
    assert "keeps this to themselves" in said(refused)


def shown(court: Court, job: Job) -> str:
    return court.message(job.reply.message_id or 0).content


async def test_a_picture_that_is_uploaded_again_is_known(court: Court) -> None:
    job = await court.imagine(court.ada, picture=painted(2, size=256))
    await consents(court, court.ada, "me")
    again = ("mine.jpg", painted(2, size=200, quality=70))
    refused = await court.bo.slash(court.channel, "imagine", prompt="a cat", image=again)
    assert "keeps this to themselves" in said(refused)
    for option in ("reference", "control"):
        refused = await court.bo.slash(court.channel, "imagine", prompt="a cat", **{option: again})
        assert "keeps this to themselves" in said(refused)
    other = await court.bo.slash(court.channel, "imagine", prompt="a cat", image=("other.png", painted(3)))
    assert other.response is not None and not other.response.ephemeral
    await court.draw()
    await court.ada.slash(court.channel, "imagine", prompt="a cat", image=again)
    made = await court.draw()
    assert made.parent_id == job.id and made.parent_cell == 0


async def test_nobody_but_the_owner_answers_and_is_told_so(court: Court) -> None:
    job = await court.imagine(court.ada)
    await consents(court, court.ada, "ask")
    await asked(court, job)
    for actor in (court.bo, court.mo):
        refused = said(await actor.click(question(court), label="Once"))
        assert f"Only <@{court.ada.id}> can say that" in refused and "moderators" not in refused


async def test_a_paused_question_waits_and_ends_after_a_week(court: Court, monkeypatch: pytest.MonkeyPatch) -> None:
    job = await court.imagine(court.ada)
    await consents(court, court.ada, "ask")
    await asked(court, job)
    paper = question(court)
    with monkeypatch.context() as patched:
        patched.setattr(RoundAnnouncer, "changed", lambda *_: None)  # pressed before the button is taken away
        await court.say(court.mo, "mod round pause", message=str(paper.id))
        assert "a moderator paused it" in said(await court.ada.click(paper, label="Once"))
    [paused] = await court.round_store.hosted(court.bo.id, RoundKind.CONSENT, job.created_at)
    await court.round_store.change(paused, due_at=court.now())
    await court.counted()
    [over] = await court.round_store.hosted(court.bo.id, RoundKind.CONSENT, job.created_at)
    assert (over.state, over.settings) == (RoundState.ENDED, "")
    assert "no answer came" in court.message(paper.id).content


async def test_a_question_that_was_never_posted_asked_nobody(court: Court, monkeypatch: pytest.MonkeyPatch) -> None:
    job = await court.imagine(court.ada)
    await consents(court, court.ada, "ask")

    async def refused(*_: Any) -> int:
        raise DeliveryError("403/50013 Missing Permissions")

    with monkeypatch.context() as patched:
        patched.setattr(court.client.services.announcer, "post", refused)
        await asked(court, job)
    assert "I have asked" in await asked(court, job, "V2")
    assert f"<@{court.ada.id}>" in question(court).content


async def test_what_was_asked_for_goes_with_a_deleted_question(court: Court) -> None:
    job = await court.imagine(court.ada)
    await consents(court, court.ada, "ask")
    await asked(court, job)
    await court.rounds.gone(question(court).id)
    [over] = await court.round_store.hosted(court.bo.id, RoundKind.CONSENT, job.created_at)
    assert (over.state, over.settings) == (RoundState.ENDED, "")
