"""What is published works without the checkout: the wheel, installed somewhere else, draws a picture offline.

Its dependencies are taken from the environment the tests run in: installing torch anew would take minutes and prove
nothing about the wheel.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return next(out.glob("*.whl"))


def test_the_wheel_carries_what_is_needed_and_stays_small(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        shipped = sum(info.file_size for info in archive.infolist())
    for needed in ("engine/presets.toml", "engine/pocket/NOTICE", "engine/pocket/weights/model_index.json",
                   "engine/realesrgan/NOTICE", "engine/realesrgan/realesr-animevideov3-x4.safetensors",
                   "bot/store/migrations/env.py", "bot/playground/page.css", "bot/locales/de.toml"):  # fmt: skip
        assert needed in names, needed
    assert not [name for name in names if name.startswith(("tests/", "docs/", "data/"))]
    assert shipped < 64 * 1024 * 1024


def test_installed_elsewhere_it_draws_offline(wheel: Path, tmp_path: Path) -> None:
    home = tmp_path / "elsewhere"
    venv.create(home, with_pip=False)
    python = home / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "-q", "--no-deps", str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    site = next(home.glob("lib/python*/site-packages"))
    (site / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"])
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("DARKROOM_", "PYTHON"))}
    environment = {**clean, "HF_HUB_OFFLINE": "1"}
    where = subprocess.run(
        [python, "-c", "import bot, engine; print(bot.__file__, engine.__file__)"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert where.stdout.count(str(site)) == 2, where.stdout
    command = [home / "bin" / "darkroom", "imagine", "a red apple", "--seed", "7", "--count", "1", "--out", "drawn"]
    drawn = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert drawn.returncode == 0, drawn.stderr
    assert drawn.stdout.split() == ["drawn/7.png"]
    assert (tmp_path / "drawn" / "7.png").stat().st_size > 500
