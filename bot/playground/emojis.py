"""Keeps the picture of a new emoji, so that the page shows it; SimCord keeps only its name."""

# pyright: reportPrivateUsage=false
# (see the package's docstring)

from __future__ import annotations

import base64
from typing import Any

import simcord
from simcord.backend.cdn import CDN_BASE


def keep_pictures(env: simcord.Env, http: Any) -> None:
    """Wrap the request of discord.py that creates an emoji; its picture is a data URI of a PNG."""
    create = http.create_custom_emoji

    async def created(guild_id: int, name: str, image: str, **more: Any) -> Any:
        payload = await create(guild_id, name, image, **more)
        picture = base64.b64decode(image.partition("base64,")[2])
        env.backend.cdn._blobs[f"{CDN_BASE}/emojis/{payload['id']}.png"] = picture
        return payload

    http.create_custom_emoji = created
