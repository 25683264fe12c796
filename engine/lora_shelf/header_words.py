"""What a LoRA file says of itself in its header: modelspec, and kohya's `ss_*`.

Sources: github.com/Stability-AI/ModelSpec; kohya-ss/sd-scripts, `library/train_util.py` (names of the `ss_*` keys).
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any, cast

from engine.lora_shelf.card import MAX_DESCRIPTION, MAX_LINE, Told, trigger_words
from engine.lora_shelf.plain_text import plain

_MAX_THUMBNAIL = 2 * 1024 * 1024
_MOST = 3
"""More tags than these in every picture say nothing about which of them calls the LoRA."""
_USUAL = frozenset(
    ("1girl", "1boy", "solo", "simple background", "white background", "looking at viewer", "no humans", "highres")
)
"""Tags that describe pictures of any training set."""


def told_by_header(metadata: Mapping[str, str]) -> Told:
    """The words of a file's header. Never raises: what cannot be read is left out."""
    spec = {key.removeprefix("modelspec."): value for key, value in metadata.items() if key.startswith("modelspec.")}
    return Told(
        title=plain(spec.get("title") or metadata.get("ss_output_name"), MAX_LINE),
        description=plain(spec.get("description") or _comment(metadata), MAX_DESCRIPTION),
        trigger_words=trigger_words([spec["trigger_phrase"]]) if spec.get("trigger_phrase") else _frequent(metadata),
        licence=plain(spec.get("license"), MAX_LINE),
        made_for=plain(spec.get("architecture") or metadata.get("ss_base_model_version"), MAX_LINE),
        thumbnail=_thumbnail(spec.get("thumbnail", "")),
    )


def _comment(metadata: Mapping[str, str]) -> str:
    said = metadata.get("ss_training_comment", "")
    return "" if said == "None" else said


def _frequent(metadata: Mapping[str, str]) -> tuple[str, ...]:
    """The tags that stood in every picture of a folder it was trained on, where these are few."""
    folders, counts = _object(metadata.get("ss_tag_frequency")), _object(metadata.get("ss_dataset_dirs"))
    found: list[str] = []
    for folder, tags in folders.items():
        if not isinstance(tags, dict):
            continue
        told: dict[Any, Any] = {**tags}
        counted = {str(tag).strip(): n for tag, n in told.items() if isinstance(n, int) and n > 0}
        said = counts.get(folder)
        number = cast("dict[str, Any]", said).get("img_count") if isinstance(said, dict) else None
        every = number if isinstance(number, int) and number > 0 else max(counted.values(), default=0)
        constant = [tag for tag, n in counted.items() if n >= every and tag.lower() not in _USUAL]
        found += constant if len(constant) <= _MOST else []
    return trigger_words(found)[:_MOST]


def _object(text: str | None) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _thumbnail(text: str) -> bytes:
    """The picture of a `data:image/…;base64,` address."""
    kind, _, content = text.partition(";base64,")
    if not kind.startswith("data:image/") or len(content) > _MAX_THUMBNAIL:
        return b""
    try:
        return base64.b64decode(content, validate=True)
    except binascii.Error:
        return b""
