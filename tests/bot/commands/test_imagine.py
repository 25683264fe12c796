from __future__ import annotations

import discord
import pytest

from bot.domain.model import WITHDRAWN, Preferences, Verb
from bot.errors import AlreadyAsked
from tests.bot.scripted import png
from tests.bot.world import World, eventually, labels


async def test_one_reply_from_waiting_to_grid(world: World) -> None:
    world.job_service.gate.clear()

    result = await world.ada.slash(world.channel, "imagine", prompt="a red fox --ar 3:2")

    assert result.acknowledged and not result.ephemeral
    await eventually(lambda: "step 3 of 4" in world.messages[-1].content)
    live = world.messages[-1]
    assert "a red fox" in live.content and labels(live) == ["Cancel"]
    assert [file.filename for file in live.attachments] == ["darkroom-job0000001.webp"]

    world.job_service.gate.set()
    await world.job_service.done()

    [message] = world.messages
    assert message.id == live.id
    assert labels(message) == ["U1", "U2", "U3", "U4", "🔄", "V1", "V2", "V3", "V4", *labels(message)[9:]]
    [file] = message.attachments
    assert file.filename == "darkroom-job0000001.png" and "a red fox" in (file.description or "")
    assert message.edited_at is not None


async def test_options_beat_flags_and_settings_fill_gaps(world: World) -> None:
    await world.ada.slash(world.channel, "imagine", prompt="a fox --steps 30 --seed 7", steps=12)
    await world.job_service.done()

    options = world.job_service.asks[0].spec.options
    assert (options.steps, options.seed) == (12, 7)


async def test_settings_are_read_once_for_each_press(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    read, stored = list[int](), world.members.preferences

    async def counted(member_id: int) -> Preferences:
        read.append(member_id)
        return await stored(member_id)

    monkeypatch.setattr(world.members, "preferences", counted)
    await world.ada.slash(world.channel, "imagine", prompt="a fox")
    await world.job_service.done()
    assert read == [world.ada.id]

    await world.ada.click(world.messages[-1], label="V1")
    await world.job_service.done()
    assert len(world.job_service.asks) == 2
    assert read[1:] == [world.ada.id]  # as who presses; the owner of what is pressed is asked for nothing


async def test_threads_and_their_parents_are_told_apart(world: World) -> None:
    thread = await make_thread(world)
    await world.ada.slash(thread, "imagine", prompt="a fox")
    await world.job_service.done()
    place = world.job_service.asks[0].place
    assert (place.channel_id, place.parent_channel_id) == (thread.id, world.channel.id)


async def test_who_asks_and_where_is_taken_from_the_interaction(world: World) -> None:
    role = world.guild.create_role("painters")
    mods = world.guild.create_role("mods", permissions=discord.Permissions(manage_guild=True))
    eve = world.guild.add_member(world.env.create_user("eve"), roles=[role])
    max_ = world.guild.add_member(world.env.create_user("max"), roles=[mods])
    await eve.slash(world.channel, "imagine", prompt="a fox")
    await max_.slash(world.channel, "imagine", prompt="a fox")
    await world.job_service.done()

    painter, moderator = (ask.member for ask in world.job_service.asks)
    assert role.id in painter.role_ids and not painter.is_moderator and moderator.is_moderator
    ask = world.job_service.asks[0]
    assert ask.place.guild_id == world.guild.id and ask.place.bot_present and not ask.place.age_restricted
    assert ask.reply.token and ask.reply.expires_at is not None and ask.place.file_limit_bytes == 26214400


async def test_a_role_of_the_configuration_makes_a_moderator(world: World) -> None:
    role = world.guild.create_role("staff")
    chosen = world.settings.discord.model_copy(update={"moderator_roles": (role.id,)})
    world.settings = world.settings.model_copy(update={"discord": chosen})
    await world.restart()
    eve = world.guild.add_member(world.env.create_user("eve"), roles=[role])
    await eve.slash(world.channel, "imagine", prompt="a fox")
    assert world.job_service.asks[0].member.is_moderator


async def test_the_same_interaction_twice_makes_one_job_and_no_noise(world: World) -> None:
    world.job_service.refusal = AlreadyAsked("job0000001")
    result = await world.ada.slash(world.channel, "imagine", prompt="a fox")
    assert result.response is None and not world.messages


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"prompt": "a fox --stepz 3"}, "--stepz"),
        ({"prompt": "a fox", "aspect": "wide"}, "aspect"),
        ({"prompt": "--ar 3:2"}, "prompt"),
        ({"prompt": "https://example.com/cat.png a cat"}, "upload the file"),
        ({"prompt": "a fox --seed 99999999999"}, "--seed"),
        ({"prompt": "a fox --iw 2"}, "the option `image`"),
        ({"prompt": "a fox", "strength": 0.4}, "the option `image`"),
    ],
)
async def test_a_wrong_word_is_shown_privately_with_the_right_form(world: World, options, word: str) -> None:
    result = await world.ada.slash(world.channel, "imagine", **options)
    assert result.response is not None and result.response.ephemeral and word in result.response.content
    assert not world.job_service.asks


async def test_an_unexpected_error_is_logged_and_answered_in_general(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(ask):
        raise ZeroDivisionError("secret detail")

    world.job_service.submit = broken  # a bug, on purpose
    result = await world.ada.slash(world.channel, "imagine", prompt="a fox")

    assert (
        result.response is not None and result.response.ephemeral and "nothing was charged" in result.response.content
    )
    assert "secret" not in result.response.content and "command failed" in caplog.text
    assert len(world.env.errors) == 1
    world.env._errors.clear()


async def make_thread(world: World):
    message = await world.ada.send(world.channel, "let us draw")
    real = world.env.bot.get_channel(world.channel.id)
    with world.env._bot_scope():
        await real.get_partial_message(message.id).create_thread(name="drawing")
    await world.env.settle()
    return world.channel.threads[0]


async def test_a_reference_is_taken_beside_the_picture(world: World) -> None:
    await world.ada.slash(
        world.channel, "imagine", prompt="her on a bench --ar 3:2", image=("a.png", png("red")),
        reference=("b.png", png("blue")), model="klein",
    )  # fmt: skip
    await world.job_service.done()
    spec = world.job_service.asks[0].spec
    assert (spec.verb, len(spec.images), len(spec.references)) == (Verb.IMAGINE, 1, 1)
    assert spec.uploads == {*spec.images, *spec.references}
    gone = spec.without_uploads(spec.references)
    assert gone.references == (WITHDRAWN,) and gone.images == spec.images
    several = await world.ada.slash(
        world.channel, "imagine", prompt="a {red, blue} fox", reference=("b.png", png("blue"))
    )
    assert several.response is not None and "one by one" in several.response.content
