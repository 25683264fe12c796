"""Decodes uploaded pictures, each in a child process with limits on memory and time.

A picture that breaks its decoder, or swallows memory, takes that process with it and nothing else. Torch-free.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process

from engine.errors import InvalidRequest
from engine.pictures.images import encode_png, open_mask, open_with_alpha
from engine.pictures.intake import DAMAGED

MAX_BYTES = 32 * 1024 * 1024
MAX_KEPT_PIXELS = 4 * 1024 * 1024
"""Larger pictures are made smaller: it is the most that a model of one megapixel draws."""
MEMORY_BYTES = 1 << 30
CPU_S = 10
_REFUSED = 3


class SandboxedDecoder:
    """Lets pictures in, a few at a time. Event loop only."""

    def __init__(self, at_once: int = 2, timeout_s: float = 30.0) -> None:
        self._room, self._timeout_s = asyncio.Semaphore(at_once), timeout_s

    async def decode(self, data: bytes, field: str = "image") -> bytes:
        """The picture as a plain PNG, upright, without metadata; see `engine.pictures.images.open_with_alpha`.

        As `field` "mask" it is a PNG of grey, its transparent parts black; see `open_mask`. A picture of more than
        `MAX_KEPT_PIXELS` is made smaller.

        Raises `InvalidRequest(field, why)`.
        """
        if len(data) > MAX_BYTES:
            raise InvalidRequest(field, f"the file is too large; at most {MAX_BYTES // 2**20} MB are taken")
        async with self._room:
            code, said = await self._ask_child(data, field)
        if code == 0:
            return said
        if code == _REFUSED:
            raise InvalidRequest(field, said.decode())
        raise InvalidRequest(field, "the picture takes too much time or memory to open; save it again as a plain PNG")

    async def _ask_child(self, data: bytes, field: str) -> tuple[int, bytes]:
        # Nothing of this process's environment: it holds tokens.
        environment = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        command = (sys.executable, "-m", "engine.pictures.sandboxed_decoder", field)
        child = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=environment)
        try:
            async with asyncio.timeout(self._timeout_s):
                said, _ = await child.communicate(data)
            return await child.wait(), said
        except TimeoutError:
            return -1, b""
        finally:
            await _end(child)


async def _end(child: Process) -> None:
    if child.returncode is None:
        child.kill()
        await child.wait()


def main() -> None:
    """Read one picture from standard input, write it as PNG; exit code 3 with the reason if it is not taken."""
    _limit_self()
    try:
        png = _plain(sys.stdin.buffer.read(), is_mask=sys.argv[1:] == ["mask"])
    except InvalidRequest as refused:
        sys.stdout.buffer.write(refused.why.encode())
        sys.exit(_REFUSED)
    sys.stdout.buffer.write(png)


def _plain(data: bytes, *, is_mask: bool) -> bytes:
    try:
        opened = (open_mask if is_mask else open_with_alpha)(data, most_pixels=MAX_KEPT_PIXELS)
    except (InvalidRequest, MemoryError):
        raise
    except Exception as error:  # decoders of other people's files fail in any way
        raise InvalidRequest("image", DAMAGED) from error
    return encode_png(opened, compress_level=1)


def _limit_self() -> None:
    if sys.platform == "win32":
        return
    import resource

    for kind, limit in ((resource.RLIMIT_AS, MEMORY_BYTES), (resource.RLIMIT_CPU, CPU_S), (resource.RLIMIT_FSIZE, 0)):
        # macOS takes no limit on memory, and nobody may raise one that was set lower.
        with contextlib.suppress(ValueError):
            resource.setrlimit(kind, (limit, limit))


if __name__ == "__main__":
    main()
