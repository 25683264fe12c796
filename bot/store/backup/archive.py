"""What a backup is: one zip with the database, every picture, and a manifest that says what must be in it."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import IO, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from bot.errors import BackupUnusable
from bot.store.pictures import is_key

MANIFEST = "manifest.json"
PICTURES = "pictures/"
DATABASES: Mapping[str, str] = MappingProxyType({"sqlite": "darkroom.sqlite3", "postgresql": "darkroom.pgdump"})
_CHUNK = 1024 * 1024


class Entry(BaseModel):
    """One file in the archive."""

    model_config = ConfigDict(frozen=True)
    sha256: str
    size_bytes: int


class Manifest(BaseModel):
    """What the archive holds and what made it."""

    model_config = ConfigDict(frozen=True)
    format: Literal[1] = 1
    darkroom: str
    revision: str
    """Of the database's schema."""
    database: Literal["sqlite", "postgresql"]
    created_at: datetime
    files: dict[str, Entry]

    @property
    def database_name(self) -> str:
        """Where the database lies in the archive."""
        return DATABASES[self.database]

    @property
    def pictures(self) -> dict[str, str]:
        """Names in the archive by picture key."""
        return {name.removeprefix(PICTURES): name for name in self.files if name.startswith(PICTURES)}


class Writer:
    """Adds files to an archive and notes what they were. Blocks."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self.files: dict[str, Entry] = {}

    def add_file(self, name: str, path: Path) -> None:
        """A file from the disk, compressed."""
        info = zipfile.ZipInfo.from_file(path, name)
        info.compress_type = zipfile.ZIP_DEFLATED
        with path.open("rb") as source, self._archive.open(info, "w", force_zip64=True) as target:
            digest, size = hashlib.sha256(), 0
            while chunk := source.read(_CHUNK):
                digest.update(chunk)
                size += target.write(chunk)
        self.files[name] = Entry(sha256=digest.hexdigest(), size_bytes=size)

    def add_picture(self, key: str, content: bytes) -> None:
        """A picture, stored as it is: it is compressed already."""
        name = PICTURES + key
        self._archive.writestr(name, content, zipfile.ZIP_STORED)
        self.files[name] = Entry(sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content))

    def finish(self, manifest: Manifest) -> None:
        """The last thing written: an archive without it is not whole."""
        self._archive.writestr(MANIFEST, manifest.model_dump_json(indent=1), zipfile.ZIP_DEFLATED)


@contextmanager
def opened(file: Path) -> Generator[tuple[zipfile.ZipFile, Manifest]]:
    """A backup and its manifest. Raises `BackupUnusable`."""
    try:
        content = file.open("rb")
    except FileNotFoundError:
        raise BackupUnusable(str(file), "no such file") from None
    except OSError as error:
        raise BackupUnusable(str(file), f"cannot be read: {error.strerror}") from error
    try:
        with content, zipfile.ZipFile(content) as archive:
            yield archive, Manifest.model_validate_json(archive.read(MANIFEST))
    except (zipfile.BadZipFile, KeyError, ValidationError) as error:
        raise BackupUnusable(str(file), "not a whole backup of Darkroom") from error


def check(file: Path) -> Manifest:
    """Read every byte and compare it with the manifest. Raises `BackupUnusable` naming what is wrong. Blocks."""
    with opened(file) as (archive, manifest):
        present = set(archive.namelist()) - {MANIFEST}
        if missing := manifest.files.keys() - present:
            raise BackupUnusable(str(file), f"{len(missing)} files are missing, the first is {min(missing)}")
        if strange := sorted(key for key in manifest.pictures if not is_key(key)):
            raise BackupUnusable(str(file), f"{len(strange)} pictures have names that Darkroom does not give")
        if manifest.database_name not in present:
            raise BackupUnusable(str(file), "there is no database in it")
        for name, entry in manifest.files.items():
            with archive.open(name) as content:
                if _digest(content) != entry.sha256:
                    raise BackupUnusable(str(file), f"{name} is damaged")
    return manifest


def _digest(content: IO[bytes]) -> str:
    return hashlib.file_digest(content, "sha256").hexdigest()  # pyright: ignore[reportArgumentType]  (any readable)
