"""What a library says when it cannot read a model, in words for the host: which part, why, and the way out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from engine.base.foreign_errors import reason
from engine.model_files.diffusers_folder import REMEDY
from engine.model_spec import ModelSpec

_ANOTHER_BASE = "name the base that it was made from as base, or get the whole file"
_PATH = re.compile(r"/(?:[^\s/'\"]+/)+([^\s/'\"]*)")
_MISFIT, _INCOMPLETE = "do not fit its configuration", "are not complete"
_MARKS = {
    "expected shape": _MISFIT,
    "split_with_sizes": _MISFIT,
    "size mismatch": _MISFIT,
    "mismatched": _MISFIT,
    "out of meta tensor": _INCOMPLETE,
    "appear to be missing in the checkpoint": _INCOMPLETE,
}
"""Marks in libraries' errors about weights -> what is wrong with the weights."""
_READERS: Mapping[str, str] = {"load_sub_model": "name", "_read_encoder": "name", "read_parts": "name"}
"""Functions that read one component, diffusers' and ours -> their variable that has its name."""


def why_not(spec: ModelSpec, error: Exception) -> tuple[str, str]:
    """(a library's error in words for the host, without this machine's paths; the way out)."""
    said = f"{error}".strip().partition("\n")[0]
    part, is_file = _part_in(error), spec.source.origin == "file"
    weights = f"the weights of its {part}" if part else "its weights"
    if flaw := next((words for mark, words in _MARKS.items() if mark in f"{error}"), ""):
        where = f"in {Path(spec.source.location).name}, " if is_file else ""
        return f"{where}{weights} {flaw}", _ANOTHER_BASE if is_file else REMEDY
    said = _PATH.sub(lambda path: path[1], said)[:300] or reason(error)
    return f"its {part} cannot be read: {said}" if part else f"the library that reads it says: {said}", REMEDY


def _part_in(error: BaseException) -> str:
    """The component that was being read when the error was raised, "" where that cannot be told."""
    found, trace = "", error.__traceback__
    while trace is not None:
        if variable := _READERS.get(trace.tb_frame.f_code.co_name):
            found = str(trace.tb_frame.f_locals.get(variable, ""))
        trace = trace.tb_next
    return found
