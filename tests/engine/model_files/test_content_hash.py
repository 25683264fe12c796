"""A model's identity is what its files hold, asked again only when they change."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.model_files import content_hash
from engine.model_files.content_hash import FileHashes, bytes_sha256


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "model"
    (made / "unet").mkdir(parents=True)
    (made / "model_index.json").write_text("{}")
    (made / "unet" / "weights.safetensors").write_bytes(b"one")
    return made


def test_only_what_is_computed_with_counts(folder, tmp_path):
    hashes = FileHashes(tmp_path / "hashes.json")
    before = hashes.of_model([folder])
    (folder / "README.md").write_text("words")
    assert hashes.of_model([folder]) == before and len(before) == 10
    (folder / "unet" / "weights.safetensors").write_bytes(b"two")
    assert hashes.of_model([folder]) != before


def test_a_fused_adapter_makes_another_model(folder, tmp_path):
    (tmp_path / "lora.safetensors").write_bytes(b"lora")
    hashes = FileHashes(tmp_path / "hashes.json")
    assert hashes.of_model([folder, tmp_path / "lora.safetensors"]) != hashes.of_model([folder])


def test_large_files_are_read_again_only_after_a_change(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(content_hash, "_LARGE", 0)
    read = list[Path]()
    monkeypatch.setattr(content_hash, "bytes_sha256", lambda path: read.append(path) or bytes_sha256(path))
    weights = folder / "unet" / "weights.safetensors"
    first = FileHashes(tmp_path / "hashes.json").of(weights)
    assert FileHashes(tmp_path / "hashes.json").of(weights) == first and len(read) == 1
    weights.write_bytes(b"new")
    os.utime(weights, ns=(1, 1))
    assert FileHashes(tmp_path / "hashes.json").of(weights) != first and len(read) == 2


def test_a_torn_cache_of_hashes_costs_time_and_nothing_else(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(content_hash, "_LARGE", 0)
    weights, memory = folder / "unet" / "weights.safetensors", tmp_path / "hashes.json"
    known = FileHashes(memory).of(weights)
    memory.write_bytes(memory.read_bytes()[:9])
    assert FileHashes(memory).of(weights) == known
    assert FileHashes(memory)._known, "and it is whole again"


def test_a_read_only_folder_keeps_no_model_from_loading(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(content_hash, "_LARGE", 0)
    (tmp_path / "models").write_text("no folder")
    weights = folder / "unet" / "weights.safetensors"
    assert FileHashes(tmp_path / "models" / "hashes.json").of(weights) == bytes_sha256(weights)
