from __future__ import annotations

from bot.commands.presence import Presence, load
from tests.bot.world import World


def test_the_load_in_a_few_words() -> None:
    assert load(0, 0) == "Ready: /imagine"
    assert load(2, 0) == "Drawing 2"
    assert load(2, 5) == "Drawing 2, 5 waiting"


async def test_it_is_told_to_discord_only_when_it_changed(world: World) -> None:
    shown: list[str] = []

    async def change_presence(*, activity) -> None:
        shown.append(activity.name)

    world.env.bot.change_presence = change_presence  # the simulated gateway keeps no presence
    cog = world.env.bot.get_cog("Presence")
    assert isinstance(cog, Presence)
    await world.env.advance_time(65)
    assert shown == ["Ready: /imagine"]
    world.job_service.gate.clear()
    await world.ada.slash(world.channel, "imagine", prompt="a fox")
    await world.env.advance_time(31)
    assert shown == ["Ready: /imagine", "Drawing 0, 1 waiting"]
