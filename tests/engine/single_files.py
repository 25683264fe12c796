"""What single-file checkpoints need beside them."""

from __future__ import annotations

import shutil
from pathlib import Path

from engine.catalogue.spec_reader import SpecReader
from engine.model_files.local_models import hub_folder, write_lock
from engine.settings import EngineSettings


def pretend_pulled(settings: EngineSettings, folder: Path) -> None:
    """Put the tiny folder where the preset sd-1.5 would have been pulled to, without its weights."""
    source = SpecReader(settings.models_dir).read("sd-1.5", None).source
    snapshot = hub_folder(settings.models_dir) / "models--stable-diffusion-v1-5--stable-diffusion-v1-5" / "snapshots"
    shutil.copytree(folder, snapshot / str(source.revision), ignore=shutil.ignore_patterns("*.safetensors"))
    left_out = sorted({file.parent.name for file in folder.rglob("*.safetensors")})
    write_lock(settings.models_dir, {source.location: {"revision": source.revision, "left_out": left_out, "files": {}}})
