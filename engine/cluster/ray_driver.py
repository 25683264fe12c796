"""A remote device's local process: places its worker on a node and relays messages. Only this process imports Ray."""

# Ray publishes no complete types, and is not everywhere installed where this file is checked.
# pyright: reportMissingImports=false, reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import os
import sys
import threading
from multiprocessing.connection import Connection
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayError

from engine.base.logs import current
from engine.cluster.remote_worker import Heard, Node, RemoteWorker, fingerprint
from engine.processes.child_main import LaunchOptions
from engine.processes.protocol import Stop, ToWorker
from engine.settings import ClusterSettings, EngineSettings

LEASE_S = 20.0
PLACE_S = 15.0
"""After so long without a node, say what is missing; the engine decides when to give up."""


def main(connection: Connection, settings: EngineSettings, device: str, entry: str) -> None:
    """Be the worker of one remote device, until it ends. The entry point of a spawned process."""
    _join(settings.cluster.address)
    try:
        worker = _place(settings, device, entry)
        threading.Thread(target=_pass_on, args=(connection, worker), daemon=True).start()
        exit_code = _pass_back(connection, worker)
    except RayError as error:
        sys.exit(f"{device}: lost its worker: {_first_line(error)}")
    ray.shutdown()
    sys.exit(f"{device}: its worker ended with code {exit_code}" if exit_code else 0)


def look(address: str) -> str:
    """What the cluster has, in words; exits with the reason when it cannot be asked."""
    _join(address)
    nodes = [node for node in ray.nodes() if node["Alive"]]
    gpus = sum(node["Resources"].get("GPU", 0) for node in nodes)
    return f"Ray {ray.__version__} at {address}: {len(nodes)} nodes, {gpus:g} GPUs"


def _join(address: str) -> None:
    try:
        ray.init(address, log_to_driver=False, configure_logging=False)
    except (RayError, ConnectionError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())
        sys.exit(f"{reason}; is Ray running there and on this machine, of one version, with one token?")


def _place(settings: EngineSettings, device: str, entry: str) -> Any:
    cluster = settings.cluster
    actor: Any = ray.remote(RemoteWorker)
    options = actor.options(
        num_cpus=0,
        num_gpus=cluster.gpus,
        resources=dict.fromkeys(cluster.resources, 1),
        max_restarts=0,
        max_task_retries=0,
        scheduling_strategy="SPREAD",
    )
    worker = options.remote(LEASE_S)
    node = _meet(worker, cluster, device)
    if node.fingerprint != fingerprint():
        sys.exit(f"{device}: the node {node.name} runs another Darkroom; install the same one there")
    # Ray shows each actor only the GPUs it gave it, and numbers them from zero.
    _answer(worker.start.remote(LaunchOptions(entry, settings, "cuda:0" if cluster.gpus else "cpu", current())))
    return worker


def _meet(worker: Any, cluster: ClusterSettings, device: str) -> Node:
    first = worker.meet.remote()
    try:
        return _answer(first, timeout_s=PLACE_S)
    except GetTimeoutError:
        wanted = ", ".join([f"{cluster.gpus:g} GPU", *cluster.resources])
        print(f"{device}: no node of the cluster has room for a worker ({wanted}); waiting", file=sys.stderr)  # noqa: T201
        return _answer(first)


def _pass_back(connection: Connection, worker: Any) -> int:
    """Send the engine what the worker says, until it has ended; its exit code."""
    while True:
        heard: Heard = _answer(worker.listen.remote())
        if heard.messages:
            connection.send(heard.messages)
        if heard.exit_code is not None:
            return heard.exit_code


def _pass_on(connection: Connection, worker: Any) -> None:
    """Tell the worker what the engine says, in order: the next batch only when the last one has arrived."""
    try:
        while True:
            batch: list[ToWorker] = [connection.recv()]
            while connection.poll():
                batch.append(connection.recv())
            if Stop() in batch:
                os._exit(0)  # Ray ends the actor with its driver, and the worker ends with the actor
            _answer(worker.tell.remote(tuple(batch)))
    except (EOFError, OSError):
        os._exit(1)  # the engine is gone
    except RayError:
        return  # the main thread hears of it too, and says so


def _answer(question: Any, timeout_s: float | None = None) -> Any:
    return ray.get(question, timeout=timeout_s)


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]
