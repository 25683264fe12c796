"""In the playground everybody may make an emoji of a picture, and the page has its picture."""

from __future__ import annotations

import io

import simcord
from PIL import Image
from simcord.backend.cdn import CDN_BASE

from bot.playground import emojis, world
from tests.bot.playground.opened import Slow
from tests.picture_files import encoded


async def test_a_new_emoji_has_its_picture() -> None:
    bot = Slow()
    env = simcord.Env(bot)
    built = world.build(env)
    await env.start()
    try:
        emojis.keep_pictures(env, bot.http)
        guild = bot.get_guild(built.channel.guild.id)
        assert guild is not None
        assert guild.default_role.permissions.create_expressions
        picture = encoded(Image.new("RGB", (8, 8), "red"))
        emoji = await guild.create_custom_emoji(name="red", image=picture)
        kept = env.backend.cdn.get(f"{CDN_BASE}/emojis/{emoji.id}.png")
        assert kept is not None and Image.open(io.BytesIO(kept)).getpixel((0, 0)) == (255, 0, 0)
    finally:
        await env.shutdown()
