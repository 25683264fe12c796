"""The protocol between the engine and its workers: frozen values over a pipe. Torch-free.

Every message about a request names its `epoch`; the engine refuses what an older epoch still says (fencing).
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.errors import AbortReason, EngineError
from engine.events import Finished, Preview
from engine.requests import ImageRequest

# --- engine → worker ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Admit:
    """Open a lane. `served_ms` is what this member was given so far, so that the worker's share starts fair."""

    request: ImageRequest
    epoch: int
    served_ms: float = 0.0
    waited_s: float = 0.0
    """How long ago the request arrived: a worker, too, serves equals as they came, and its clock may be another one."""
    arrived_s: float | None = None
    """The same by the worker's clock, noted when it hears of it: a model may have to be loaded first."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """Unwind this lane at the next tick."""

    request_id: str
    epoch: int
    reason: AbortReason = AbortReason.USER_REQUEST


@dataclass(frozen=True, slots=True)
class LoadModel:
    """Load a model now, so that the first request need not wait."""

    model: str


@dataclass(frozen=True, slots=True)
class Stop:
    """Cancel what runs and exit."""


ToWorker = Admit | Cancel | LoadModel | Stop

# --- worker → engine ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker is up: torch is imported and the device answers."""

    device: str
    pid: int
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class Beat:
    """A sign of life from a side thread: what the device thread does and for how long it has been at it.

    `activity` is "idle", "loading <model>", "forward", "decode" ...; `busy_s` seconds since it began.
    """

    activity: str
    busy_s: float


@dataclass(frozen=True, slots=True)
class ModelsLoaded:
    """Which models are in memory now, with their bytes, and each one's row budget."""

    models: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class LaneStarted:
    """The request's pipeline begins."""

    request_id: str
    epoch: int


@dataclass(frozen=True, slots=True)
class LaneProgress:
    """`step` of `steps` are done; `preview` may be None."""

    request_id: str
    epoch: int
    step: int
    steps: int
    preview: Preview | None = None


@dataclass(frozen=True, slots=True)
class LaneCharged:
    """Device time this request used since the last such message: its share of the ticks by rows."""

    request_id: str
    epoch: int
    member: str
    gpu_ms: float


@dataclass(frozen=True, slots=True)
class LaneFinished:
    """The request is done."""

    request_id: str
    epoch: int
    finished: Finished


@dataclass(frozen=True, slots=True)
class LaneFailed:
    """The request ended without pictures; `error` is one leaf of `engine.errors`."""

    request_id: str
    epoch: int
    error: EngineError
    gpu_ms: float = 0.0


FromWorker = Ready | Beat | ModelsLoaded | LaneStarted | LaneProgress | LaneCharged | LaneFinished | LaneFailed
