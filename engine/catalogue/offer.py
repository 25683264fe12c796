"""The models on offer, kept in memory: their files are looked at in threads, never on the event loop."""

from __future__ import annotations

import asyncio
import logging

from engine.catalogue.models import Models
from engine.catalogue.sizes import fit_area
from engine.errors import EngineError, UnknownModel
from engine.lora_shelf.card import LoRACard
from engine.model_spec import ModelSpec

LOOK_EVERY_S = 2.0
"""Seconds until a model that was pulled, repaired or removed meanwhile is noticed."""

log = logging.getLogger(__name__)


class Offer:
    """What requests may name, as it was found by the latest `look`."""

    def __init__(self, models: Models) -> None:
        self._models = models
        self._offered: tuple[ModelSpec, ...] | None = None
        self._flaws: dict[str, Exception] = {}
        """By name: why a configured model cannot be read."""

    async def keep_looking(self) -> None:
        """Look every `LOOK_EVERY_S` seconds until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await asyncio.to_thread(self.look)

    def look(self) -> None:
        """See which models can be read and are here now. Reads their files: call it in a thread."""
        offered, flaws = list[ModelSpec](), dict[str, Exception]()
        for name in self._models.names():
            try:
                spec = self._models.spec(name)
                offered += [spec] if self._models.is_offered(spec) else []
            except (EngineError, OSError) as error:
                flaws[name] = error
                if str(error) != str(self._flaws.get(name)):
                    log.warning("model %s is not offered: %s", name, error, extra={"action": "model_refused"})
        self._offered, self._flaws = tuple(offered), flaws

    def models(self) -> tuple[ModelSpec, ...]:
        """The models on offer; what is configured but not there, or cannot be read, is left out."""
        if self._offered is None:  # nobody has looked: the engine was not started
            self.look()
        return self._offered or ()

    @property
    def default_model(self) -> str:
        """The name of the model that draws where a request names none."""
        return self._models.spec().name

    async def loras(self) -> tuple[LoRACard, ...]:
        """Every LoRA file as it lies there now, by name; those that cannot be used say why."""
        return await asyncio.to_thread(self._models.loras)

    def fitting(self, card: LoRACard) -> tuple[str, ...]:
        """The names of the models on offer that a LoRA is for; () where nothing says for which."""
        return self._models.fitting(card, self.models())

    def size(self, model: str, aspect: tuple[int, int]) -> tuple[int, int]:
        """Width and height of that aspect ratio at about the model's own pixel count. Raises `UnknownModel`."""
        try:
            return fit_area(aspect, self._spec(model))
        except UnknownModel as error:
            raise UnknownModel(error.name, tuple(spec.name for spec in self.models())) from None

    def references(self, model: str) -> int:
        """How many pictures the model edits by words; 0 for one that was not made for that, or is not known."""
        try:
            references = self._spec(model).references
        except (EngineError, OSError):
            return 0
        return references.most if references else 0

    def _spec(self, name: str) -> ModelSpec:
        if flaw := self._flaws.get(name):
            raise flaw.with_traceback(None)
        return self._models.spec(name)
