"""Reading our own files so that a damaged or foreign one is named, with what mends it."""

# torch and diffusers leave many types open
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from engine.pocket.errors import BrokenRun, BrokenWeights

_NO_WORDS, _STATES = "no_words.safetensors", "states"


@contextmanager
def naming(path: Path, broken: type[BrokenWeights] | type[BrokenRun] = BrokenWeights) -> Generator[None]:
    """Turn what goes wrong while `path` is read into `broken`."""
    try:
        yield
    except (SafetensorError, RuntimeError, OSError, ValueError, KeyError, UnpicklingError, EOFError) as error:
        raise broken(path, _reason(path, error)) from error


def _reason(path: Path, error: Exception) -> str:
    if not path.exists():
        return "it is missing"
    # Unpickling something else fails in many ways, few of which say anything.
    if isinstance(error, (KeyError, UnpicklingError, EOFError)):
        return "it is damaged, or not what it should be"
    return str(error).strip().splitlines()[0]


def write_no_words(states: Tensor, denoiser: Path) -> None:
    """Keep the empty prompt's token states (1, L, D) in the denoiser's folder."""
    denoiser.mkdir(parents=True, exist_ok=True)
    save_file({_STATES: states.float().contiguous()}, denoiser / _NO_WORDS)


def read_no_words(denoiser: Path) -> Tensor | None:
    """The empty prompt's token states (1, L, D); None for a denoiser that came without.

    Raises:
        BrokenWeights: the file is damaged.
    """
    if not (denoiser / _NO_WORDS).exists():
        return None
    with naming(denoiser / _NO_WORDS):
        return load_file(denoiser / _NO_WORDS)[_STATES]
