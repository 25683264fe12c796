"""A LoRA fetched from a site that speaks as Civitai does, on the loopback address."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from engine.errors import ModelLoadFailed
from engine.lora_shelf.civitai import Wanted, pull
from engine.lora_shelf.shelf import LoRAShelf
from engine.settings import EngineSettings
from tests.engine.lora_shelf_files import lora_file

WANTED = Wanted(12345, 67890)


def left_in(folder: Path) -> list[Path]:
    return list(folder.glob("*"))


class Site:
    """What the site says of one version, what it sends, and what it was sent."""

    def __init__(self, content: bytes) -> None:
        self.content, self.tokens = content, list[str]()
        self.url = ""
        self.changes: dict[str, Any] = {}
        self.file: dict[str, Any] = {}

    async def version(self, request: web.Request) -> web.Response:
        if request.match_info["id"] != "67890":
            raise web.HTTPNotFound
        file = {
            "name": "../../Ink: Wash.safetensors", "type": "Model", "sizeKB": len(self.content) / 1024,
            "hashes": {"SHA256": hashlib.sha256(self.content).hexdigest().upper()},
            "downloadUrl": f"{self.url}/api/download/models/67890", **self.file,
        }  # fmt: skip
        said = {
            "id": 67890, "modelId": 12345, "baseModel": "SDXL 1.0", "trainedWords": ["inkwash"],
            "model": {"name": "Ink Wash", "type": "LORA"}, "files": [file], **self.changes,
        }  # fmt: skip
        return web.json_response(said)

    async def download(self, request: web.Request) -> web.Response:
        self.tokens.append(request.headers.get("Authorization", ""))
        return web.Response(body=self.content)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    made = Site(lora_file(tmp_path / "given.safetensors").read_bytes())
    app = web.Application()
    app.add_routes(
        [
            web.get("/api/v1/model-versions/{id}", made.version),
            web.get("/api/download/models/67890", made.download),
        ]
    )
    runner = web.AppRunner(app)
    await runner.setup()
    listening = web.TCPSite(runner, "127.0.0.1", 0)
    await listening.start()
    host, port = runner.addresses[0][:2]
    made.url = f"http://{host}:{port}"
    yield made
    await runner.cleanup()


async def test_the_file_comes_with_its_words_and_no_path(site: Site, tmp_path: Path) -> None:
    folder = tmp_path / "loras"
    path = await pull(WANTED, folder, site=site.url, token="mine")
    assert path == folder / "Ink_ Wash.safetensors" and path.read_bytes() == site.content
    assert site.tokens == ["Bearer mine"]
    (card,) = LoRAShelf(EngineSettings(loras_dir=folder)).cards()
    assert (card.family, card.told.trigger_words, card.refusal) == ("sdxl", ("inkwash",), "")


@pytest.mark.parametrize(
    ("changes", "file", "why"),
    [
        ({}, {"hashes": {"SHA256": "0" * 64}}, "another hash"),
        ({}, {"hashes": {}}, "no safetensors file with a SHA-256"),
        ({}, {"name": "ink.ckpt"}, "no safetensors file"),
        ({}, {"downloadUrl": "http://127.0.0.2:1/x"}, "lies at another address"),
        ({}, {"sizeKB": 1e10}, "GB"),
        ({"modelId": 5}, {}, "belongs to the model 5; civitai:5@67890"),
        ({"model": {"type": "Checkpoint"}}, {}, "no LoRA"),
        ({"model": "LORA"}, {}, "cannot be understood"),
        ({"files": "none"}, {}, "no safetensors file"),
    ],
)
async def test_what_is_wrong_leaves_nothing_behind(
    site: Site, tmp_path: Path, changes: dict[str, Any], file: dict[str, Any], why: str
) -> None:
    site.changes, site.file = changes, file
    with pytest.raises(ModelLoadFailed, match=why):
        await pull(WANTED, tmp_path / "loras", site=site.url)
    assert not left_in(tmp_path / "loras")


async def test_what_is_sent_must_be_a_lora(site: Site, tmp_path: Path) -> None:
    site.content = b"<html>please sign in</html>"
    with pytest.raises(ModelLoadFailed, match="is a web page, no weights"):
        await pull(WANTED, tmp_path / "loras", site=site.url)
    assert not left_in(tmp_path / "loras")


async def test_an_unknown_version_and_a_silent_site_are_said(site: Site, tmp_path: Path) -> None:
    with pytest.raises(ModelLoadFailed, match="no such version"):
        await pull(Wanted(12345, 1), tmp_path, site=site.url)
    with pytest.raises(ModelLoadFailed, match="cannot be reached"):
        await pull(WANTED, tmp_path, site="http://127.0.0.1:1")


async def test_a_file_that_is_there_is_kept(site: Site, tmp_path: Path) -> None:
    mine = tmp_path / "Ink_ Wash.safetensors"
    mine.write_bytes(b"mine")
    with pytest.raises(ModelLoadFailed, match="there already"):
        await pull(WANTED, tmp_path, site=site.url)
    assert mine.read_bytes() == b"mine"


@pytest.mark.parametrize("text", ["civitai:1", "civitai:1@", "civitai:a@2", "1@2", "civitai:1@2/..", ""])
def test_only_two_numbers_name_a_version(text: str) -> None:
    assert Wanted.parse(text) is None
    assert json.dumps(str(Wanted.parse("civitai:1@2"))) == '"civitai:1@2"'
