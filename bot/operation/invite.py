"""The invite link, which adds the bot to a server with exactly the permissions that it needs."""

from __future__ import annotations

import base64
import binascii

import discord

PERMISSIONS = discord.Permissions(
    view_channel=True,
    send_messages=True,
    send_messages_in_threads=True,
    embed_links=True,
    attach_files=True,
    read_message_history=True,
    add_reactions=True,
    use_external_emojis=True,
    create_expressions=True,
)


def application_id(token: str) -> int | None:
    """Decode the application's id from the token's first part (base64); None when the token has another form."""
    head = token.split(".", 1)[0]
    try:
        return int(base64.b64decode(head + "=" * (-len(head) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        return None


def link(client_id: int) -> str:
    """Return the OAuth2 URL to open in a browser (https://docs.discord.com/developers/topics/oauth2)."""
    return discord.utils.oauth_url(client_id, permissions=PERMISSIONS, scopes=("bot", "applications.commands"))
