"""The host's lists for `__NAME__` in prompts: text files in a folder, one option a line, `#` begins a remark."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path

from bot.domain.prompting.dynamic_prompts import LIST_NAME

MAX_BYTES = 1024 * 1024
MAX_FILES = 1000
_Stamp = tuple[tuple[str, int, int], ...]

log = logging.getLogger(__name__)


class WildcardLists:
    """Reads the folder when a prompt asks for a list, and again when a file has changed; no restart is needed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: tuple[_Stamp, Mapping[str, tuple[str, ...]]] = ((), {})

    async def all(self) -> Mapping[str, tuple[str, ...]]:
        """Every list by its name; a file below another folder is `folder/name`."""
        return await asyncio.to_thread(self._all)

    def _all(self) -> Mapping[str, tuple[str, ...]]:
        files = dict(self._files())
        stamp = tuple((name, path.stat().st_mtime_ns, path.stat().st_size) for name, path in files.items())
        if stamp != self._read[0]:
            lists = {name: lines for name, path in files.items() if (lines := _lines(path))}
            self._read = stamp, lists
        return self._read[1]

    def _files(self) -> Iterator[tuple[str, Path]]:
        """Files inside the folder only: a link that leads elsewhere is no list."""
        root = self._folder.resolve()
        for path in sorted(root.rglob("*.txt"))[:MAX_FILES]:
            name = path.relative_to(root).with_suffix("").as_posix()
            if LIST_NAME.fullmatch(name) and path.is_file() and path.resolve().is_relative_to(root):
                yield name, path


def _lines(path: Path) -> tuple[str, ...]:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"larger than {MAX_BYTES} bytes")
        text = path.read_text("utf-8-sig")
    except (OSError, ValueError) as error:
        log.warning("a wildcard list is left out: %s: %s", path.name, error, extra={"action": "wildcards"})
        return ()
    return tuple(line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#"))
