"""What the engine needs of a `Catalogue`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from engine.lora_shelf.card import LoRACard
from engine.model_spec import ModelSpec
from engine.requests import ImageRequest


class Models(Protocol):
    """The models on offer; completes requests."""

    def resolve(self, request: ImageRequest) -> tuple[ImageRequest, tuple[str, ...]]:
        """Fill in every None, snap sizes. Raises `InvalidRequest`."""
        ...

    def names(self) -> tuple[str, ...]:
        """The models on offer."""
        ...

    def spec(self, name: str = "") -> ModelSpec:
        """One of them; raises `UnknownModel`."""
        ...

    def is_offered(self, spec: ModelSpec) -> bool:
        """Whether it can be drawn with here."""
        ...

    def loras(self) -> tuple[LoRACard, ...]:
        """Every LoRA file as it lies there now."""
        ...

    def fitting(self, card: LoRACard, specs: Iterable[ModelSpec]) -> tuple[str, ...]:
        """The names of those models that a LoRA is for."""
        ...
