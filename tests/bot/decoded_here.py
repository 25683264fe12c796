"""Uploads decoded in the tests' own process, as the child would: starting one for each takes half a second."""

from __future__ import annotations

import asyncio

import pytest

from engine.errors import InvalidRequest
from engine.pictures import sandboxed_decoder
from engine.pictures.sandboxed_decoder import SandboxedDecoder


@pytest.fixture(autouse=True)
def decoded_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where hostile files are uploaded, an empty fixture of this name stands in for it."""

    async def ask(_: SandboxedDecoder, data: bytes, field: str) -> tuple[int, bytes]:
        try:
            return 0, await asyncio.to_thread(sandboxed_decoder._plain, data, is_mask=field == "mask")
        except InvalidRequest as refused:
            return sandboxed_decoder._REFUSED, refused.why.encode()

    monkeypatch.setattr(SandboxedDecoder, "_ask_child", ask)
