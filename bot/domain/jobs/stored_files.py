"""Files and rows of a finished run. Pure functions; hashing blocks, so call them in a thread."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Sequence

from bot.domain.model import Cell, Job, JobState, Kept, Verdict
from engine import Finished, GeneratedImage, Recipe

_MASK, _CONTROL = "mask.png", "control.png"


def cells_of(job: Job, images: Sequence[GeneratedImage]) -> tuple[Cell, ...]:
    """A row for each picture, in cell order."""
    return tuple(_cell(job, index, image) for index, image in enumerate(images))


def fingerprints_of(images: Sequence[GeneratedImage], take: Callable[[bytes], str]) -> tuple[str, ...]:
    """By what each picture is known again."""
    return tuple(take(image.png) for image in images)


def files_of(job: Job, finished: Finished) -> dict[str, bytes]:
    """Every file to store, by key. The epoch is part of the key: a late, refused run overwrites nothing."""
    files: dict[str, bytes] = {}
    for index, image in enumerate(finished.images):
        files[_key(job, f"{index}.png")] = image.png
        if image.latents is not None:
            files[_key(job, f"{index}.safetensors")] = image.latents
    if _has_small(finished):
        files[_key(job, "frames.zip")] = pack_frames(finished.frames, finished.mask, finished.control)
    return files


def keys_of(job: Job, cells: Sequence[Cell]) -> list[str]:
    """The keys of all stored files of a finished job."""
    keys = (job.frames_key, *(cell.key for cell in cells), *(cell.latents_key for cell in cells))
    return [key for key in keys if key is not None]


def kept_from(
    job: Job, finished: Finished, cells: tuple[Cell, ...], verdict: Verdict, hints: tuple[str, ...] = ()
) -> Kept:
    """What to write down of a finished run that may be kept; `hints` join the engine's notes."""
    return Kept(
        cells=cells,
        gpu_ms=finished.gpu_ms,
        state=JobState.REVIEW if verdict is Verdict.REVIEW else JobState.RENDERED,
        spoiler=verdict is Verdict.SPOILER,
        recipe=_json(finished.recipe),
        notes=(*finished.notes, *hints),
        captions=finished.captions,
        frames_key=_key(job, "frames.zip") if _has_small(finished) else None,
    )


def _has_small(finished: Finished) -> bool:
    return bool(finished.frames or finished.mask or finished.control)


def pack_frames(frames: Sequence[bytes], mask: bytes | None = None, control: bytes | None = None) -> bytes:
    """Many small pictures as one zip file, stored without compression: they are compressed already.

    The mask that an edit found and the control picture as it was seen are among them.
    """
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for index, frame in enumerate(frames):
            archive.writestr(f"{index:03d}", frame)
        for name, picture in ((_MASK, mask), (_CONTROL, control)):
            if picture is not None:
                archive.writestr(name, picture)
    return packed.getvalue()


def unpack_frames(packed: bytes) -> list[bytes]:
    """The frames in their order."""
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        return [archive.read(name) for name in sorted(archive.namelist()) if name not in (_MASK, _CONTROL)]


def unpack_mask(packed: bytes) -> bytes | None:
    """The mask that an edit found, or None."""
    return _unpack(packed, _MASK)


def unpack_control(packed: bytes) -> bytes | None:
    """The control picture as the model saw it, or None."""
    return _unpack(packed, _CONTROL)


def _unpack(packed: bytes, name: str) -> bytes | None:
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        return archive.read(name) if name in archive.namelist() else None


def _cell(job: Job, index: int, image: GeneratedImage) -> Cell:
    return Cell(
        job_id=job.id,
        cell=index,
        key=_key(job, f"{index}.png"),
        width=image.width,
        height=image.height,
        seed=image.seed,
        sha256=hashlib.sha256(image.png).hexdigest(),
        size_bytes=len(image.png),
        unsafe_score=image.safety.score,
        check_error=image.safety.error,
        latents_key=None if image.latents is None else _key(job, f"{index}.safetensors"),
    )


def _key(job: Job, name: str) -> str:
    return f"jobs/{job.id}/{job.epoch}-{name}"


def _json(recipe: Recipe | None) -> str:
    return "" if recipe is None else json.dumps(dataclasses.asdict(recipe))
