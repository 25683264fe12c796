"""Folders that are written to, made where they are missing."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from bot.errors import ConfigError

PRIVATE = 0o700
"""The mode of folders with members' words and pictures in them."""
OTHERS = 0o077
"""What everybody but their owner could do with files and folders: nothing of it is given."""


def writable(folder: Path, key: str) -> Path:
    """The folder, made if need be. Raises `ConfigError` with the setting or option `key` that names it."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=PRIVATE)
    except OSError as error:
        raise ConfigError(key, f"{folder} cannot be made ({error.strerror}); choose another folder") from error
    if not os.access(folder, os.W_OK):
        raise ConfigError(key, f"{folder} cannot be written to; choose another folder, or allow it for this user")
    return folder


def is_private(folder: Path) -> bool:
    """Whether nobody but its owner can look into it."""
    return os.name != "posix" or not stat.S_IMODE(folder.stat().st_mode) & OTHERS
