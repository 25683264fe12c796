"""The store of pictures."""

from __future__ import annotations

from typing import Protocol


class Pictures(Protocol):
    """The store of picture bytes, by key. Everything raises `StoreError` when it is full or out of reach."""

    async def put(self, key: str, content: bytes) -> None:
        """Store durably and atomically."""
        ...

    async def keep(self, key: str, content: bytes) -> None:
        """Store unless it is there."""
        ...

    async def get(self, key: str) -> bytes:
        """Raises `KeyError`."""
        ...

    async def delete(self, key: str) -> None:
        """Remove; absent is fine."""
        ...
