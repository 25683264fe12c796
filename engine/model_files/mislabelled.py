"""What a file is that does not hold what its name says, by its first bytes. Torch-free."""

from __future__ import annotations

from pathlib import Path

from engine.errors import ModelLoadFailed

PICKLED = "is pickled, which could run code", "convert it to safetensors"
_BEGINNINGS = (
    (b"GGUF", "is a GGUF file by its content", "rename it to .gguf"),
    (b"PK\x03\x04", *PICKLED),
    (b"version https://git-lfs", "is a pointer of Git LFS, not the file itself", "fetch the file: git lfs pull"),
    (b"<", "is a web page, no weights", "download it again, signed in where the page asks for that"),
    (b"{", "is JSON, no weights", "download it again"),
)
"""How a file begins -> what it is, and the way out."""
_HEADER_AT = 8
"""Bytes before a safetensors file's header, which is JSON: its length."""
_PROTOCOLS = range(2, 6)
"""Of pickles that begin with 0x80 and their protocol's number."""


def prove_regular(path: Path) -> None:
    """Raises `ModelLoadFailed` for a pipe, a socket or a device: reading one may never end."""
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise ModelLoadFailed(path.stem, f"{path.name} is no regular file", "name the model's own file")


def what_it_is(path: Path) -> tuple[str, str] | None:
    """(what the file is, the way out); None where its beginning tells nothing."""
    try:
        with path.open("rb") as file:
            start = file.read(64)
    except OSError:
        return ("is a folder", "name a file in it") if path.is_dir() else None
    if not start:
        return "is empty", "download it again"
    if not any(start[4:_HEADER_AT]):  # the length of a header, which may begin with any byte
        return None
    if start[0] == 0x80 and start[1] in _PROTOCOLS:
        return PICKLED
    return next(((what, remedy) for mark, what, remedy in _BEGINNINGS if start.startswith(mark)), None)


def is_safetensors(path: Path) -> bool:
    """Whether it begins as a safetensors file does."""
    try:
        with path.open("rb") as file:
            start = file.read(_HEADER_AT + 1)
    except OSError:
        return False
    return start[_HEADER_AT:] == b"{" and int.from_bytes(start[:_HEADER_AT], "little") <= path.stat().st_size
