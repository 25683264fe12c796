"""What can go wrong around the embedded model; every message says what mends it.

PocketError
├── MissingTool     a training-time program or package is not installed
├── MissingData     the training set has not been built
├── WrongHash       a fetched file is not the pinned one
├── BrokenWeights   a weight file is damaged or belongs to something else
└── BrokenRun       an interrupted run cannot be resumed
"""

from dataclasses import dataclass
from pathlib import Path


class PocketError(Exception):
    """Base of everything this package raises on purpose."""


@dataclass(eq=False)
class MissingTool(PocketError):
    """A program or package that only building and training need is not installed."""

    tool: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.tool} is needed here and is not installed: {self.remedy}"


@dataclass(eq=False)
class MissingData(PocketError):
    """The training set has not been built in `folder`."""

    folder: Path

    def __str__(self) -> str:
        return f"no training set in {self.folder}: build it with `python -m engine.pocket data --cache {self.folder}`"


@dataclass(eq=False)
class WrongHash(PocketError):
    """A fetched file is not the one this project pinned."""

    source: str
    expected: str
    found: str

    def __str__(self) -> str:
        return (
            f"{self.source} is not the file this project pinned (sha256 {self.found}, expected {self.expected}): "
            "delete it and fetch it again; if it differs again, do not use it"
        )


@dataclass(eq=False)
class BrokenWeights(PocketError):
    """A weight file is missing, damaged or belongs to something else."""

    path: Path
    reason: str

    def __str__(self) -> str:
        return (
            f"{self.path} cannot be used ({self.reason}): restore it with `git checkout -- {self.path}` or "
            "reinstall Darkroom; `python -m engine.pocket train --restart` trains a new one"
        )


@dataclass(eq=False)
class BrokenRun(PocketError):
    """The checkpoint of an interrupted run is damaged or belongs to something else."""

    path: Path
    reason: str

    def __str__(self) -> str:
        return (
            f"{self.path} cannot be resumed ({self.reason}): begin anew with "
            f"`python -m engine.pocket train --run {self.path.parent} --restart`"
        )
