"""Sizes of the model behind a `ModelSpec`: from its files where they are here, else from known sizes. Torch-free."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from engine.memory.file_sizes import file_sizes
from engine.memory.folder_sizes import folder_sizes
from engine.memory.known_sizes import known_sizes
from engine.memory.model_sizes import ComponentSizes, ModelSizes
from engine.model_files import diffusers_folder
from engine.model_files.local_models import find_pulled
from engine.model_spec import ModelSpec, Source


def sizes_of(spec: ModelSpec, models_dir: Path) -> ModelSizes | None:
    """All that is loaded for the model; None where that cannot be told. Raises `ModelLoadFailed` for damaged files."""
    sources = {"": spec.source, "prior_": spec.prior, **{f"stage_{n}_": stage for n, stage in enumerate(spec.stages)}}
    found: list[ComponentSizes] = []
    if spec.source.origin == "file":
        sizes = _of_file(spec, models_dir)
        if sizes is None:
            return None
        found, sources = list(sizes.components), {}
    for prefix, source in sources.items():
        if source is None:
            continue
        sizes = _of_source(source, models_dir)
        if sizes is None:
            return None
        found += _named(prefix, source, sizes)
    return ModelSizes(tuple(found))


def _of_file(spec: ModelSpec, models_dir: Path) -> ModelSizes | None:
    """A file's components by its header, the others by those of its base."""
    lent = spec.configuration
    if lent is None:
        return None
    folder = find_pulled(lent, models_dir) if lent.origin == "hub" else Path(lent.location)
    return file_sizes(Path(spec.source.location), folder, _of_source(lent, models_dir))


def _of_source(source: Source, models_dir: Path) -> ModelSizes | None:
    folder = find_pulled(source, models_dir) if source.origin == "hub" else Path(source.location)
    if folder is None or not folder.is_dir():
        return known_sizes(source.location)
    read = diffusers_folder.read(folder, source.variant)
    # What was pulled for a single file has configurations and no weights.
    return folder_sizes(folder, read) if read.weights else known_sizes(source.location)


def _named(prefix: str, source: Source, sizes: ModelSizes) -> Iterator[ComponentSizes]:
    for each in sizes.components:
        if not (prefix and each.name in source.shared):
            yield replace(each, name=prefix + each.name)
