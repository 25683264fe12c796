"""Muon for the matrices, AdamW for everything else."""

# torch and diffusers leave many types open
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

import torch

from engine.pocket.denoiser import PocketDenoiser
from engine.pocket.recipe import Recipe


def optimizers(denoiser: PocketDenoiser, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """Each group of theirs knows its `peak` rate."""
    matrices = [
        each for name, each in denoiser.blocks.named_parameters() if each.ndim == 2 and "modulation" not in name
    ]
    chosen = {id(each) for each in matrices}
    looking = [] if denoiser.recall is None else list(denoiser.recall.parameters())
    chosen |= {id(each) for each in looking}
    others = [each for each in denoiser.parameters() if id(each) not in chosen]
    muon = torch.optim.Muon(
        matrices, lr=recipe.matrix_rate, weight_decay=0.01, ns_steps=4, adjust_lr_fn="match_rms_adamw"
    )
    groups = [{"params": others, "peak": recipe.rate}, {"params": looking, "peak": 3 * recipe.rate}]
    adamw = torch.optim.AdamW(
        [each for each in groups if each["params"]], lr=recipe.rate, betas=(0.9, 0.98), weight_decay=0.01
    )
    for group in muon.param_groups:
        group["peak"] = recipe.matrix_rate
    return [muon, adamw]
