#!/usr/bin/env bash
# discord.py 2.7.1 documents `UnfurledMediaItem.read` and `.save` for pictures in messages of Components V2. They fail on
# every message that a bot receives: `Message._handle_components` makes the components without the connection's state.
# The same components in a forwarded message (`MessageSnapshot`) get the state, and can be read.
#
# One payload as the gateway sends it, with a gallery, and with the same gallery in a forwarded message; a server on the
# loopback address holds the file. Exits 0 while the first cannot be read and the second can.
set -euo pipefail

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check discord.py==2.7.1 aiohttp==3.14.1

cat > "$place/read.py" <<'PYTHON'
import asyncio
from importlib.metadata import version

import discord
from aiohttp import ClientSession, web

PICTURE = b"a picture"


def payload(address):
    media = {"url": address, "proxy_url": address, "width": 1, "height": 1, "content_type": "image/png"}
    gallery = [{"type": 12, "id": 1, "items": [{"media": media, "description": None, "spoiler": False}]}]
    at = {"timestamp": "2026-01-01T00:00:00+00:00", "edited_timestamp": None}
    inner = {"content": "", "embeds": [], "attachments": [], "mentions": [], "mention_roles": [], "type": 0, **at}
    return {
        **inner, "id": "1", "channel_id": "2", "author": {"id": "3", "username": "ada", "discriminator": "0", "avatar": None},
        "tts": False, "mention_everyone": False, "pinned": False, "flags": 32768, "components": gallery,
        "message_snapshots": [{"message": {**inner, "flags": 32768, "components": gallery}}],
        "message_reference": {"type": 1, "message_id": "9", "channel_id": "2"},
    }


async def told(media):
    try:
        return (await media.read()).decode()
    except discord.DiscordException as error:
        return f"{type(error).__name__}: {error}"


async def main():
    async def picture(_):
        return web.Response(body=PICTURE)

    app = web.Application()
    app.add_routes([web.get("/a.png", picture)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    address = f"http://127.0.0.1:{runner.addresses[0][1]}/a.png"

    client, came = discord.Client(intents=discord.Intents.none()), asyncio.get_running_loop().create_future()
    client.event(_listener(came))
    await client._async_setup_hook()
    client.http._HTTPClient__session = ClientSession()
    client._connection.user = discord.ClientUser(
        state=client._connection, data={"id": "4", "username": "bot", "discriminator": "0", "avatar": None}
    )
    client._connection.parse_message_create(payload(address))
    message = await asyncio.wait_for(came, 5)
    own = await told(message.components[0].items[0].media)
    forwarded = await told(message.message_snapshots[0].components[0].items[0].media)
    print("discord.py", version("discord.py"))
    print("in the message itself:", own)
    print("in what it forwards:", forwarded)
    await client.http._HTTPClient__session.close()
    await runner.cleanup()
    raise SystemExit(0 if "no ConnectionState" in own and forwarded == PICTURE.decode() else 1)


def _listener(came):
    async def on_message(message):
        came.set_result(message)

    return on_message


asyncio.run(main())
PYTHON
"$place/venv/bin/python" "$place/read.py"
