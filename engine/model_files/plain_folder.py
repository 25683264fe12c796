"""A view of a model folder without variant names, as links to the chosen files, for libraries that know none."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Generator, Mapping
from pathlib import Path

from engine.model_files.diffusers_folder import INDEXES, ModelFolder
from engine.model_files.weight_files import Weights


@contextlib.contextmanager
def plain_folder(folder: Path, found: ModelFolder) -> Generator[Path]:
    """A folder of links without the names of variants.

    diffusers takes one variant for the whole folder, and fails where a part has none, or another one.
    """
    with tempfile.TemporaryDirectory(prefix="darkroom-") as made:
        view = Path(made)
        for index in INDEXES:
            if (folder / index).is_file():
                (view / index).symlink_to((folder / index).resolve())
        for name in found.components:
            if (folder / name).is_dir():
                (view / name).mkdir()
                _link(folder / name, view / name, found.weights.get(name))
        yield view


def _link(component: Path, view: Path, weights: Weights | None) -> None:
    plain: Mapping[str, str] = weights.plain_names() if weights else {}
    for path in component.iterdir():
        is_other = path.suffix == ".safetensors" or ".index." in path.name
        if path.name in plain or not is_other:
            (view / plain.get(path.name, path.name)).symlink_to(path.resolve())
