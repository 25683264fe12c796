"""What an album shows: a message of Components V2 on the simulated Discord."""

from __future__ import annotations

import discord


def is_album(message: discord.Message) -> bool:
    return message.flags.components_v2


def text(message: discord.Message) -> str:
    """What it says."""
    parts = [part for part in message.components if isinstance(part, discord.TextDisplay)]
    sections = [part for part in message.components if isinstance(part, discord.SectionComponent)]
    return "\n".join(part.content for part in [*parts, *(part for one in sections for part in one.children)])


def pictures(message: discord.Message) -> list[discord.MediaGalleryItem]:
    """What can be swiped through."""
    galleries = [part for part in message.components if isinstance(part, discord.MediaGalleryComponent)]
    return [item for gallery in galleries for item in gallery.items]
