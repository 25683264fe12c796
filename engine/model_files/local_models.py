"""Where pulled models lie on this machine, and at which commits. Torch-free."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from engine.errors import ModelLoadFailed
from engine.model_files import atomic_file
from engine.model_files.hub_cache import home_of, in_hub_cache
from engine.model_spec import EVERY, Source


def hub_folder(models_dir: Path) -> Path:
    """The folder in huggingface_hub's cache layout."""
    return models_dir / "hub"


def lock_file(models_dir: Path) -> Path:
    """Which repository was pulled at which commit, with sizes and hashes."""
    return models_dir / "models.lock"


class _File(BaseModel):
    bytes: int
    sha256: str | None


class _Pulled(BaseModel):
    revision: str
    licence: str = "not stated"
    left_out: tuple[str, ...] = ()
    """Components of which no weights were fetched."""
    files: dict[str, _File]


_LOCK = TypeAdapter(dict[str, _Pulled])


def read_lock(models_dir: Path) -> dict[str, Any]:
    """Repository -> {"revision", "licence", "left_out", "files"}; {} when nothing was pulled yet.

    Raises `ModelLoadFailed` when it says nothing that could be understood.
    """
    path = lock_file(models_dir)
    if not path.is_file():
        return {}
    try:
        return {name: pulled.model_dump() for name, pulled in _LOCK.validate_json(path.read_bytes()).items()}
    except ValidationError as error:
        remedy = "delete it and pull your models again: files that are here are not fetched twice"
        raise ModelLoadFailed(str(path), "this list of what was pulled is damaged", remedy) from error


def write_lock(models_dir: Path, lock: Mapping[str, Any]) -> None:
    """Replace the lock as a whole: a reader never sees half of it."""
    content = json.dumps(lock, indent=1, sort_keys=True) + "\n"
    atomic_file.replace(lock_file(models_dir), content.encode())


def find_pulled(source: Source, models_dir: Path) -> Path | None:
    """The snapshot folder (or the one file) of a hub source, or None when it was not pulled.

    What other programs have fetched into the user's own Hugging Face cache is found too.
    """
    return _in_models_dir(source, models_dir) or in_hub_cache(source)


def _in_models_dir(source: Source, models_dir: Path) -> Path | None:
    pulled = read_lock(models_dir).get(source.location, {})
    revision = source.revision or pulled.get("revision")
    # Without the lock's word a download may be half done.
    if revision is None or pulled.get("revision") != revision or source.file not in (None, *pulled["files"]):
        return None
    if EVERY not in source.weightless and not set(pulled["left_out"]) <= set(source.weightless):
        return None
    snapshot = hub_folder(models_dir) / home_of(source.location) / "snapshots" / revision
    wanted = snapshot / source.file if source.file else snapshot
    return wanted if wanted.exists() else None
