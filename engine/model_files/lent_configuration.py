"""The configuration that a single-file checkpoint computes with: a preset's, changed where the file says otherwise."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any, cast

from engine.model_files.checkpoint import Checkpoint
from engine.model_files.folder_check import files_below

_ZERO_SNR = "EulerDiscreteScheduler"
"""Knows schedules that end in pure noise; PNDM, Stable Diffusion 1.5's own, does not."""
_KEPT = (".json", ".txt", ".model")


@contextlib.contextmanager
def lent_configuration(like: Path, checkpoint: Checkpoint, pipeline: str) -> Generator[Path]:
    """A folder without weights, for as long as the checkpoint is read; `like` is the preset's, `pipeline` the class."""
    with tempfile.TemporaryDirectory(prefix="darkroom-") as made:
        view = Path(made)
        for file in files_below(like):
            if file.is_file() and file.suffix in _KEPT and ".index." not in file.name:
                target = view / file.relative_to(like)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(file.read_bytes())
        _change(view / "model_index.json", _class_name=pipeline)
        _change(view / "unet" / "config.json", in_channels=checkpoint.channels)
        _change(view / "scheduler" / "scheduler_config.json", **_schedule(checkpoint))
        if checkpoint.zero_snr:
            _change(view / "model_index.json", scheduler=["diffusers", _ZERO_SNR])
        yield view


def _schedule(checkpoint: Checkpoint) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if checkpoint.predicts_v:
        changes["prediction_type"] = "v_prediction"
    if checkpoint.zero_snr:
        # Sampling must begin in pure noise too: arXiv 2305.08891, 3.3.
        changes |= {"_class_name": _ZERO_SNR, "rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
    return changes


def _change(file: Path, **values: Any) -> None:
    if values:
        known = cast("dict[str, Any]", json.loads(file.read_bytes()))
        file.write_text(json.dumps(known | values))
