"""Gives requests lanes on devices, and their callers events. Event loop only."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from engine.errors import AbortReason, DeviceLost, EngineError, MemberQueueFull, QueueFull, RequestAborted
from engine.events import Finished, Queued
from engine.fair_share import FairShare
from engine.processes.child_main import WORKER, LaunchOptions
from engine.processes.protocol import Activity, LaneCharged, LaneFailed, LaneFinished, LaneProgress, LaneStarted
from engine.processes.spawning import Spawner, spawner
from engine.serving.cost_estimates import CostEstimates
from engine.serving.device_pool import DevicePool
from engine.serving.device_supervisor import Assignment, DeviceState, DeviceSupervisor, LaneMessage
from engine.serving.queue_positions import Capacity, QueuePositions
from engine.serving.request_state import Phase, RequestState
from engine.settings import EngineSettings

TICK_S = 1.0
"""Seconds between updates of waiting requests' positions while nothing begins or ends."""


class Dispatcher:
    """The waiting and the running requests, between the engine's callers and the device pool."""

    def __init__(
        self,
        names: Sequence[str],
        settings: EngineSettings,
        share: FairShare,
        entry: str = WORKER,
        spawner: Callable[[LaunchOptions], Spawner] = spawner,
    ) -> None:
        self.device_pool = DevicePool(names, settings, self, entry, spawner)
        self.estimates = CostEstimates()
        self.is_paused = False
        self.empty = asyncio.Event()
        """Set while no request is waiting or running."""
        self.empty.set()
        self._share, self._settings = share, settings
        self._positions = QueuePositions(share, self.estimates)
        self._request_states: dict[str, RequestState] = {}
        self._pump_due: asyncio.Handle | None = None
        self._ticking: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start the workers."""
        self.device_pool.start()
        self._ticking = asyncio.create_task(self._tick(), name="engine tick")

    async def stop(self) -> None:
        """End the workers; requests must be over by then."""
        if self._ticking:
            self._ticking.cancel()
        await self.device_pool.stop()
        if self._pump_due:
            self._pump_due.cancel()

    @property
    def waiting(self) -> list[RequestState]:
        """Requests without a lane, in the order in which they would start now."""
        return self._positions.in_order(self._in(Phase.WAITING), self.running, time.monotonic())

    @property
    def running(self) -> list[RequestState]:
        """Requests with a lane."""
        return self._in(Phase.RUNNING)

    def accept(self, request_state: RequestState) -> None:
        """Queue a request. Raises `QueueFull` or `MemberQueueFull`."""
        self._refuse_overflow(request_state.request.member)
        self._request_states[request_state.request.id] = request_state
        self.empty.clear()
        self._share.join(request_state.request.account, request_state.request.weight)
        self.pump_soon()

    def positions(self) -> dict[str, Queued]:
        """By request id, where each waiting request stands, in the order in which they would start now."""
        return {request_state.request.id: place for request_state, place in self._queued()}

    def knows(self, request_id: str) -> bool:
        """Is this request waiting or running?"""
        return request_id in self._request_states

    def abort(self, request_id: str, reason: AbortReason) -> None:
        """End a request now; its lane, if it has one, is unwound afterwards."""
        if request_state := self._request_states.get(request_id):
            self.device_pool.cancel(request_id, reason)
            self._end(request_state, RequestAborted(reason))

    def abort_all(self, request_states: Iterable[RequestState], reason: AbortReason) -> None:
        """End these requests now."""
        for request_state in request_states:
            self.abort(request_state.request.id, reason)

    def pump_soon(self) -> None:
        """Assign free lanes at the next turn of the event loop."""
        if self._pump_due is None:
            self._pump_due = asyncio.get_running_loop().call_soon(self._pump)

    def changed(self, device: DeviceSupervisor) -> None:
        """A device may be able to take lanes now."""
        self.pump_soon()

    def hear(self, device: DeviceSupervisor, assignment: Assignment, message: LaneMessage) -> None:
        """Handle a worker's message about a lane of the present epoch."""
        request_state = self._request_of(assignment)
        match message:
            case LaneStarted():
                if request_state:
                    request_state.tell_started(device.name)
            case LaneProgress():
                if request_state:
                    request_state.tell_progress(message.step, message.steps, message.preview, time.monotonic())
            case LaneCharged():  # also of a cancelled request: its member did use the device
                self._charge(assignment, request_state, message.gpu_ms)
            case LaneFinished():
                self._finish(assignment, request_state, message.finished)
            case LaneFailed():
                self._fail(assignment, request_state, message)

    def lost(self, device: DeviceSupervisor, lanes: tuple[Assignment, ...], why: str) -> None:
        """A worker is gone: its requests wait again, until each has lost `max_attempts` workers."""
        for assignment in lanes:
            if request_state := self._request_of(assignment):
                request_state.losses += 1
                request_state.phase, request_state.charged_ms = Phase.WAITING, 0.0
                if request_state.losses >= self._settings.max_attempts:
                    self._end(request_state, DeviceLost(device.name, request_state.losses))
        if self.device_pool.is_lost:
            for request_state in self.waiting:
                self._end(request_state, DeviceLost(device.name, device.backoff.stillborn))
        self.pump_soon()

    def _request_of(self, assignment: Assignment) -> RequestState | None:
        """The request of an assignment; None if it is over, also where its id was submitted again."""
        request_state = self._request_states.get(assignment.request.id)
        return request_state if request_state and request_state.epoch == assignment.epoch else None

    def _in(self, phase: Phase) -> list[RequestState]:
        return [request_state for request_state in self._request_states.values() if request_state.phase is phase]

    def _charge(self, assignment: Assignment, request_state: RequestState | None, gpu_ms: float) -> None:
        self._share.charge(assignment.request.account, gpu_ms, time.monotonic())
        if request_state:
            request_state.charged_ms += gpu_ms

    def _finish(self, assignment: Assignment, request_state: RequestState | None, finished: Finished) -> None:
        if request_state:
            self._charge(assignment, request_state, max(0.0, finished.gpu_ms - request_state.charged_ms))
            self.estimates.learn(assignment.request, finished.gpu_ms)
            self._end(request_state, finished)
        self.pump_soon()

    def _fail(self, assignment: Assignment, request_state: RequestState | None, failed: LaneFailed) -> None:
        if request_state:
            self._charge(assignment, request_state, max(0.0, failed.gpu_ms - request_state.charged_ms))
            self._end(request_state, failed.error)
        self.pump_soon()

    def _end(self, request_state: RequestState, last: Finished | EngineError) -> None:
        del self._request_states[request_state.request.id]
        self._share.leave(request_state.request.account, last.gpu_ms if isinstance(last, Finished) else None)
        request_state.end(last)
        if not self._request_states:
            self.empty.set()
        self.pump_soon()

    def _pump(self) -> None:
        self._pump_due = None
        if not all(request_state.is_told for request_state in self._in(Phase.WAITING)):
            self._tell_places()  # `Queued` is the first event of every request
        if not self.is_paused:
            self._give_out_lanes()
        self._tell_places()

    def _give_out_lanes(self) -> None:
        running = Counter(request_state.request.member for request_state in self.running)
        for request_state in self.waiting:
            if running[request_state.request.member] >= self._settings.max_running_per_member:
                continue
            if self.device_pool.holds(request_state.request.id):
                continue  # submitted again while its cancelled lane unwinds: a device has one lane for an id
            if request_state.request.relax and not self._is_idle():
                continue
            if not self._admit(request_state):
                break
            running[request_state.request.member] += 1

    def _is_idle(self) -> bool:
        """Whether only relaxed requests are there, and no more of them run than there are devices."""
        running = sum(request_state.phase is Phase.RUNNING for request_state in self._request_states.values())
        is_alone = all(request_state.request.relax for request_state in self._request_states.values())
        return is_alone and running < len(self.device_pool.devices)

    def _admit(self, request_state: RequestState) -> bool:
        # On its last attempt a request runs alone: if it breaks the worker again, it alone is to blame.
        is_last_attempt = request_state.losses > 0 and request_state.losses + 1 >= self._settings.max_attempts
        device = self.device_pool.place(request_state.request, exclusive=is_last_attempt)
        if device is None:
            return False
        request_state.phase = Phase.RUNNING
        served_ms = self._share.virtual_ms(request_state.request.account)
        waited_s = time.monotonic() - request_state.arrived_s
        request_state.epoch = self.device_pool.admit(
            device, request_state.request, served_ms=served_ms, waited_s=waited_s, exclusive=is_last_attempt
        ).epoch
        return True

    def _tell_places(self) -> None:
        for request_state, place in self._queued():
            request_state.tell_place(place)
        for device in self.device_pool.devices:
            if device.health.beat.activity is Activity.LOADING:
                for request_state in self._in(Phase.RUNNING):
                    if request_state.request.id in device.lanes:
                        request_state.tell_place(Queued(0, None, str(device.health.beat)))

    def _why_none_starts(self) -> str:
        if self.is_paused:
            return "the host has paused the queue"
        is_up = any(device.state is DeviceState.READY for device in self.device_pool.devices)
        return "" if is_up else "the engine is starting"

    def _queued(self) -> list[tuple[RequestState, Queued]]:
        ready = sum(device.state is DeviceState.READY for device in self.device_pool.devices)
        lanes = 0 if self.is_paused else ready * self._settings.max_lanes
        capacity = Capacity(lanes, ready, self._settings.max_running_per_member)
        queued = self._positions.queued(self.waiting, self.running, capacity, time.monotonic())
        stalled = self._why_none_starts()
        return [(request_state, replace(place, reason=stalled or place.reason)) for request_state, place in queued]

    def _refuse_overflow(self, member: str) -> None:
        waiting = self._in(Phase.WAITING)
        own = sum(request_state.request.member == member for request_state in waiting)
        if own >= self._settings.max_waiting_per_member:
            raise MemberQueueFull(own, self._settings.max_waiting_per_member, self._shorter_in_s(member))
        if len(waiting) >= self._settings.max_waiting:
            raise QueueFull(len(waiting), self._settings.max_waiting, self._shorter_in_s())

    def _shorter_in_s(self, member: str = "") -> float:
        """Seconds until the queue, or this member's part of it, becomes shorter; 30 where that cannot be estimated."""
        first = next(
            (place for request_state, place in self._queued() if member in ("", request_state.request.member)), None
        )
        return first.eta_s if first and first.eta_s is not None else 30.0

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            self.pump_soon()
