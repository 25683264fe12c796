"""Building a model's memory out of the drawings it was trained on."""

# torch and transformers leave many types open
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from transformers import BertTokenizer

from engine.pocket.data import Collection, Sprite
from engine.pocket.everyday import EVERYDAY
from engine.pocket.layouts import Meaning, Phrase
from engine.pocket.memory import Memory
from engine.pocket.palette import COLOURS
from engine.pocket.scenes import PLACES, PLAIN, WHITE, unpainted, unseen
from engine.pocket.styles import STYLES
from engine.pocket.text import SentenceEncoder
from engine.pocket.vocabulary import USUAL, WORDS

_QUALITY = 90
_FAMILIES = 0.05
"""Drawings that weigh no more are families and couples, of which many hardly differ."""


def write(cache: Path, weights: Path) -> int:
    """Build the memory of the art in `cache` into a weights folder; returns how many drawings it holds.

    Raises:
        MissingData: nothing was built in `cache`.
    """
    tokenizer = BertTokenizer.from_pretrained(weights / "tokenizer")
    built = build(Collection.load(cache), tokenizer, SentenceEncoder(weights))
    built.save(weights / "text_encoder")
    return built.count


def build(collection: Collection, tokenizer: BertTokenizer, sentences: SentenceEncoder) -> Memory:
    """Everything that was drawn but families and what is kept from training, with the words for it."""
    sprites = collection.sprites
    things = _things(sprites)
    labels = list(things)
    kept = [number for row in things.values() for number in row if number >= 0]
    places = {number: place for place, number in enumerate(kept)} | {-1: -1}

    def ids(words: str) -> tuple[int, ...]:
        return tuple(tokenizer(words, add_special_tokens=False).input_ids)

    pictures = [_webp(collection.pixels[number]) for number in kept]
    phrases = _phrases(labels, _tags(sprites, labels, sentences), ids)
    return Memory(
        {
            "pictures": torch.frombuffer(bytearray(b"".join(pictures)), dtype=torch.uint8),
            "picture_ends": _ends(pictures),
            "mirrorable": torch.tensor([sprites[max(row)].mirror for row in things.values()], dtype=torch.uint8),
            "drawn": torch.tensor([[places[number] for number in row] for row in things.values()], dtype=torch.int16),
            "labels": (_embedded(sentences, labels) * 127).round().to(torch.int8),
            "phrases": torch.tensor([token for phrase, _ in phrases for token in phrase], dtype=torch.int32),
            "phrase_ends": _ends([phrase for phrase, _ in phrases]),
            "phrase_meanings": torch.tensor([said.meaning for _, said in phrases], dtype=torch.uint8),
            "phrase_things": torch.tensor([said.thing for _, said in phrases], dtype=torch.int16),
            "phrase_colours": torch.tensor([said.colour for _, said in phrases], dtype=torch.int8),
        }
    )


def _things(sprites: Sequence[Sprite]) -> dict[str, list[int]]:
    """Labels, everyday ones first, with the number of their drawing in each style, -1 for none."""
    styles: dict[str, dict[str, int]] = {}
    for number, sprite in enumerate(sprites):
        if sprite.weight > _FAMILIES:
            styles.setdefault(sprite.label, {})[sprite.style] = number
    found: dict[str, list[int]] = {}
    for label in sorted(styles, key=lambda label: label not in EVERYDAY):
        drawn = styles[label]
        kept = {each: number for each, number in drawn.items() if len(drawn) == 1 or not unseen(sprites[number])}
        if kept:
            found[label] = [kept.get(style, -1) for style in STYLES]
    return found


def _tags(sprites: Sequence[Sprite], labels: Sequence[str], sentences: SentenceEncoder) -> dict[str, int]:
    """For each word people search by the thing whose name means it most; everyday things before others."""
    places = {label: number for number, label in enumerate(labels)}
    meant: dict[str, set[int]] = {}
    for sprite in sprites:
        if sprite.label in places:
            for tag in sprite.tags:
                meant.setdefault(tag, set()).add(places[sprite.label])
    names, words = _embedded(sentences, labels), list(meant)
    vectors = dict(zip(words, _embedded(sentences, words), strict=True))

    def likeness(tag: str, thing: int) -> float:
        return float(names[thing] @ vectors[tag]) + 0.15 * (labels[thing] in EVERYDAY)

    return {tag: max(things, key=lambda thing: likeness(tag, thing)) for tag, things in meant.items() if len(tag) > 2}


def _phrases(
    labels: Sequence[str], tags: dict[str, int], ids: Callable[[str], tuple[int, ...]]
) -> list[tuple[tuple[int, ...], Phrase]]:
    """All phrases as token ids; what is said more exactly comes later, and so is what counts."""
    found: dict[tuple[int, ...], Phrase] = {}

    def say(words: Iterable[str], phrase: Phrase) -> None:
        found.update({key: phrase for each in words if (key := ids(each))})

    for tag, thing in tags.items():
        say((tag, *_plurals(tag)), Phrase(Meaning.TAG, thing))
    numbered = list(enumerate(labels))
    for thing, label in reversed(numbered):
        say(_short(label), Phrase(Meaning.LABEL, thing))
    places = {label: number for number, label in numbered}
    for word, label in USUAL.items():
        if label in places:
            say((word, *_plurals(word)), Phrase(Meaning.LABEL, places[label]))
    for thing, label in reversed(numbered):
        say((label, *_plurals(label)), Phrase(Meaning.LABEL, thing))
    for meaning, words in WORDS.items():
        say(words, Phrase(meaning))
    for place in (WHITE, *PLAIN, *PLACES):
        say((place.words,), Phrase(Meaning.NOTHING))
    say((word for style in STYLES for word in (style, f"in {style} style", f"{style} style")), Phrase(Meaning.NOTHING))
    for number, colour in enumerate(COLOURS):
        say((colour,), Phrase(Meaning.COLOUR, places.get(USUAL.get(colour, colour), -1), number))
    return list(found.items())


def _short(label: str) -> list[str]:
    """How people say a label in short: "red apple" as "apple", "dog face" as "dog" where that is nothing else."""
    bare = unpainted(label)
    short = {bare, bare.removesuffix(" face"), bare.removesuffix(" button"), bare.removeprefix("person ")}
    return [form for each in sorted(short - {label}) for form in (each, *_plurals(each))]


def _plurals(words: str) -> list[str]:
    if words.endswith(("s", "x", "ch", "sh")):
        return [f"{words}es"]
    if words.endswith("y") and words[-2:-1] not in "aeiou":
        return [f"{words[:-1]}ies"]
    return [f"{words}s"]


def _ends(parts: Sequence[Sequence[object]]) -> Tensor:
    return torch.tensor(list(accumulate(map(len, parts))), dtype=torch.int64)


def _embedded(sentences: SentenceEncoder, texts: Sequence[str], batch: int = 64) -> Tensor:
    """As `SentenceEncoder.embed`, a few at a time: thousands at once would be padded to the longest."""
    return torch.cat([sentences.embed(texts[start : start + batch]) for start in range(0, len(texts), batch)])


def _webp(pixels: NDArray[np.uint8]) -> bytes:
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "WEBP", quality=_QUALITY, alpha_quality=90, method=4)
    return content.getvalue()
