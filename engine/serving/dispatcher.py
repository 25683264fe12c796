"""Which request gets a lane, where and when; and what each caller hears of it. Event loop only."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from engine.errors import AbortReason, DeviceLost, EngineError, MemberQueueFull, QueueFull, RequestAborted
from engine.events import Finished, Queued
from engine.fair_share import FairShare
from engine.processes.child_main import WORKER
from engine.processes.protocol import LaneCharged, LaneFailed, LaneFinished, LaneProgress, LaneStarted
from engine.serving.cost_estimates import Estimates
from engine.serving.device_pool import Fleet
from engine.serving.device_supervisor import Device, DeviceState, Lane, LaneMessage
from engine.serving.queue_positions import Places
from engine.serving.request_state import Phase, Ticket
from engine.serving.start_times import Room
from engine.settings import EngineSettings

TICK_S = 1.0
"""How often waiting requests are told their place though nothing began or ended."""


class Dispatch:
    """The waiting and the running requests, between the engine's callers and its fleet."""

    def __init__(self, names: Sequence[str], settings: EngineSettings, share: FairShare, entry: str = WORKER) -> None:
        self.fleet = Fleet(names, settings, self, entry)
        self.estimates = Estimates()
        self.is_paused = False
        self.empty = asyncio.Event()
        """Set while no request is waiting or running."""
        self.empty.set()
        self._share, self._settings = share, settings
        self._places = Places(share, self.estimates)
        self._tickets: dict[str, Ticket] = {}
        self._pump_due: asyncio.Handle | None = None
        self._ticking: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start the workers."""
        self.fleet.start()
        self._ticking = asyncio.create_task(self._tick(), name="engine tick")

    async def stop(self) -> None:
        """End the workers; requests must be over by then."""
        if self._ticking:
            self._ticking.cancel()
        await self.fleet.stop()
        if self._pump_due:
            self._pump_due.cancel()

    @property
    def waiting(self) -> list[Ticket]:
        """Requests without a lane, in the order in which they would start now."""
        return self._places.in_order(self._in(Phase.WAITING), self.running, time.monotonic())

    @property
    def running(self) -> list[Ticket]:
        """Requests with a lane."""
        return self._in(Phase.RUNNING)

    def accept(self, ticket: Ticket) -> None:
        """Queue a request. Raises `QueueFull` or `MemberQueueFull`."""
        self._refuse_overflow(ticket.request.member)
        self._tickets[ticket.request.id] = ticket
        self.empty.clear()
        self._share.join(ticket.request.member, ticket.request.weight)
        self.pump_soon()

    def places(self) -> dict[str, Queued]:
        """By request id, where each waiting request stands, in the order in which they would start now."""
        return {ticket.request.id: place for ticket, place in self._queued()}

    def knows(self, request_id: str) -> bool:
        """Is this request waiting or running?"""
        return request_id in self._tickets

    def abort(self, request_id: str, reason: AbortReason) -> None:
        """End a request now; its lane, if it has one, unwinds behind its back."""
        if ticket := self._tickets.get(request_id):
            self.fleet.cancel(request_id, reason)
            self._end(ticket, RequestAborted(reason))

    def abort_all(self, tickets: Iterable[Ticket], reason: AbortReason) -> None:
        """End these requests now."""
        for ticket in tickets:
            self.abort(ticket.request.id, reason)

    def pump_soon(self) -> None:
        """Give out free lanes before the loop sleeps again."""
        if self._pump_due is None:
            self._pump_due = asyncio.get_running_loop().call_soon(self._pump)

    def changed(self, device: Device) -> None:
        """A device can take lanes."""
        self.pump_soon()

    def hear(self, device: Device, lane: Lane, message: LaneMessage) -> None:
        """A worker said something of a lane, under its present epoch."""
        ticket = self._ticket_of(lane)
        match message:
            case LaneStarted():
                if ticket:
                    ticket.tell_started(device.name)
            case LaneProgress():
                if ticket:
                    ticket.tell_progress(message.step, message.steps, message.preview, time.monotonic())
            case LaneCharged():  # also of a cancelled request: its member did use the device
                self._charge(lane, ticket, message.gpu_ms)
            case LaneFinished():
                self._finish(lane, ticket, message.finished)
            case LaneFailed():
                self._fail(lane, ticket, message)

    def lost(self, device: Device, lanes: tuple[Lane, ...], why: str) -> None:
        """A worker is gone: its requests wait again, until each has lost `max_attempts` workers."""
        for lane in lanes:
            if ticket := self._ticket_of(lane):
                ticket.losses += 1
                ticket.phase, ticket.charged_ms = Phase.WAITING, 0.0
                if ticket.losses >= self._settings.max_attempts:
                    self._end(ticket, DeviceLost(device.name, ticket.losses))
        if self.fleet.is_lost:
            for ticket in self.waiting:
                self._end(ticket, DeviceLost(device.name, device.backoff.stillborn))
        self.pump_soon()

    def _ticket_of(self, lane: Lane) -> Ticket | None:
        """Whose lane it is; None once they left, though they may have come back with the same id."""
        ticket = self._tickets.get(lane.request.id)
        return ticket if ticket and ticket.epoch == lane.epoch else None

    def _in(self, phase: Phase) -> list[Ticket]:
        return [ticket for ticket in self._tickets.values() if ticket.phase is phase]

    def _charge(self, lane: Lane, ticket: Ticket | None, gpu_ms: float) -> None:
        self._share.charge(lane.request.member, gpu_ms, time.monotonic())
        if ticket:
            ticket.charged_ms += gpu_ms

    def _finish(self, lane: Lane, ticket: Ticket | None, finished: Finished) -> None:
        if ticket:
            self._charge(lane, ticket, max(0.0, finished.gpu_ms - ticket.charged_ms))
            self.estimates.learn(lane.request, finished.gpu_ms)
            self._end(ticket, finished)
        self.pump_soon()

    def _fail(self, lane: Lane, ticket: Ticket | None, failed: LaneFailed) -> None:
        if ticket:
            self._charge(lane, ticket, max(0.0, failed.gpu_ms - ticket.charged_ms))
            self._end(ticket, failed.error)
        self.pump_soon()

    def _end(self, ticket: Ticket, last: Finished | EngineError) -> None:
        del self._tickets[ticket.request.id]
        self._share.leave(ticket.request.member, last.gpu_ms if isinstance(last, Finished) else None)
        ticket.end(last)
        if not self._tickets:
            self.empty.set()
        self.pump_soon()

    def _pump(self) -> None:
        self._pump_due = None
        if not all(ticket.is_told for ticket in self._in(Phase.WAITING)):
            self._tell_places()  # everybody hears `Queued` first, also who is given a lane at once
        if not self.is_paused:
            self._give_out_lanes()
        self._tell_places()

    def _give_out_lanes(self) -> None:
        running = Counter(ticket.request.member for ticket in self.running)
        for ticket in self.waiting:
            if running[ticket.request.member] >= self._settings.max_running_per_member:
                continue
            if self.fleet.holds(ticket.request.id):
                continue  # asked again before its cancelled lane was gone: two lanes of one id must not meet
            if not self._admit(ticket):
                break
            running[ticket.request.member] += 1

    def _admit(self, ticket: Ticket) -> bool:
        # On its last attempt a request runs alone: if it breaks the worker again, it alone is to blame.
        is_last_attempt = ticket.losses > 0 and ticket.losses + 1 >= self._settings.max_attempts
        device = self.fleet.place(ticket.request, alone=is_last_attempt)
        if device is None:
            return False
        ticket.phase = Phase.RUNNING
        served_ms = self._share.virtual_ms(ticket.request.member)
        waited_s = time.monotonic() - ticket.arrived_s
        ticket.epoch = self.fleet.admit(
            device, ticket.request, served_ms=served_ms, waited_s=waited_s, alone=is_last_attempt
        ).epoch
        return True

    def _tell_places(self) -> None:
        for ticket, place in self._queued():
            ticket.tell_place(place)
        for device in self.fleet.devices:
            if device.vitals.beat.activity.startswith("loading"):
                for ticket in self._in(Phase.RUNNING):
                    if ticket.request.id in device.lanes:
                        ticket.tell_place(Queued(0, None, device.vitals.beat.activity))

    def _why_nobody_starts(self) -> str:
        if self.is_paused:
            return "the host has paused the queue"
        is_up = any(device.state is DeviceState.READY for device in self.fleet.devices)
        return "" if is_up else "the engine is starting"

    def _queued(self) -> list[tuple[Ticket, Queued]]:
        ready = sum(device.state is DeviceState.READY for device in self.fleet.devices)
        lanes = 0 if self.is_paused else ready * self._settings.max_lanes
        room = Room(lanes, ready, self._settings.max_running_per_member)
        queued = self._places.queued(self.waiting, self.running, room, time.monotonic())
        stalled = self._why_nobody_starts()
        return [(ticket, replace(place, reason=stalled or place.reason)) for ticket, place in queued]

    def _refuse_overflow(self, member: str) -> None:
        waiting = self._in(Phase.WAITING)
        own = sum(ticket.request.member == member for ticket in waiting)
        if own >= self._settings.max_waiting_per_member:
            raise MemberQueueFull(own, self._settings.max_waiting_per_member, self._shorter_in_s(member))
        if len(waiting) >= self._settings.max_waiting:
            raise QueueFull(len(waiting), self._settings.max_waiting, self._shorter_in_s())

    def _shorter_in_s(self, member: str = "") -> float:
        """When the queue, or this member's part of it, will have become shorter; half a minute when nobody knows."""
        first = next((place for ticket, place in self._queued() if member in ("", ticket.request.member)), None)
        return first.eta_s if first and first.eta_s is not None else 30.0

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            self.pump_soon()
