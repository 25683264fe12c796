"""The protocol between the engine and its workers: frozen values over a pipe. Torch-free.

The engine sends its messages one by one, a worker tuples of messages: it has several for every tick.

Every message about a request names its `epoch`; the engine refuses what an older epoch still says (fencing).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from engine.errors import AbortReason, EngineError
from engine.events import Finished, Preview
from engine.requests import ImageRequest

# --- engine → worker ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Admit:
    """Open a lane. `served_ms` is the member's virtual time so far, at which the worker's fair share begins."""

    request: ImageRequest
    epoch: int
    served_ms: float = 0.0
    waited_s: float = 0.0
    """Seconds since the request arrived, not a time, because the worker's clock may differ."""
    arrived_s: float | None = None
    """The time of arrival by the worker's clock, set by the worker on receipt: its model may still have to load."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """Unwind this lane at the next tick."""

    request_id: str
    epoch: int
    reason: AbortReason = AbortReason.USER_REQUEST


@dataclass(frozen=True, slots=True)
class LoadModel:
    """Load a model before its first request."""

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


class Activity(enum.StrEnum):
    """What the device thread of a worker does."""

    STARTING = "starting"
    IDLE = "idle"
    LOADING = "loading"
    """A model, named by the beat's `model`; only while no lane runs."""
    ENCODE = "encode"
    DENOISE = "denoise"
    DECODE = "decode"


@dataclass(frozen=True, slots=True)
class Beat:
    """A sign of life, sent by a side thread: what the device thread does, and for how many seconds so far."""

    activity: Activity
    busy_s: float
    model: str = ""
    """The model that is loaded."""

    def __str__(self) -> str:
        """The activity in words: "idle", "loading sdxl"."""
        return f"{self.activity} {self.model}".rstrip()


@dataclass(frozen=True, slots=True)
class ModelsLoaded:
    """The models in memory: (name, bytes) each."""

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
