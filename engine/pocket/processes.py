"""Training in as many processes as pay off: two single-threaded ones on a CPU, one on a GPU."""

# torch and diffusers leave many types open
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

import os
import warnings
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
import torch.distributed as dist
from torch.multiprocessing.spawn import spawn

from engine.pocket.data import DRAWN
from engine.pocket.errors import MissingData
from engine.pocket.recipe import Recipe
from engine.pocket.train import Progress, Trainer, check
from engine.processes.child_environment import ON_CPU


def train(
    recipe: Recipe, cache: Path, run: Path, weights: Path, processes: int, show: Callable[[Progress], None]
) -> None:
    """Run the recipe to its end on the GPU if there is one, else in `processes` CPU processes.

    Only the first process calls `show`, in a process of its own on a CPU: pass a module-level function or partial.
    """
    if not (cache / DRAWN).exists():
        raise MissingData(cache)
    check(recipe, run)  # here, not in three processes at once
    if torch.cuda.is_available():
        torch.set_float32_matmul_precision("high")
        Trainer(recipe, cache, run, weights, torch.device("cuda")).run(show)
        return
    os.environ.update(ON_CPU | {"OMP_NUM_THREADS": "1"})  # read by the children when they start
    with TemporaryDirectory() as meeting:
        arguments = (processes, f"file://{meeting}/meeting", recipe, cache, run, weights, show)
        spawn(_work, arguments, nprocs=processes)


def _work(
    rank: int,
    world: int,
    meeting: str,
    recipe: Recipe,
    cache: Path,
    run: Path,
    weights: Path,
    show: Callable[[Progress], None],
) -> None:
    # Autocast mixes bfloat16 activations with float32 norms on purpose.
    warnings.filterwarnings("ignore", message="Mismatch dtype")
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=world)
    Trainer(recipe, cache, run, weights, torch.device("cpu")).run(show)
    dist.destroy_process_group()
