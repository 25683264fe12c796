"""Fetches a model's files from the hub, safetensors only. Torch-free.

A branch is resolved to its commit once; the commit and every file's sha256 are kept in models.lock. Files that are
here already are not fetched again, broken downloads go on where they stopped.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportMissingTypeArgument=false
# pyright: reportPrivateImportUsage=false
# (tqdm is generic for type checkers only; huggingface_hub's HTTPError is that of whichever HTTP library it uses)

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, hf_hub_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HFValidationError,
    HTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from tqdm import tqdm

from engine.errors import ModelLoadFailed
from engine.model_files.content_hash import bytes_sha256
from engine.model_files.diffusers_folder import INDEXES, PICKLES
from engine.model_files.file_choice import RemoteFile, choose_files
from engine.model_files.local_models import find_pulled, hub_folder, read_lock, write_lock
from engine.model_spec import EVERY, ModelSpec, Source
from engine.settings import EngineSettings

_SPARE_BYTES = 2_000_000_000
_FAILURES = (HTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled, HFValidationError)


@dataclass(frozen=True, slots=True)
class PullProgress:
    """`done` of `total` bytes of the whole model are here; `file` is on its way."""

    file: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be fetched of one repository, at one commit."""

    source: Source
    revision: str
    licence: str
    files: tuple[RemoteFile, ...]
    left_out: frozenset[str]
    """Components of which no weights are fetched."""


class Downloader:
    """Fetches models into `settings.models_dir`."""

    def __init__(
        self,
        settings: EngineSettings,
        report: Callable[[PullProgress], None] = lambda _: None,
        endpoint: str | None = None,
    ) -> None:
        self._settings, self._report, self._endpoint = settings, report, endpoint
        self._cache = hub_folder(settings.models_dir)
        self._done = self._total = 0

    def pull(self, spec: ModelSpec, config_only: bool = False) -> None:
        """Fetch all that `spec` needs and has not got, or only configurations and vocabularies; seconds to hours.

        Raises `ModelLoadFailed` naming the model and the remedy: no such repository, terms not accepted, pickled
        weights only, too little disk space, no network, a file whose hash is wrong.
        """
        wanted = spec.sources
        if config_only:
            wanted = tuple(replace(source, weightless=(EVERY,)) for source in wanted if source.file is None)
        missing = [source for source in wanted if self._is_missing(source)]
        if missing and self._settings.offline:
            raise ModelLoadFailed(spec.name, "the settings say `offline`", "set offline = false to fetch it")
        for source in missing:
            try:
                self._fetch(spec, self._plan(spec, source))
            except _FAILURES as error:
                raise _explained(spec, source, error) from error

    def _is_missing(self, source: Source) -> bool:
        return source.origin == "hub" and find_pulled(source, self._settings.models_dir) is None

    def _plan(self, spec: ModelSpec, source: Source) -> Plan:
        info: Any = HfApi(endpoint=self._endpoint).model_info(
            source.location, revision=source.revision, files_metadata=True
        )
        files = [
            RemoteFile(each.rfilename, each.size or 0, each.lfs.sha256 if each.lfs else None) for each in info.siblings
        ]
        index: dict[str, Any] = {}
        if source.file is None:
            found = next((name for name in INDEXES if any(file.path == name for file in files)), None)
            if found is None:
                raise ModelLoadFailed(spec.name, f"{source.location} is no diffusers repository", "choose another")
            index = json.loads(self._download(source.location, found, info.sha).read_text("utf-8"))
        licence = str(getattr(info.card_data, "license", None) or "not stated")
        return Plan(source, info.sha, licence, choose_files(spec.name, source, files, index), _left_out(source, files))

    def _fetch(self, spec: ModelSpec, plan: Plan) -> None:
        self._done, self._total = 0, sum(file.bytes for file in plan.files)
        self._check_disk(spec, self._total)
        for file in plan.files:
            before = self._done
            path = self._download(plan.source.location, file.path, plan.revision, self._bar(file.path))
            if file.sha256 is not None and bytes_sha256(path) != file.sha256:
                path.resolve().unlink()
                raise ModelLoadFailed(spec.name, f"{file.path} has the wrong sha256", "pull it again")
            self._done = before + file.bytes
            self._report(PullProgress(file.path, self._done, self._total))
        self._note(plan)

    def _note(self, plan: Plan) -> None:
        """Keep what was fetched in the lock, beside what was fetched of the same commit before."""
        lock = read_lock(self._settings.models_dir)
        left_out, files = (
            plan.left_out,
            {file.path: {"bytes": file.bytes, "sha256": file.sha256} for file in plan.files},
        )
        asked = plan.source.revision
        before = lock.get(plan.source.location)
        if before is not None and before["revision"] == plan.revision:
            left_out, files = left_out & set(before["left_out"]), before["files"] | files
            asked = asked or before["asked"]
        lock[plan.source.location] = {
            "revision": plan.revision,
            "asked": asked,
            "licence": plan.licence,
            "left_out": sorted(left_out),
            "files": files,
        }
        write_lock(self._settings.models_dir, lock)

    def _check_disk(self, spec: ModelSpec, total: int) -> None:
        self._cache.mkdir(parents=True, exist_ok=True)
        needed, free = total * 1.1 + _SPARE_BYTES, shutil.disk_usage(self._cache).free
        if free < needed:
            why = f"it needs {needed / 1e9:.1f} GB of disk space and {free / 1e9:.1f} GB are free"
            raise ModelLoadFailed(spec.name, why, "make room, or set models_dir to a larger disk")

    def _download(self, repository: str, file: str, revision: str, bar: type[tqdm[Any]] | None = None) -> Path:
        return Path(
            hf_hub_download(
                repository, file, revision=revision, cache_dir=self._cache, endpoint=self._endpoint, tqdm_class=bar
            )
        )

    def _bar(self, file: str) -> type[tqdm[Any]]:
        """huggingface_hub tells its progress to a tqdm class only."""
        puller = self

        class Bar(tqdm):
            def __init__(self, *args: Any, **kwargs: Any) -> None:
                kwargs.pop("name", None)
                super().__init__(*args, **{**kwargs, "disable": True})

            def update(self, n: float | None = 1) -> bool | None:
                puller._done += int(n or 0)
                puller._report(PullProgress(file, min(puller._done, puller._total), puller._total))
                return None

        return Bar


