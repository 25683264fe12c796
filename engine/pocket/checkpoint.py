"""Reading our own files so that a damaged or foreign one is named, with what mends it."""

# torch and diffusers leave many types open
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError

from safetensors import SafetensorError

from engine.pocket.errors import BrokenWeights


@contextmanager
def naming(path: Path) -> Generator[None]:
    """Turn what goes wrong while `path` is read into BrokenWeights."""
    try:
        yield
    except (SafetensorError, RuntimeError, OSError, ValueError, KeyError, UnpicklingError, EOFError) as error:
        raise BrokenWeights(path, str(error).strip().splitlines()[0]) from error
