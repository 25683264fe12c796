"""Who posted a picture that the bot did not make: theirs is the yes that it takes."""

from __future__ import annotations

import discord

from bot.domain.moderation.consents import Stance
from bot.errors import BadPicture, NotYours
from bot.ui.discord_errors import REFUSALS
from bot.ui.interactions.asker import member_of, place_of
from bot.ui.interactions.interaction_responder import Pressed

_UNKNOWN = "I cannot see who posted it first, and only they could say yes"


async def posted_by(interaction: Pressed, message: discord.Message) -> int:
    """The poster's id, where that is the member who presses, or somebody who lets them or can be asked here.

    Raises `NotYours` where the poster lets nobody, or cannot be asked here, and `BadPicture` where nobody can be asked.
    """
    author = await _first_author(interaction, message)
    if author.id == interaction.user.id:
        return author.id
    if author.bot or (message.webhook_id is not None and message.author.id == author.id):
        raise BadPicture("an app posted it; only what members post and let you use is taken")
    member, services = await member_of(interaction), interaction.client.services
    stance = await services.consents.of_poster(author.id, member)
    place = place_of(interaction)
    if stance is Stance.NO or (stance is Stance.ASK and (place.guild_id is None or not place.bot_present)):
        raise NotYours(author.id)
    return author.id


def other_than(interaction: Pressed, author_id: int) -> int | None:
    """The poster, where that is not the member who presses."""
    return None if author_id == interaction.user.id else author_id


async def _first_author(interaction: Pressed, message: discord.Message) -> discord.User | discord.Member:
    """The author; of a forwarded message the one of the original. Raises `BadPicture`."""
    if not message.message_snapshots or message.attachments:
        return message.author
    origin = message.reference
    if origin is None or origin.message_id is None:
        raise BadPicture(_UNKNOWN)
    channel = interaction.client.get_partial_messageable(origin.channel_id, guild_id=origin.guild_id)
    try:
        return (await channel.fetch_message(origin.message_id)).author
    except REFUSALS as error:
        raise BadPicture(_UNKNOWN) from error
