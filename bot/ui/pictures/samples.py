"""Sample pictures of what the host offers: given, or drawn once by the host's own engine while nobody waits."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.tasks import Tasks
from bot.ui.pictures.compositing import Drawing
from bot.ui.pictures.sample_sheet import thumbnail
from engine import Engine, EngineError, Finished, ImageRequest, InvalidRequest, replace_file

MEMBER = "samples"
"""Who asks the engine for samples: everybody else goes first."""
_WEIGHT = 0.001
_LARGEST = 32 * 1024 * 1024
_SHOWN_BELOW = 0.5
"""A score of the picture check from which a drawn sample is not shown."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A sample of one thing: the file or the picture that was given, else what to draw."""

    about: str
    """Tells the thing from all others, and from its earlier versions."""
    file: Path | None = None
    picture: bytes = b""
    request: ImageRequest | None = None

    @property
    def key(self) -> str:
        """The name under which its thumbnail is kept."""
        stamp = ""
        if self.file is not None and self.file.is_file():
            stat = self.file.stat()
            stamp = f"{self.file}:{stat.st_mtime_ns}:{stat.st_size}"
        return hashlib.sha256(f"{self.about}\n{stamp}".encode() + self.picture).hexdigest()[:32]


class Samples:
    """Keeps thumbnails in a folder; what it holds can be deleted at any time and comes again."""

    def __init__(self, folder: Path, engine: Engine, drawing: Drawing, tasks: Tasks, *, draws: bool = True) -> None:
        """`draws`: whether the engine draws what nobody gave."""
        self._folder, self._engine, self._drawing, self._tasks = folder, engine, drawing, tasks
        self._draws = draws
        self._missing: dict[str, ImageRequest] = {}
        self._tried = set[str]()
        """Keys whose sample was drawn or refused since the start: none is tried twice."""
        self._is_drawing = False

    async def of(self, wanted: Sequence[Wanted]) -> list[bytes | None]:
        """Thumbnails (WebP) in that order, None where there is none yet; those are drawn when the engine is idle."""
        found = await self._drawing.run(self._read, tuple(wanted))
        for one, (key, sample) in zip(wanted, found, strict=True):
            if sample is None and one.request is not None and key not in self._tried:
                self._missing[key] = one.request
        if self._draws and self._missing and not self._is_drawing:
            self._is_drawing = True
            self._tasks.start(self._draw(), "samples")
        return [sample for _, sample in found]

    def _read(self, wanted: Sequence[Wanted]) -> list[tuple[str, bytes | None]]:
        return [(key := one.key, self._kept(key) or self._given(one, key)) for one in wanted]

    def _kept(self, key: str) -> bytes | None:
        path = self._folder / f"{key}.webp"
        return path.read_bytes() if path.is_file() else None

    def _given(self, one: Wanted, key: str) -> bytes | None:
        try:
            content = one.picture
            if one.file is not None and one.file.stat().st_size <= _LARGEST:
                content = one.file.read_bytes()
            return self._keep(key, content) if content else None
        except (OSError, InvalidRequest) as error:
            log.warning("the sample of %s cannot be shown: %s", one.about.partition("\n")[0], error)
            return None

    def _keep(self, key: str, picture: bytes) -> bytes:
        small = thumbnail(picture)
        replace_file(self._folder / f"{key}.webp", small)
        return small

    async def _draw(self) -> None:
        try:
            while self._missing and self._is_idle():
                key = next(iter(self._missing))
                request = self._missing.pop(key)
                self._tried.add(key)
                try:
                    picture = await self._drawn(request)
                    if picture is not None:
                        await self._drawing.run(self._keep, key, picture)
                except (EngineError, OSError) as error:
                    log.info("a sample of %s could not be drawn: %s", request.model, error)
        finally:
            self._missing.clear()
            self._is_drawing = False

    def _is_idle(self) -> bool:
        now = self._engine.snapshot()
        return not now.waiting and not now.running

    async def _drawn(self, request: ImageRequest) -> bytes | None:
        stream = self._engine.submit(await self._engine.resolve(request))
        async for event in stream:
            if isinstance(event, Finished):
                [image] = event.images
                return image.png if (image.safety.score or 0.0) < _SHOWN_BELOW and not image.safety.error else None
        return None


def sample_request(prompt: str, **fields: object) -> ImageRequest:
    """What the engine is asked for a sample: one picture, always from the same seed."""
    return ImageRequest.model_validate(
        {"prompt": prompt, "seed": 1, "num_images": 1, "member": MEMBER, "weight": _WEIGHT, **fields}
    )
