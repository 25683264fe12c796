"""A worker's tick loop without a process around it, to look at its parts."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from engine.batching.batch_runner import BatchRunner
from engine.loading.loaded_model import LoadedModel
from engine.processes.protocol import Activity, Admit, FromWorker, LaneFailed, LaneFinished
from engine.requests import ImageRequest
from engine.settings import EngineSettings
from engine.worker.lane_factory import OpenLane
from engine.worker.tick_loop import TickLoop


@dataclass
class Desk:
    """A worker's tick loop without a process around it."""

    model: LoadedModel
    settings: EngineSettings
    said: list[FromWorker] = field(default_factory=list[FromWorker])
    activities: list[Activity] = field(default_factory=lambda: [Activity.IDLE])
    opened: int = 0

    def __post_init__(self) -> None:
        self.tick_loop = TickLoop(
            self.settings,
            self.model.device,
            self.said.append,
            lambda _: None,
            BatchRunner(self.settings.deterministic),
            activity=self.activities.append,
        )

    def open(self, request: ImageRequest, previews: bool = True) -> OpenLane:
        """Open a lane up to its first parked call."""
        self.opened += 1
        self.tick_loop.open(Admit(request, epoch=1), self.model)
        opened = self.tick_loop.lanes[request.id]
        if not previews:
            opened.previews.has_shown, opened.previews.time_budget.share = True, 0.0
        return opened

    def finish(self) -> None:
        """Tick until nobody waits."""
        while self.tick_loop.lanes:
            self.tick_loop.tick()

    def wait(self) -> None:
        """Wait for the files of finished lanes."""
        while self.opened > sum(isinstance(word, LaneFinished | LaneFailed) for word in self.said):
            time.sleep(0.001)


def requests(like: ImageRequest, count: int) -> list[ImageRequest]:
    """`count` requests like one, each of a member of its own."""
    fields = like.model_dump(exclude={"id", "seed", "member"})
    return [type(like)(**fields, seed=100 * number, member=f"member {number}") for number in range(count)]
