from __future__ import annotations

from types import SimpleNamespace

import aiohttp
import discord
import pytest

from bot.errors import DeliveryError, DeliveryLater, ReplyGone
from bot.ui.discord_errors import delivery_error, is_too_large


def refusal(status: int, code: int = 0, **headers: str) -> discord.HTTPException:
    response = SimpleNamespace(status=status, reason="no", headers={k.replace("_", "-"): v for k, v in headers.items()})
    kind = {403: discord.Forbidden, 404: discord.NotFound}.get(status, discord.HTTPException)
    if status >= 500:
        kind = discord.DiscordServerError
    return kind(response, {"code": code, "message": "no"})


@pytest.mark.parametrize(
    ("error", "wait_s"),
    [
        (refusal(429, Retry_After="7.5"), 7.5),
        (refusal(429), 5.0),
        (refusal(429, Retry_After="soon"), 5.0),
        (refusal(500), 2.0),
        (refusal(503), 2.0),
        (refusal(401), 60.0),
        (refusal(403), 30.0),
        (refusal(404), 30.0),
        (refusal(403, 40003), 5.0),
        (discord.RateLimited(33.0), 33.0),
        (aiohttp.ClientConnectionError(), 2.0),
        (ConnectionResetError(), 2.0),
        (TimeoutError(), 2.0),
    ],
    ids=repr,
)
def test_what_passes_is_tried_again(error: Exception, wait_s: float) -> None:
    meaning = delivery_error("job", error)
    assert isinstance(meaning, DeliveryLater) and meaning.retry_after_s == wait_s


@pytest.mark.parametrize("error", [refusal(404, 10008), refusal(404, 10003), refusal(403, 50001)])
def test_what_never_passes_is_gone(error: Exception) -> None:
    assert isinstance(delivery_error("job", error), ReplyGone)


@pytest.mark.parametrize("error", [refusal(400, 50035), refusal(403, 50013)])
def test_where_this_message_is_refused_another_can_still_say_so(error: Exception) -> None:
    assert type(delivery_error("job", error)) is DeliveryError


def test_too_large_is_said_in_two_ways() -> None:
    assert is_too_large(refusal(413)) and is_too_large(refusal(400, 40005)) and not is_too_large(refusal(400))
