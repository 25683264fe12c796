"""Token ids that text encoders are given: what they cut off, and whether they know what is named."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import torch
from transformers import PreTrainedTokenizerBase

from engine.batching.lanes import Lane, ParkedCall, Stage
from engine.requests import ImageRequest

_ECHO = 120


def token_ids(call: ParkedCall) -> torch.Tensor | None:
    """The token ids (texts, length) int64 of a text encoder's call; None for any other call."""
    if call.stage is not Stage.ENCODE:
        return None
    found = next((value for value in (*call.args, call.kwargs.get("input_ids")) if value is not None), None)
    return found if isinstance(found, torch.Tensor) and not found.is_floating_point() else None


@dataclass
class Heard:
    """The token ids that a lane's text encoders were given."""

    rows: list[torch.Tensor] = field(default_factory=list[torch.Tensor])
    """(texts, length) int64 each, on the encoder's device."""

    def listen(self, call: ParkedCall, output: Any) -> None:
        """Record the token ids of a text encoder's call."""
        ids = token_ids(call)
        if ids is not None and ids.ndim == 2:
            self.rows.append(ids)

    def notes(self, request: ImageRequest, components: dict[str, Any]) -> list[str]:
        """A sentence for the member about each text whose end was cut off."""
        readers = [
            part
            for name, part in components.items()
            if "tokenizer" in name and isinstance(part, PreTrainedTokenizerBase)
        ]
        prompts = [part.text for part in request.prompt_parts] or [request.prompt]
        found = [self._cut(text, readers) for text in (*prompts, request.negative_prompt) if text]
        return [
            f"only the first {length} tokens of a text are read here; not read was “{_short(rest)}”"
            for length, rest in filter(None, found)
        ]

    def _cut(self, text: str, readers: Sequence[PreTrainedTokenizerBase]) -> tuple[int, str] | None:
        """(tokens, text cut off) of the encoder that read the most; None when one read all, or it is not known."""
        cuts = [cut for reader in readers for form in (text, text.lower().strip()) for cut in self._by(reader, form)]
        return min(cuts, key=lambda cut: len(cut[1]), default=None) if all(rest for _, rest in cuts) else None

    def _by(self, reader: PreTrainedTokenizerBase, text: str) -> Iterable[tuple[int, str]]:
        """By one tokenizer: (tokens, text cut off) for each encoder that was given this text."""
        ids: list[int] = reader(text, truncation=False, verbose=False)["input_ids"]
        for length in {rows.shape[1] for rows in self.rows}:
            if length >= len(ids):
                if self._was_given(ids, length):
                    yield length, ""
            elif self._was_given(ids[: length - 1], length):
                # The last token kept may be the mark of the end.
                begin = length if self._was_given(ids[:length], length) else length - 1
                yield length, _behind(reader, text, ids, begin)

    def _was_given(self, ids: Sequence[int], length: int) -> bool:
        wanted = torch.tensor(ids)
        rows = (row for rows in self.rows if rows.shape[1] == length for row in rows.cpu())
        return any(torch.equal(row[: len(ids)], wanted) for row in rows)


@runtime_checkable
class WordsKnower(Protocol):
    """A text encoder that looks names up."""

    def knows(self, ids: Sequence[int]) -> bool:
        """Whether token ids without marks at their ends name something."""
        ...


def names_something_known(request: ImageRequest, components: dict[str, Any]) -> bool:
    """False where a picture is drawn from words alone, of which the text encoder knows none."""
    encoder, tokenizer = components.get("text_encoder"), components.get("tokenizer")
    texts = [text for text in (request.prompt, *(part.text for part in request.prompt_parts)) if text.strip()]
    is_from_words = request.kind == ImageRequest.kind and request.control is None
    if not is_from_words or not texts or tokenizer is None or not isinstance(encoder, WordsKnower):
        return True
    read = (tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"] for text in texts)
    return any(encoder.knows(ids) for ids in read)


def listen(lane: Lane) -> Heard:
    """Record the token ids of a lane's encoders from now on."""
    heard = Heard()
    lane.listeners.append(heard.listen)
    return heard


def _behind(reader: PreTrainedTokenizerBase, text: str, ids: Sequence[int], begin: int) -> str:
    """The text from token `begin` on, as the member wrote it where the tokenizer gives offsets."""
    if not reader.is_fast:
        return str(reader.decode(list(ids[begin:]), skip_special_tokens=True)).strip()
    offsets = reader(text, truncation=False, verbose=False, return_offsets_mapping=True)["offset_mapping"]
    return text[offsets[begin][0] :].lstrip(" ,.;").rstrip()


def _short(text: str) -> str:
    return text if len(text) <= _ECHO else text[: _ECHO - 1].rstrip() + "…"
