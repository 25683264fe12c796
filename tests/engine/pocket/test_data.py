import hashlib
import io
import stat
import tarfile
from pathlib import Path

import numpy as np
import pytest

from engine.pocket.art import ART, LABELS, Package
from engine.pocket.data import SIZE, Collection, build
from engine.pocket.errors import MissingData, MissingTool, WrongHash

pytest.importorskip("resvg_py", reason="resvg-py draws the art; it is a training-time package")


def test_every_drawing_gets_its_words_and_its_style(cache, art):
    drawn: list[str] = []

    collection = build(cache, drawn.append, art)

    found = {(sprite.label, sprite.style): sprite for sprite in collection.sprites}
    assert set(found) == {
        ("red apple", "3d"),
        ("red apple", "flat"),
        ("sun", "flat"),
        ("family man, woman, girl", "flat"),
    }
    assert drawn.count("fluent-emoji-flat") == 3
    assert found["red apple", "flat"].tags == ("fruit", "red")
    assert found["family man, woman, girl", "flat"].weight < found["sun", "flat"].weight / 10


def test_drawings_are_reduced_with_their_transparency(cache, art):
    collection = build(cache, lambda _: None, art)
    apple = collection.pixels[[sprite.style == "flat" and "apple" in sprite.label for sprite in collection.sprites]][0]

    assert collection.pixels.shape[1:] == (SIZE, SIZE, 4)
    assert tuple(apple[SIZE // 2, SIZE // 2]) == (208, 32, 32, 255)
    assert apple[0, 0, 3] == 0


def test_what_was_built_is_read_back(cache, art):
    built = build(cache, lambda _: None, art)
    read = Collection.load(cache)

    assert read.sprites == built.sprites
    assert np.array_equal(read.pixels, built.pixels)


def test_nothing_built_says_how_to_build_it(tmp_path):
    with pytest.raises(MissingData, match=r"python -m engine\.pocket data"):
        Collection.load(tmp_path)


def test_no_share_alike_art():
    assert {source.package.licence for source in ART} == {"MIT", "Apache-2.0"}
    assert not any("anim" in source.package.spec for source in ART)
    assert all("@" in package.spec[1:] and len(package.sha256) == 64 for package in (LABELS, *(s.package for s in ART)))


def _fake_npm(folder: Path, content: bytes) -> None:
    """An `npm` whose `pack` writes a tarball: the real one needs a network."""
    tarball = folder / "made.tgz"
    with tarfile.open(tarball, "w:gz") as archive:
        info = tarfile.TarInfo("package/file.txt")
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    npm = folder / "npm"
    npm.write_text(f"#!/bin/sh\ncp {tarball} thing-1.0.0.tgz && echo thing-1.0.0.tgz\n")
    npm.chmod(npm.stat().st_mode | stat.S_IEXEC)


def test_a_package_is_fetched_once_and_checked(tmp_path, monkeypatch):
    _fake_npm(tmp_path, b"hello")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    package = Package("thing@1.0.0", hashlib.sha256((tmp_path / "made.tgz").read_bytes()).hexdigest(), "MIT")

    folder = package.folder(tmp_path / "cache")
    (tmp_path / "npm").unlink()

    assert (folder / "file.txt").read_bytes() == b"hello"
    assert package.folder(tmp_path / "cache") == folder


def test_a_package_with_another_hash_is_refused(tmp_path, monkeypatch):
    _fake_npm(tmp_path, b"hello")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    with pytest.raises(WrongHash, match=r"thing@1\.0\.0 .*do not use it"):
        Package("thing@1.0.0", "0" * 64, "MIT").folder(tmp_path / "cache")
    assert not list((tmp_path / "cache" / "npm").iterdir())


def test_no_npm_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(MissingTool, match=r"install Node\.js"):
        Package("thing@1.0.0", "0" * 64, "MIT").folder(tmp_path / "cache")


def test_a_registry_that_does_not_answer_says_what_to_do(tmp_path, monkeypatch):
    (tmp_path / "npm").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "npm").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    with pytest.raises(MissingTool, match=r"thing@1\.0\.0 .* check the connection"):
        Package("thing@1.0.0", "0" * 64, "MIT").folder(tmp_path / "cache")
