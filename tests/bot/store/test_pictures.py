"""Picture bytes by key."""

from __future__ import annotations

from pathlib import Path

import pytest
from obstore.store import MemoryStore

from bot.errors import ConfigError, StoreError
from bot.store.pictures import PictureStore


@pytest.fixture(params=["folder", "bucket"])
def pictures(request: pytest.FixtureRequest, tmp_path: Path) -> PictureStore:
    # A bucket in memory stands for S3: the calls are the same, the network is not there.
    return PictureStore.open(tmp_path / "pictures") if request.param == "folder" else PictureStore(MemoryStore())


async def test_put_get_replace_delete(pictures: PictureStore) -> None:
    await pictures.put("jobs/a/0.png", b"one")
    await pictures.put("jobs/a/0.png", b"two")
    await pictures.put("uploads/b.png", b"three")
    assert await pictures.get("jobs/a/0.png") == b"two"
    assert [{found.key: found.size_bytes for found in page} async for page in pictures.pages("jobs")] == [
        {"jobs/a/0.png": 3}
    ]
    assert {found.key async for page in pictures.pages() for found in page} == {"jobs/a/0.png", "uploads/b.png"}
    assert await pictures.delete_unneeded(["jobs/a/0.png", "jobs/a/0.png"], _none_of) == 1
    with pytest.raises(KeyError):
        await pictures.get("jobs/a/0.png")


@pytest.mark.parametrize("key", ["../x", "/etc/passwd", "a red fox.png", "jobs/../x", "jobs//x", "x", "jobs/.x", ""])
async def test_only_keys_of_ours(pictures: PictureStore, key: str) -> None:
    with pytest.raises(ValueError, match="not a key"):
        await pictures.put(key, b"")


async def test_a_folder_holds_whole_files_only(tmp_path: Path) -> None:
    await PictureStore.open(tmp_path / "pictures").put("jobs/a/0.png", b"x" * 100_000)
    assert [path.name for path in (tmp_path / "pictures").rglob("*") if path.is_file()] == ["0.png"]


async def test_a_folder_that_cannot_be_used_is_a_store_error(tmp_path: Path) -> None:
    pictures = PictureStore.open(tmp_path / "pictures")
    (tmp_path / "pictures" / "jobs").write_text("not a folder")
    for attempt in (pictures.put("jobs/a/0.png", b"x"), pictures.get("jobs/a/0.png"), pictures.delete("jobs/a/0.png")):
        with pytest.raises(StoreError):
            await attempt


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "pictures").write_text("not a folder")
    with pytest.raises(ConfigError, match="pictures: the folder"):
        PictureStore.open(tmp_path / "pictures")


def test_an_unknown_kind_of_bucket_is_named() -> None:
    with pytest.raises(ConfigError, match="pictures"):
        PictureStore.open("gopher://bucket")


async def _none_of(_keys: object) -> set[str]:
    return set()
