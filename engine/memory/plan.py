"""The memory plan of one model on one device: frozen values. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from engine.memory.elements import Storage
from engine.memory.model_sizes import Role

Compute = Literal["float32", "bfloat16", "float16"]
Residency = Literal["resident", "encoders_offloaded", "partly_streamed", "streamed"]
"""All weights stay on the device; encoders pass through it block by block; so do some of the denoiser's blocks; so do
all of them."""
STREAMING: frozenset[str] = frozenset({"partly_streamed", "streamed"})


@dataclass(frozen=True, slots=True)
class ComponentPlan:
    """One component: its precision, and where its weights lie."""

    name: str
    role: Role
    storage: Storage
    compute: Compute
    """What is computed with; also the format of whatever `storage` leaves wide."""
    is_resident: bool
    """False for weights that lie in main memory and pass through the device block by block."""
    bytes: int
    """Of all its weights, wherever they lie."""
    lasting_bytes: int
    """Of its weights that are on the device for as long as the model is loaded."""
    device_bytes: int
    """Of its weights on the device while one of its passes runs."""
    activation_bytes: int
    """What a pass takes besides."""
    is_saved: bool = False
    """Whether its files were saved quantised, and are loaded as they are."""
    room_bytes: int = 0
    """What there is on the device for blocks of a streamed denoiser that stay."""

    @property
    def passing_bytes(self) -> int:
        """Bytes of its weights that are on the device only while one of its passes runs."""
        return self.device_bytes - self.lasting_bytes

    @property
    def away_bytes(self) -> int:
        """Bytes of its weights that lie in main memory, and pass through the device in each of its passes."""
        return 0 if self.is_resident else self.bytes - self.lasting_bytes


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """The choice for a model, and the bytes that it takes."""

    components: tuple[ComponentPlan, ...]
    residency: Residency
    usable_bytes: int
    """What the device has for it."""
    why: str = ""
    """Why it does not fit; "" where it fits."""
    remedy: str = ""
    """The way out, where it does not fit."""

    @property
    def fits(self) -> bool:
        """Whether the peak is within what the device has."""
        return not self.why

    @property
    def resident_bytes(self) -> int:
        """Weights that stay on the device for as long as the model is loaded."""
        return sum(each.lasting_bytes for each in self.components)

    @property
    def main_bytes(self) -> int:
        """Weights that lie in main memory and pass through the device."""
        return sum(each.away_bytes for each in self.components)

    @property
    def streamed_bytes(self) -> int:
        """Weights of denoisers that are brought to the device in each step of a picture."""
        return sum(each.away_bytes for each in self.components if each.role == "denoiser")

    @property
    def denoiser_bytes(self) -> int:
        """Weights of denoisers, wherever they lie."""
        return sum(each.bytes for each in self.components if each.role == "denoiser")

    @property
    def weight_bytes(self) -> int:
        """The most bytes of weights that are on the device at the same time."""
        return self.resident_bytes + max((each.passing_bytes for each in self.components), default=0)

    @property
    def activation_bytes(self) -> int:
        """The most that one pass takes besides weights."""
        return max((each.activation_bytes for each in self.components), default=0)

    @property
    def peak_bytes(self) -> int:
        """The most that is on the device at any time."""
        passing = [each.activation_bytes + each.passing_bytes for each in self.components]
        return self.resident_bytes + max(passing, default=0)

    def of(self, name: str) -> ComponentPlan | None:
        """The plan of the component with this name."""
        return next((each for each in self.components if each.name == name), None)
