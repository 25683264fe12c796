"""Classifies errors of Discord and the network: the reply is gone for good, or another try may succeed."""

from __future__ import annotations

import asyncio

import aiohttp
import discord

from bot.errors import DeliveryError, DeliveryLater, ReplyGone

TOKEN_SPENT = frozenset({50027, 10015, 10062})
"""The interaction token no longer works, the message itself may."""
UNKNOWN_WEBHOOK = 10015
UNKNOWN_MESSAGE = 10008
TOO_LARGE = 40005
INVALID = 50035
TOO_OFTEN = 30046
ARCHIVED = 50083
WRITE_ANEW = frozenset({TOO_OFTEN, ARCHIVED})
"""Messages older than an hour may be edited rarely, those in an archived thread not at all: write a new one."""
SHUT = frozenset({ARCHIVED, 50013, 160005})
"""The channel takes nothing of ours any more: a permission is gone, or its thread was locked."""
_GONE = frozenset({UNKNOWN_MESSAGE, 10003, 50001})
DM_TOO_FAST = 40003
DM_CLOSED = frozenset({50007, 50278})

NETWORK_ERRORS = (aiohttp.ClientError, OSError, asyncio.TimeoutError)
REFUSALS = (discord.HTTPException, discord.RateLimited, *NETWORK_ERRORS)
"""Everything a request to Discord may end with, besides an answer."""


def is_gone(error: Exception) -> bool:
    """Whether the message or its channel no longer exists or can be reached."""
    return isinstance(error, discord.HTTPException) and error.code in _GONE


def is_passing(error: BaseException) -> bool:
    """Whether the same request may succeed in a moment."""
    if isinstance(error, discord.HTTPException):
        return error.status >= 500 or error.status == 429 or error.code == 0  # 0: something before Discord answered
    return isinstance(error, (discord.RateLimited, *NETWORK_ERRORS))


def is_too_large(error: discord.HTTPException) -> bool:
    """Whether the files of the message are larger than the place allows."""
    return error.status == 413 or error.code == TOO_LARGE


def is_of_album(error: discord.HTTPException) -> bool:
    """Whether the message has Components V2, which exclude a text, and cannot be changed back."""
    return error.status == 400 and "components_v2" in error.text.lower()


def is_album_refused(error: discord.HTTPException) -> bool:
    """Whether the pictures may be taken as one file where they were not as several."""
    return error.code == INVALID or is_too_large(error)


def delivery_error(job_id: str, error: Exception) -> DeliveryError:
    """The one place where a refused message becomes `ReplyGone`, `DeliveryLater`, or final for another reason."""
    match error:
        case discord.RateLimited():
            return DeliveryLater(error.retry_after, "rate limited")
        case discord.HTTPException() if error.status == 429 or error.code == DM_TOO_FAST:
            return DeliveryLater(_retry_after(error), f"rate limited ({error.code})")
        case discord.HTTPException() if error.status >= 500:
            return DeliveryLater(2.0, f"Discord answered {error.status}")
        case discord.HTTPException() if error.status == 401 and error.code not in TOKEN_SPENT:
            return DeliveryLater(60.0, "the bot's token is refused")
        case discord.HTTPException() if error.code == 0:
            return DeliveryLater(30.0, f"something before Discord answered {error.status}")
        case discord.HTTPException():
            why = f"{error.status}/{error.code} {error.text[:100]}"
            return ReplyGone(job_id, why) if is_gone(error) else DeliveryError(why)
        case _:
            return DeliveryLater(2.0, type(error).__name__)


def _retry_after(error: discord.HTTPException) -> float:
    header = error.response.headers.get("Retry-After")
    try:
        return max(1.0, float(header)) if header else 5.0
    except ValueError:
        return 5.0
