"""Fetches a LoRA from Civitai by its public API, and checks its hash.

Source: developer.civitai.com, "Public REST API": `GET /api/v1/model-versions/:id`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from engine.errors import ModelLoadFailed
from engine.lora_shelf.files import KIND, MAX_NAME
from engine.model_files import atomic_file
from engine.model_files.lora_kinds import refusal_of
from engine.model_files.single_file import tensor_names

if TYPE_CHECKING:
    import aiohttp

SITE = "https://civitai.com"
MAX_BYTES = 4 * 1024**3
_KINDS = frozenset({"LORA", "LOCON", "DORA"})
_NAMED = re.compile(r"civitai:(?P<model>[0-9]{1,12})@(?P<version>[0-9]{1,12})")
_UNSAFE = re.compile(r"[^\w.+ -]+")
_MAX_ANSWER = 4 * 1024 * 1024
_CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Wanted:
    """A model's page and one of its versions, as `civitai:ID@VERSION` names them."""

    model: int
    version: int

    @classmethod
    def parse(cls, text: str) -> Wanted | None:
        """The two numbers, or None where the text names no version."""
        found = _NAMED.fullmatch(text.strip())
        return found and cls(int(found["model"]), int(found["version"]))

    def __str__(self) -> str:
        return f"civitai:{self.model}@{self.version}"


@dataclass(frozen=True, slots=True)
class _Offer:
    url: str
    sha256: str
    name: str
    bytes: int


async def pull(
    wanted: Wanted, folder: Path, *, site: str = SITE, token: str = "", told: Callable[[int, int], None] | None = None
) -> Path:
    """Fetch the version's safetensors file into `folder`, with a `.civitai.info` beside it; returns the file.

    `token` goes to the site alone, never where it sends us. `told` hears how many bytes there are, of how many.
    Raises `ModelLoadFailed` with what to do; then nothing is left behind.
    """
    import aiohttp  # takes a fifth of a second, and hardly any process needs it

    wait = aiohttp.ClientTimeout(total=None, connect=30, sock_read=60)
    heads = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        async with aiohttp.ClientSession(timeout=wait, headers={"User-Agent": "Darkroom"}) as session:
            version = await _version(session, wanted, site, heads)
            offer = _offer(wanted, version, site)
            path = folder / offer.name
            if path.exists():
                raise _failed(wanted, f"{path.name} is there already", "remove it first: darkroom loras rm NAME")
            await _fetch(session, wanted, offer, path, heads, told or (lambda there, whole: None))
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise _failed(wanted, f"the site cannot be reached ({error or type(error).__name__})", "try again") from error
    atomic_file.replace(path.with_suffix(".civitai.info"), json.dumps(version, indent=1).encode())
    return path


async def _version(session: aiohttp.ClientSession, wanted: Wanted, site: str, heads: Mapping[str, str]) -> Any:
    async with session.get(f"{site}/api/v1/model-versions/{wanted.version}", headers=heads) as answer:
        if answer.status == 404:
            raise _failed(wanted, "the site has no such version", "correct the numbers: they stand in its address")
        if answer.status != 200:
            raise _failed(wanted, f"the site answers {answer.status}", "try again later")
        content = await answer.content.read(_MAX_ANSWER)
    try:
        version = json.loads(content)
        model_id, kind = int(version["modelId"]), str(version["model"]["type"]).upper()
    except (ValueError, KeyError, TypeError) as error:
        raise _failed(wanted, "the site's answer cannot be understood", "try again later") from error
    if model_id != wanted.model:
        raise _failed(wanted, f"this version belongs to the model {model_id}", f"civitai:{model_id}@{wanted.version}")
    if kind not in _KINDS:
        raise _failed(wanted, f"this is a {kind}, no LoRA", "choose a LoRA")
    return version


def _offer(wanted: Wanted, version: Mapping[str, Any], site: str) -> _Offer:
    files = version.get("files")
    for file in cast("list[Any]", files) if isinstance(files, list) else []:
        try:
            name, url = str(file["name"]), str(file["downloadUrl"])
            sha256, size = str(file["hashes"]["SHA256"]).lower(), int(float(file["sizeKB"]) * 1024)
        except (KeyError, TypeError, ValueError):
            continue
        if (
            file.get("type", "Model") == "Model"
            and name.lower().endswith(KIND)
            and re.fullmatch("[0-9a-f]{64}", sha256)
        ):
            if urlsplit(url)[:2] != urlsplit(site)[:2]:
                raise _failed(wanted, "its file lies at another address", "download it yourself, then: loras add")
            if size > MAX_BYTES:
                raise _failed(wanted, f"its file has {size / 1e9:.1f} GB", "that is more than a LoRA takes")
            return _Offer(url, sha256, _file_name(wanted, name), size)
    raise _failed(wanted, "it has no safetensors file with a SHA-256", "choose another version")


def _file_name(wanted: Wanted, name: str) -> str:
    """The site's name without anything that could lead out of the folder."""
    stem = _UNSAFE.sub("_", Path(name.replace("\\", "/")).stem).strip("._ ")[:MAX_NAME]
    return f"{stem or f'civitai-{wanted.version}'}{KIND}"


async def _fetch(
    session: aiohttp.ClientSession,
    wanted: Wanted,
    offer: _Offer,
    path: Path,
    heads: Mapping[str, str],
    told: Callable[[int, int], None],
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    try:
        async with session.get(offer.url, headers=heads) as answer:
            if answer.status in (401, 403):
                raise _failed(wanted, "the site wants to know who you are", "set CIVITAI_TOKEN to an API key of yours")
            if answer.status != 200:
                raise _failed(wanted, f"the site answers {answer.status}", "try again later")
            found, there = hashlib.sha256(), 0
            with part.open("wb") as file:
                async for chunk in answer.content.iter_chunked(_CHUNK):
                    there += len(chunk)
                    if there > MAX_BYTES:
                        raise _failed(wanted, "its file is larger than the site says", "choose another version")
                    found.update(chunk)
                    file.write(chunk)
                    told(there, offer.bytes)
        if found.hexdigest() != offer.sha256:
            raise _failed(wanted, "the file that came has another hash than the site names", "try again")
        if why := refusal_of(tensor_names(part)):
            raise _failed(wanted, f"its file {why}", "choose another LoRA")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _failed(wanted: Wanted, why: str, remedy: str) -> ModelLoadFailed:
    return ModelLoadFailed(str(wanted), why, remedy)
