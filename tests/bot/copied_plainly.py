"""Simulated Discord copies what it holds whenever somebody looks. All of it is JSON, which can be copied by hand."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from simcord import components, gateway, results
from simcord.backend import serializers
from simcord.http import router

_PLAIN = frozenset({str, int, float, bool, type(None)})


@contextmanager
def copied_plainly() -> Iterator[None]:
    """Copy dictionaries and lists by hand, and everything else as before."""
    with ExitStack() as patched:
        for module in (components, results, serializers):
            patched.enter_context(patch.object(module, "deepcopy", plain_copy))
        for module in (gateway, router):
            namespace = SimpleNamespace(**{**vars(copy), "deepcopy": plain_copy})
            patched.enter_context(patch.object(module, "copy", namespace))
        yield


def plain_copy(value: Any, memo: Any = None) -> Any:
    """As `copy.deepcopy`, but what is in two places is copied twice."""
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is dict:
        return {key: each if type(each) in _PLAIN else plain_copy(each) for key, each in value.items()}
    if kind is list:
        return [each if type(each) in _PLAIN else plain_copy(each) for each in value]
    return copy.deepcopy(value, memo)
