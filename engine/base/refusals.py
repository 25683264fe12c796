"""What is wrong with a value, in our words: pydantic's own name types of Python and numbers of bytes. Torch-free."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from pydantic_core import ErrorDetails

_WHOLE, _NUMBER, _TEXT = "it must be a whole number", "it must be a number", "it must be text"
_LIST, _SECTION = 'it must be a list, such as ["one", "two"]', "it must be a section with settings of its own"
_FLAG = "it must be true or false"


def in_words(details: ErrorDetails) -> str:
    """What the value should be, from one entry of `ValidationError.errors()`."""
    context: Mapping[str, Any] = details.get("ctx", {})
    if details["type"] in _FIXED:
        return _FIXED[details["type"]]
    if say := _COUNTED.get(details["type"]):
        return say(context)
    if details["type"] in {"value_error", "assertion_error"}:
        return str(context.get("error", details["msg"]))
    return "it cannot be read as what is needed here"


def _megabytes(context: Mapping[str, Any]) -> str:
    return f"it is too large; at most {context['max_length'] // 2**20} MB are taken"


def _least(context: Mapping[str, Any]) -> str:
    least = context["min_length"]
    return "it is empty" if least == 1 else f"it is too short; at least {least} characters are needed"


_FIXED: Mapping[str, str] = MappingProxyType(
    {
        "bool_parsing": _FLAG,
        "bool_type": _FLAG,
        "bytes_too_short": "it is empty",
        "dict_type": "it must be a table of names and values",
        "extra_forbidden": "there is no such setting",
        "finite_number": "it must be a finite number",
        "float_parsing": _NUMBER,
        "float_type": _NUMBER,
        "int_from_float": _WHOLE,
        "int_parsing": _WHOLE,
        "int_parsing_size": "it is too large a number",
        "int_type": _WHOLE,
        "list_type": _LIST,
        "missing": "it is missing",
        "model_type": _SECTION,
        "path_type": "it must be a path",
        "string_type": _TEXT,
        "tuple_type": _LIST,
    }
)
_COUNTED: Mapping[str, Callable[[Mapping[str, Any]], str]] = MappingProxyType(
    {
        "bytes_too_long": _megabytes,
        "enum": lambda context: f"it must be {context['expected']}",
        "greater_than": lambda context: f"it must be more than {context['gt']:g}",
        "greater_than_equal": lambda context: f"it must be at least {context['ge']:g}",
        "less_than": lambda context: f"it must be less than {context['lt']:g}",
        "less_than_equal": lambda context: f"it must be at most {context['le']:g}",
        "literal_error": lambda context: f"it must be {context['expected']}",
        "string_too_long": lambda context: f"it is too long; at most {context['max_length']} characters fit",
        "string_too_short": _least,
        "too_long": lambda context: f"there are too many; at most {context['max_length']} are taken",
        "too_short": lambda context: f"there are too few; at least {context['min_length']} are needed",
    }
)
