"""What lies beside a LoRA file: `.civitai.info`, `.metadata.json`, `.json`, and sample pictures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from engine.lora_shelf.card import MAX_DESCRIPTION, MAX_LINE, Told, trigger_words
from engine.lora_shelf.plain_text import plain

SIDECARS = (".civitai.info", ".metadata.json", ".json")
"""Endings in the order in which they are believed."""
SAMPLES = tuple(f"{mark}.{kind}" for mark in (".preview", "") for kind in ("png", "webp", "jpg", "jpeg"))
MAX_BYTES = 2 * 1024 * 1024


class BadSidecar(Exception):
    """A sidecar cannot be read; the text says why, as the end of a sentence about it."""


def read_sidecar(path: Path) -> Told:
    """What a sidecar says. Raises `BadSidecar` for what is no JSON object, or too large."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise BadSidecar(f"is larger than {MAX_BYTES // 1024 // 1024} MiB")
        content = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadSidecar("is no readable text") from error
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        is_page = content.lstrip()[:1] == "<"
        raise BadSidecar("is a web page, not JSON" if is_page else "is no JSON") from error
    if not isinstance(found, dict):
        raise BadSidecar("is no JSON object")
    return _told(cast("dict[str, Any]", found))


def _told(found: Mapping[str, Any]) -> Told:
    """Civitai's description of a version, or the fields that stable-diffusion-webui writes."""
    said = _object(found.get("civitai")) or found
    model = _object(said.get("model"))
    description = found.get("description") or said.get("description") or model.get("description") or found.get("notes")
    return Told(
        title=plain(model.get("name") or found.get("model_name"), MAX_LINE),
        description=plain(description, MAX_DESCRIPTION),
        trigger_words=trigger_words(_texts(said.get("trainedWords")) or [found.get("activation text")]),
        licence=plain(found.get("licence") or found.get("license") or _permissions(said, model), MAX_LINE),
        made_for=plain(said.get("baseModel") or found.get("base_model") or _version(found), MAX_LINE),
        weight=_weight(found.get("preferred weight")),
    )


def _object(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else {}


def _texts(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []


def _version(found: Mapping[str, Any]) -> str:
    said = found.get("sd version")
    return said if isinstance(said, str) and said not in ("Unknown", "Other") else ""


def _permissions(said: Mapping[str, Any], model: Mapping[str, Any]) -> str:
    """Civitai's permissions as a few words."""
    source = {**said, **model}
    if "allowCommercialUse" not in source and "allowNoCredit" not in source:
        return ""
    uses = source.get("allowCommercialUse")
    sold = uses not in (None, "None", "{}", []) and uses != ["None"]
    terms = ["commercial use of pictures allowed" if sold else "no commercial use"]
    terms += ["name the maker"] if source.get("allowNoCredit") is False else []
    return "Civitai: " + ", ".join(terms)


def _weight(value: object) -> float | None:
    """A preferred weight that a member could have typed; 0 means that none was chosen."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return round(float(value), 2) if 0 < abs(value) <= 4 else None
