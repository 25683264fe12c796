"""Files that are replaced atomically: a reader, also after a crash, sees the old file or the new one. Torch-free."""

from __future__ import annotations

import os
from pathlib import Path


def replace(path: Path, content: bytes) -> None:
    """Write a file in the place of the one that is there, making its folder where that is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    fresh.write_bytes(content)
    fresh.replace(path)
