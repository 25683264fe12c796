"""What another library's exception says, for logs and hosts. Members read the bot's own texts instead. Torch-free."""

from __future__ import annotations

import traceback
from pathlib import Path

FAILURES = (OSError, ValueError, KeyError, TypeError, AttributeError, ImportError, RuntimeError)
"""What transformers raises for a folder that it cannot load."""


def reason(error: BaseException) -> str:
    """Its class and text; where it has none (a bare `assert`, an empty message), the line that raised it."""
    name, said = type(error).__name__, " ".join(str(error).split())
    if said:
        return f"{name}: {said}"
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return f"{name}, without a word"
    return f"{name}, without a word, at `{frames[-1].line}` in {Path(frames[-1].filename).name}"
