"""Errors outlive a restart with their data."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from bot.domain.jobs.error_codec import pack, unpack
from bot.errors import Banned, BotError
from engine.errors import AbortReason, EngineError, InferenceFailed, QueueFull, RequestAborted

EXAMPLES: dict[str, object] = {
    "message": "went wrong", "retry_after_s": 2.5, "reason": AbortReason.MODERATOR, "names": ("a", "b"),
    "known": ("x",), "here": ("cpu",), "cells": (0, 2), "is_new": True,
    "until": datetime(2026, 1, 2, tzinfo=UTC), "resets_at": datetime(2026, 1, 2, tzinfo=UTC),
}  # fmt: skip


def leaves(*roots: type[Exception]) -> Iterator[type[Exception]]:
    for root in roots:
        yield root
        yield from leaves(*root.__subclasses__())


def example(leaf: type[Exception]) -> Exception:
    def value(parameter: inspect.Parameter) -> object:
        if leaf is Banned and parameter.name == "reason":
            return "spam"
        return EXAMPLES.get(
            parameter.name, 3 if "int" in str(parameter.annotation) or "float" in str(parameter.annotation) else "text"
        )

    return leaf(**{name: value(parameter) for name, parameter in inspect.signature(leaf).parameters.items()})


@pytest.mark.parametrize("leaf", sorted(set(leaves(BotError, EngineError)), key=lambda leaf: leaf.__name__))
def test_every_leaf_comes_back_whole(leaf: type[Exception]) -> None:
    error = example(leaf)
    again = unpack(pack(error))
    assert type(again) is leaf
    assert (str(again), vars(again)) == (str(error), vars(error))


def test_types_come_back_too() -> None:
    again = unpack(pack(RequestAborted(AbortReason.MODERATOR)))
    assert isinstance(again, RequestAborted)
    assert again.reason is AbortReason.MODERATOR


def test_what_is_not_ours_or_not_known_is_a_failure() -> None:
    assert str(unpack(pack(ZeroDivisionError("by zero")))) == "by zero"
    for packed in (
        '{"error": "Gone"}',
        "not json",
        "[]",
        '{"error": "QueueFull"}',
        pack(QueueFull(1, 2)).replace("1", '"x"'),
    ):
        assert isinstance(unpack(packed), InferenceFailed)
