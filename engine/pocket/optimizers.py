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
    others = [each for each in denoiser.parameters() if id(each) not in chosen]
    muon = torch.optim.Muon(
        matrices, lr=recipe.matrix_rate, weight_decay=0.01, ns_steps=4, adjust_lr_fn="match_rms_adamw"
    )
    adamw = torch.optim.AdamW(others, lr=recipe.rate, betas=(0.9, 0.98), weight_decay=0.01)
    for optimizer, peak in ((muon, recipe.matrix_rate), (adamw, recipe.rate)):
        for group in optimizer.param_groups:
            group["peak"] = peak
    return [muon, adamw]
