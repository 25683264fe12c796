"""Makes pictures for many people at once. Everything a caller needs is here, and nothing here imports torch.

The names are those of `engine.surface`, which is imported when somebody asks for the first of them: it takes most of a
second, and processes of the engine's own do without it.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.surface import *  # noqa: F403

_BEFORE_ALL = {"HeadStart": "engine.processes.head_start"}
"""What a program wants before anything else."""


def __getattr__(name: str) -> object:
    if name.startswith("_") and name != "__all__":  # Python asks for these itself
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_BEFORE_ALL.get(name, "engine.surface")), name)
