from __future__ import annotations

import inspect
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from bot import errors as bot_errors
from bot.ui.content.error_texts import GENERIC, TABLE, words
from engine import errors as engine_errors

SAMPLES: dict[str, Any] = {
    "until": None, "resets_at": datetime(2026, 1, 2, tzinfo=UTC), "names": ("attach_files",), "known": ("pocket",),
    "cells": (0, 2), "here": ("cpu",), "message_id": 7, "is_new": True,
    "reason": engine_errors.AbortReason.USER_REQUEST,
}  # fmt: skip


def leaves(root: type[Exception]) -> Iterator[type[Exception]]:
    children = root.__subclasses__()
    for child in children:
        yield from leaves(child)
    if not children:
        yield root


def sample(kind: type[Exception]) -> Exception:
    """An error with plausible data for each argument."""
    values: list[Any] = []
    for name, parameter in inspect.signature(kind).parameters.items():
        if parameter.annotation == "str":
            values.append("something")
        elif parameter.annotation in ("int", "float"):
            values.append(3)
        else:
            values.append(SAMPLES[name])
    return kind(*values)


ON_WEB_PAGES = "bot.gallery."
"""Errors of these modules are shown in a browser, not in Discord."""
KINDS = {*leaves(bot_errors.BotError), *leaves(engine_errors.EngineError)}
ALL = sorted(
    (kind for kind in KINDS if not kind.__module__.startswith(ON_WEB_PAGES)),
    key=lambda kind: (kind.__module__, kind.__name__),
)


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_every_leaf_has_a_row_of_its_own_and_it_reads(kind: type[Exception]) -> None:
    assert kind in TABLE
    text = words(sample(kind))
    assert 10 < len(text) < 500 and "{" not in text and "None" not in text


@pytest.mark.parametrize("reason", engine_errors.AbortReason)
def test_every_reason_to_abort_has_words(reason: engine_errors.AbortReason) -> None:
    assert words(engine_errors.RequestAborted(reason))


def test_what_nobody_expected_stays_general() -> None:
    assert words(ValueError("secret detail")) == GENERIC