def _left_out(source: Source, files: Sequence[RemoteFile]) -> frozenset[str]:
    """Components that have weights in the repository, of which none are fetched."""
    having = {file.path.partition("/")[0] for file in files if file.path.endswith((".safetensors", *PICKLES))}
    return frozenset(having if EVERY in source.weightless else having & set(source.weightless))


def _explained(spec: ModelSpec, source: Source, error: Exception) -> ModelLoadFailed:
    page = f"https://huggingface.co/{source.location}"
    match error:
        # A gated repository's error is a kind of RepositoryNotFoundError: it has to come first.
        case GatedRepoError():
            why = f"{source.location} gives its files only to people who accepted its terms"
            return ModelLoadFailed(spec.name, why, f"accept them on {page}, then set HF_TOKEN to a token of yours")
        case RepositoryNotFoundError():
            return ModelLoadFailed(spec.name, f"there is no repository {source.location}, or it is private", page)
        case HFValidationError():
            return ModelLoadFailed(spec.name, str(error), "write it as hf:organisation/repository@commit")
        case RevisionNotFoundError() | EntryNotFoundError():
            why = f"{source.location} has no revision {source.revision or 'main'} with these files"
            return ModelLoadFailed(spec.name, why, page)
        case OfflineModeIsEnabled():
            why = "HF_HUB_OFFLINE is set, so nothing is downloaded"
            return ModelLoadFailed(spec.name, why, "unset it, and try again; what is here already is kept")
        case _:
            why = f"the hub cannot be reached ({type(error).__name__})"
            return ModelLoadFailed(spec.name, why, "try again; what is here already is kept")
