"""Files that are kept from one run to the next, and may be read while they are written. Torch-free."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator
from pathlib import Path


@contextlib.contextmanager
def written_whole(file: Path) -> Generator[Path]:
    """Somewhere to write the file's next version, which takes its place at the end: nobody ever finds half of it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        yield fresh
        fresh.replace(file)
    finally:
        fresh.unlink(missing_ok=True)
