"""The configuration that a single-file checkpoint computes with: its base's, changed where the file says otherwise."""

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
_KEPT = (".json", ".txt", ".model", ".jinja")
_CONFIG = "config.json"


@contextlib.contextmanager
def lent_configuration(
    like: Path, checkpoint: Checkpoint, pipeline: str, held: frozenset[str] = frozenset()
) -> Generator[Path]:
    """A folder like the base's, for as long as the checkpoint is read; `pipeline` is the class that draws.

    Of components that are `held` elsewhere it has no weights; those of the others are links.
    """
    with tempfile.TemporaryDirectory(prefix="darkroom-") as made:
        view = Path(made)
        for file in files_below(like):
            if not file.is_file():
                continue
            name = file.relative_to(like)
            target, is_held = view / name, name.parts[0] in held or len(name.parts) == 1
            if file.suffix in _KEPT and not (is_held and ".index." in file.name):
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(file.read_bytes())
            elif file.suffix == ".safetensors" and not is_held:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.symlink_to(file.resolve())
        _obey(view, checkpoint, pipeline)
        yield view


def _obey(view: Path, checkpoint: Checkpoint, pipeline: str) -> None:
    """Write what the file says of itself into the configuration."""
    _change(view / "model_index.json", _class_name=pipeline)
    if checkpoint.family.denoiser == "unet":
        _change(view / "unet" / _CONFIG, in_channels=checkpoint.channels)
    if checkpoint.family.name == "flux":
        _change(view / "transformer" / _CONFIG, guidance_embeds=checkpoint.takes_guidance)
    _change(view / "scheduler" / "scheduler_config.json", **_schedule(checkpoint))
    if checkpoint.zero_snr:
        _change(view / "model_index.json", scheduler=["diffusers", _ZERO_SNR])


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
