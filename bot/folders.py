"""Folders that are written to, made where they are missing."""

from __future__ import annotations

import os
from pathlib import Path

from bot.errors import ConfigError


def writable(folder: Path, key: str) -> Path:
    """The folder, made if need be. Raises `ConfigError` with the setting or option `key` that names it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(key, f"{folder} cannot be made ({error.strerror}); choose another folder") from error
    if not os.access(folder, os.W_OK):
        raise ConfigError(key, f"{folder} cannot be written to; choose another folder, or allow it for this user")
    return folder
