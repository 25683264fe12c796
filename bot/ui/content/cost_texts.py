"""Costs in words, shown before a job runs: pictures of a quota, and device time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.domain.model import Job, Verb
from bot.domain.quotas.button_prices import Price
from bot.domain.quotas.quota import Scope, Unit, Use, pictures
from bot.ui.content.quota_texts import NOW

_VARIED = (Verb.VARY_SUBTLE, Verb.VARY_STRONG, Verb.REGION, Verb.EDIT, Verb.ZOOM, Verb.PAN)


def cost(job: Job, used: str = "") -> str:
    """What a job is expected to take, said before it runs, and what is `used` of a limit with it."""
    if job.spec.options.relax:
        return f"{duration(job.estimate_ms)} of computing time, outside of the quota, once nobody else waits"
    price = _price(Price(pictures(job.spec.verb, job.spec.count), job.estimate_ms))
    whole = f"costs {price} of computing time" + (f"; then {used} are used" if used else "")
    return f"{whole} · cancelled after a preview, it costs the part that was drawn"


def share(uses: Sequence[Use]) -> str:
    """How much of the tightest limit is used with this job: "16 of your 40 pictures today", or "" without limits."""
    limited = [use for use in uses if use.limit]
    if not limited:
        return ""
    tightest = max(limited, key=lambda use: use.used / (use.limit or 1))
    amount = f"{tightest.used:.0f}" if tightest.unit is Unit.PICTURES else f"{tightest.used:.3g}"
    whose = "this channel's" if tightest.scope is Scope.CHANNEL else "your"
    return f"{amount} of {whose} {tightest.limit:g} {tightest.unit} {NOW[tightest.window]}"


def list_of(prices: Mapping[Verb, Price]) -> str:
    """One small line for the buttons under a picture, or "" when no prices are known."""
    if not prices:
        return ""
    varied = max((prices[verb] for verb in _VARIED), key=lambda price: price.ms)
    subtle, creative = (duration(prices[verb].ms) for verb in (Verb.UPSCALE_SUBTLE, Verb.UPSCALE_CREATIVE))
    upscale = subtle if subtle == creative else f"{subtle} (subtle) or {creative} (creative)"
    return f"\n-# Vary, edit, zoom, pan: {_price(varied)} · upscale: {count(1)}, {upscale} · describe: free"


def duration(ms: float) -> str:
    """An expected time as people say it."""
    seconds = ms / 1000
    if seconds < 1:
        return "under a second"
    if seconds < 90:
        return f"about {round(seconds)} s"
    return f"about {round(seconds / 60)} min" if seconds < 5400 else f"about {seconds / 3600:.1f} h"


def _price(price: Price) -> str:
    return f"{count(price.pictures)}, {duration(price.ms)}"


def count(number: int) -> str:
    """How many pictures of a quota."""
    return {0: "no picture", 1: "1 picture"}.get(number, f"{number} pictures")
