"""The folder of a training run: its checkpoint and its losses."""

# torch and diffusers leave many types open
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

import io
from pathlib import Path
from typing import Any

import torch
from diffusers.training_utils import EMAModel

from engine.model_files import atomic_file
from engine.pocket.checkpoint import naming
from engine.pocket.denoiser import PocketDenoiser
from engine.pocket.errors import BrokenRun

CHECKPOINT = "denoiser.pt"
LOSSES = "losses.jsonl"
_KEPT = frozenset({"denoiser", "ema", "optimizers", "config", "step", "pictures", "seconds"})


def checkpoint(run: Path, device: torch.device) -> dict[str, Any]:
    """What was kept last. Raises `BrokenRun`."""
    with naming(run / CHECKPOINT, BrokenRun):
        state: dict[str, Any] = torch.load(run / CHECKPOINT, map_location=device, weights_only=True)
        if missing := _KEPT - state.keys():
            raise ValueError(f"without {', '.join(sorted(missing))}")
    return state


def keep(run: Path, state: dict[str, Any]) -> None:
    """Replace the checkpoint as a whole."""
    content = io.BytesIO()
    torch.save(state, content)
    atomic_file.replace(run / CHECKPOINT, content.getvalue())


def averaged(run: Path) -> PocketDenoiser:
    """The averaged weights of a run's checkpoint, as a model in eval mode. Raises `BrokenRun`."""
    state = checkpoint(run, torch.device("cpu"))
    denoiser = PocketDenoiser(**state["config"])
    denoiser.load_state_dict(state["denoiser"])
    ema = EMAModel(denoiser.parameters())
    ema.load_state_dict(state["ema"])
    ema.copy_to(denoiser.parameters())
    return denoiser.eval()
