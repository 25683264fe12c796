"""Which pictures a show may hang. Pure.

A show is public on its server, so what the gallery asks of a picture is asked here, too, for all that it was made from
(`bot.domain.moderation.publicity`). Two things differ: a picture of the show's own channel needs no open channel, and
whoever said nothing agrees, unless they let nobody make anything of their pictures.
"""

from __future__ import annotations

from datetime import datetime

from bot.domain.moderation.publicity import Exhibit, Line, why_private


def may_hang(line: Line, guild_id: int, channel_id: int, now: datetime) -> bool:
    """Whether the line's first job may hang in a show in this channel."""
    if not line.is_whole or line.exhibits[0].job.guild_id != guild_id:
        return False
    return all(why_private(_as_shown(each, channel_id), now) is None for each in line.exhibits)


def agrees(exhibit: Exhibit) -> bool:
    """Whether its maker lets shows hang it: what they said of shows, of this picture, of their pictures at all."""
    if exhibit.owner.show is not None:
        return exhibit.owner.show and exhibit.choice is not False
    share = exhibit.job.share or exhibit.owner.share or exhibit.rules.share
    return share != "me" and exhibit.choice is not False


def _as_shown(exhibit: Exhibit, channel_id: int) -> Exhibit:
    """The exhibit as the gallery's rule would have to see it."""
    shown = exhibit.model_copy(update={"choice": agrees(exhibit)})
    if exhibit.job.channel_id != channel_id:
        return shown
    reply = exhibit.job.reply.model_copy(update={"open_channel_id": channel_id})
    return shown.model_copy(update={"is_open": True, "job": exhibit.job.model_copy(update={"reply": reply})})
