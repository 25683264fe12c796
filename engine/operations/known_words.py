"""Whether a prompt names anything that a model has drawings of, for models that can tell."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from engine.operations.context import OperationContext
from engine.requests import ImageRequest


@runtime_checkable
class WordsKnower(Protocol):
    """A text encoder that looks names up."""

    def knows(self, ids: Sequence[int]) -> bool:
        """Whether token ids without marks at their ends name something."""
        ...


NO_WORDS = "."
"""A prompt that names nothing; requests without a prompt are refused."""


def naming_nothing(context: OperationContext) -> OperationContext:
    """For models that look names up: with words that bring nothing to mind. Others are asked as they were."""
    if not isinstance(context.model.base.components.get("text_encoder"), WordsKnower):
        return context
    return context.asking(prompt=NO_WORDS, prompt_parts=())


def names_something_known(context: OperationContext) -> bool:
    """False where a picture is drawn from words alone, of which the text encoder knows none."""
    request, parts = context.request, context.model.base.components
    encoder, tokenizer = parts.get("text_encoder"), parts.get("tokenizer")
    texts = [text for text in (request.prompt, *(part.text for part in request.prompt_parts)) if text.strip()]
    is_from_words = request.kind == ImageRequest.kind and request.control is None
    if not is_from_words or not texts or tokenizer is None or not isinstance(encoder, WordsKnower):
        return True
    return any(encoder.knows(_ids(tokenizer, text)) for text in texts)


def _ids(tokenizer: Any, text: str) -> list[int]:
    return tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
