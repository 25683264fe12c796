"""What can go wrong in the engine; every leaf carries data, the class docstring is the default message.

EngineError
├── InvalidRequest(field, why)         the caller's fault; raised before anything is queued
│   ├── UnknownModel(name, known)
│   └── UnknownLoRA(name, known)
├── Rejected(retry_after_s)            a fine request, but not now
│   ├── QueueFull(waiting, limit)
│   ├── MemberQueueFull(waiting, limit)
│   └── EngineNotReady(state)
├── ClusterRefused(why, remedy)         at start only
├── DeviceMissing(device)               at start only
├── RequestAborted(reason)
└── InferenceFailed                    ours; the request may be asked again
    ├── OutOfMemory(advice)
    ├── ModelLoadFailed(model, why, remedy)
    │   ├── ModelMissing(model)        raised before anything is queued, where that is known
    │   └── ModelTooLarge(model, why, remedy)
    ├── BadOutput(what)
    └── DeviceLost(device, attempts)
"""

from __future__ import annotations

import enum


class AbortReason(enum.StrEnum):
    """Why a request ended without pictures though nothing broke."""

    USER_REQUEST = "user_request"
    MODERATOR = "moderator"
    CLIENT_GONE = "client_gone"
    SHUTDOWN = "shutdown"


class EngineError(Exception):
    """The engine could not do what was asked."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (self.__doc__ or "").strip())

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.args, self.__dict__)


def _rebuild(cls: type[EngineError], args: tuple[object, ...], state: dict[str, object]) -> EngineError:
    """Unpickle an error without running its `__init__`: errors cross the worker's pipe whole."""
    error = cls.__new__(cls)
    error.args = args
    error.__dict__.update(state)
    return error


class InvalidRequest(EngineError):
    """The request cannot be understood."""

    def __init__(self, field: str, why: str) -> None:
        self.field, self.why = field, why
        super().__init__(f"{field}: {why}")


class UnknownModel(InvalidRequest):
    """No model of that name is configured."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        self.name, self.known = name, known
        super().__init__("model", f"no model named {name!r}; known: {', '.join(known) or 'none'}")


class UnknownLoRA(InvalidRequest):
    """No LoRA of that name is configured."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        self.name, self.known = name, known
        super().__init__("loras", f"no LoRA named {name!r}; known: {', '.join(known) or 'none'}")


class Rejected(EngineError):
    """The engine takes no further request just now."""

    def __init__(self, message: str = "", retry_after_s: float = 0.0) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(message)


class QueueFull(Rejected):
    """The queue is full."""

    def __init__(self, waiting: int, limit: int, retry_after_s: float = 0.0) -> None:
        self.waiting, self.limit = waiting, limit
        super().__init__(f"the queue is full ({waiting} of {limit} waiting)", retry_after_s)


class MemberQueueFull(Rejected):
    """This member has as many requests waiting as one member may have."""

    def __init__(self, waiting: int, limit: int, retry_after_s: float = 0.0) -> None:
        self.waiting, self.limit = waiting, limit
        super().__init__(f"{waiting} of {limit} requests of yours are waiting already", retry_after_s)


class EngineNotReady(Rejected):
    """The engine is starting, stopping or stopped."""

    def __init__(self, state: str, retry_after_s: float = 0.0) -> None:
        self.state = state
        super().__init__(f"the engine is {state}", retry_after_s)


class ClusterRefused(EngineError):
    """Workers on other machines cannot be used as things are."""

    def __init__(self, why: str, remedy: str) -> None:
        self.why, self.remedy = why, remedy
        super().__init__(f"the cluster cannot be used: {why}; {remedy}")


class DeviceMissing(EngineError):
    """A configured device is not there."""

    def __init__(self, device: str, here: tuple[str, ...] = ()) -> None:
        self.device, self.here = device, here
        only = f", only {', '.join(here)}" if here else ""
        super().__init__(
            f'engine.devices: this machine has no {device!r}{only}; use "auto" or one that is there, or install the '
            "driver and let the container have the GPU"
        )


class RequestAborted(EngineError):
    """The request was cancelled."""

    def __init__(self, reason: AbortReason) -> None:
        self.reason = reason
        super().__init__(f"cancelled ({reason.value})")


class InferenceFailed(EngineError):
    """The picture could not be made."""


class OutOfMemory(InferenceFailed):
    """The device has too little memory for this picture."""

    def __init__(self, advice: str) -> None:
        self.advice = advice
        super().__init__(f"the device ran out of memory; {advice}")


class ModelLoadFailed(InferenceFailed):
    """The model could not be loaded."""

    def __init__(self, model: str, why: str, remedy: str = "") -> None:
        self.model, self.why, self.remedy = model, why, remedy
        super().__init__(f"model {model!r} could not be loaded: {why}" + (f"; {remedy}" if remedy else ""))


class ModelMissing(ModelLoadFailed):
    """The model's files are not on this machine."""

    def __init__(self, model: str) -> None:
        super().__init__(model, "its files are not on this machine", f"get it with: darkroom models pull {model}")


class ModelTooLarge(ModelLoadFailed):
    """The model's weights do not fit on the device."""


class BadOutput(InferenceFailed):
    """The model gave a blank or broken picture, twice."""

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(f"the model gave {what}, also when tried again in float32")


class DeviceLost(InferenceFailed):
    """The device failed each time this request ran."""

    def __init__(self, device: str, attempts: int) -> None:
        self.device, self.attempts = device, attempts
        super().__init__(f"the device {device} failed {attempts} times with this request")
