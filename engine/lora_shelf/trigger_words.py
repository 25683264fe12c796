"""Adds the words that call a LoRA to a prompt that has none of them, and says so."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from engine.lora_shelf.card import LoRACard
from engine.requests import MAX_PROMPT_CHARS, ImageRequest

_TOGETHER = 4
"""Longer lists name alternatives: of these, the first is added where none is there."""


@dataclass(frozen=True, slots=True)
class Called:
    """What changes in a request, and what its member should know of it."""

    update: dict[str, Any] = field(default_factory=dict[str, Any])
    notes: tuple[str, ...] = ()


def call(request: ImageRequest, cards: Iterable[LoRACard]) -> Called:
    """The request's words with the trigger words of its LoRAs where they are missing.

    A LoRA of weight 0 is not called, and no word that the negative prompt has is added. Of a multi-prompt every part
    with a weight above 0 gets them.
    """
    weights = {lora.name: lora.weight for lora in request.loras}
    missing: list[str] = []
    notes: list[str] = []
    for card in cards:
        words = card.told.trigger_words if weights.get(card.name) else ()
        if len(words) > _TOGETHER:
            words = () if any(_has(request.prompt, word) for word in words) else words[:1]
        heard = (request.prompt, request.negative_prompt, *missing)
        added = [word for word in words if not any(_has(text, word) for text in heard)]
        missing += added
        said = ", ".join(f'"{word}"' for word in added)
        notes += [f"{said} added to the prompt: the LoRA {card.name} listens to it"] if added else []
    prompt = ", ".join((request.prompt, *missing))
    if not missing or len(prompt) > MAX_PROMPT_CHARS:
        return Called()
    parts = tuple(
        part.model_copy(update={"text": ", ".join((part.text, *missing))}) if part.weight > 0 else part
        for part in request.prompt_parts
    )
    return Called({"prompt": prompt, "prompt_parts": parts}, tuple(notes))


def _has(text: str, words: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(words)}(?!\w)", text, re.IGNORECASE) is not None
