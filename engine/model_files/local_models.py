"""Where pulled models lie on this machine, and at which commits; what other programs fetched is found too. Torch-free.

The user's own Hugging Face cache has `models--ORG--NAME/snapshots/COMMIT/...`, links into `blobs`, and `refs` with
the commits of branches and tags. A file is linked there when it is complete. No network is asked.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel, TypeAdapter, ValidationError

from engine.errors import ModelLoadFailed
from engine.model_files import atomic_file
from engine.model_files.diffusers_folder import INDEXES, UNWANTED, WEIGHTLESS, components_of, read_json
from engine.model_files.weight_files import choose_weights
from engine.model_spec import EVERY, Source


def hub_folder(models_dir: Path) -> Path:
    """The folder in huggingface_hub's cache layout."""
    return models_dir / "hub"


def lock_file(models_dir: Path) -> Path:
    """Which repository was pulled at which commit, with sizes and hashes."""
    return models_dir / "models.lock"


_MAIN = "main"


class _File(BaseModel):
    bytes: int
    sha256: str | None


class _Pulled(BaseModel):
    revision: str
    asked: str | None = None
    """The revision's name as the settings have it ("v1.0"), where that is not the commit."""
    licence: str = "not stated"
    left_out: tuple[str, ...] = ()
    """Components of which no weights were fetched."""
    files: dict[str, _File]


_LOCK = TypeAdapter(dict[str, _Pulled])


def read_lock(models_dir: Path) -> dict[str, Any]:
    """Repository -> {"revision", "asked", "licence", "left_out", "files"}; {} when nothing was pulled yet.

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
    revision = pulled.get("revision")
    # Without the lock's word a download may be half done.
    if revision is None or source.revision not in (None, revision, pulled["asked"]):
        return None
    if source.file not in (None, *pulled["files"]):
        return None
    if EVERY not in source.weightless and not set(pulled["left_out"]) <= set(source.weightless):
        return None
    snapshot = hub_folder(models_dir) / home_of(source.location) / "snapshots" / revision
    wanted = snapshot / source.file if source.file else snapshot
    return wanted if wanted.exists() else None


def home_of(repository: str) -> str:
    """The name of a repository's folder in a cache."""
    return "models--" + repository.replace("/", "--")


def cache_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where huggingface_hub keeps files, by the variables that it reads itself."""
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if environ.get(name):
            return Path(environ[name]).expanduser()
    if environ.get("HF_HOME"):
        return Path(environ["HF_HOME"]).expanduser() / "hub"
    home = environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(home).expanduser() / "huggingface" / "hub"


def in_hub_cache(source: Source) -> Path | None:
    """The snapshot folder (or the one file) of a hub source in the cache; None where it is not there as a whole."""
    home = cache_folder() / home_of(source.location)
    revision = _commit(home, source.revision or _MAIN)
    snapshot = home / "snapshots" / revision if revision else None
    if snapshot is None or not snapshot.is_dir():
        return None
    if source.file is not None:
        return snapshot / source.file if (snapshot / source.file).is_file() else None
    try:
        return snapshot if _is_whole(snapshot, source) else None
    except ModelLoadFailed:
        return None


def _commit(home: Path, revision: str) -> str | None:
    """The commit that a branch's or tag's name stands for there; a commit stands for itself."""
    if (home / "snapshots" / revision).is_dir():
        return revision
    try:
        return (home / "refs" / revision).read_text("ascii").strip() or None
    except (OSError, UnicodeDecodeError):
        return None


def _is_whole(snapshot: Path, source: Source) -> bool:
    index = next((name for name in INDEXES if (snapshot / name).is_file()), None)
    if index is None:
        return False
    left_out = {*UNWANTED, *source.shared}
    parts = {name: kind for name, kind in components_of(read_json(snapshot, index)).items() if name not in left_out}
    return all(_has(snapshot / name, library, cls, source) for name, (library, cls) in parts.items())


def _has(component: Path, library: str, class_name: str, source: Source) -> bool:
    """Whether a component's files are there: its configuration, and its weights where they are needed."""
    if not component.is_dir():
        return False
    needs_none = WEIGHTLESS.search(class_name) or component.name in source.weightless or EVERY in source.weightless
    names = [path.name for path in component.iterdir() if path.is_file()]
    if needs_none:
        return bool(names)
    chosen = choose_weights(names, library, source.variant)
    if chosen is None or not chosen.is_sharded:
        return chosen is not None
    return chosen.index is not None and _shards(component, chosen.index) <= set(names)


def _shards(component: Path, index: str) -> set[str]:
    places: Any = read_json(component, index).get("weight_map")
    return {str(file) for file in cast("dict[str, Any]", places).values()} if isinstance(places, dict) else set()
