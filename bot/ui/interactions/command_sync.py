"""Command sync: tells Discord the commands when they changed, and tries again where it refuses."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from discord import app_commands

from bot.ui.discord_errors import REFUSALS
from bot.ui.interactions.services import Darkroom

SYNC_AGAIN_S, SYNC_SELDOM_S = 30.0, 3600.0

log = logging.getLogger(__name__)


class CommandSync:
    """Syncs the commands of a client; what Discord knows is remembered in a file."""

    def __init__(self, client: Darkroom) -> None:
        self._client, self._tree = client, client.tree
        self._syncing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Sync now; in the background when Discord refuses, since an old command set is better than no bot."""
        if not await self._is_synced():
            self._syncing = self._client.loop.create_task(self._sync_later(), name="sync")

    async def _is_synced(self) -> bool:
        try:
            await self._sync_when_changed()
        except REFUSALS as error:
            log.warning("commands could not be synced: %s", error, extra={"action": "sync"})
            return False
        return True

    async def _sync_later(self) -> None:
        pause_s = SYNC_AGAIN_S
        while not self._client.is_closed():
            await asyncio.sleep(pause_s)
            if await self._is_synced():
                return
            pause_s = min(2 * pause_s, SYNC_SELDOM_S)

    async def _sync_when_changed(self) -> None:
        """Discord allows 200 command creations a day and server: tell it only what it does not know yet."""
        payload = await command_payload(self._tree)
        digest = hashlib.sha256(json.dumps(payload, sort_keys=True).encode()).hexdigest()
        seal = self._seal()
        if seal.exists() and seal.read_text() == digest and await self._are_there(payload):
            return
        await self._tree.sync()
        seal.parent.mkdir(parents=True, exist_ok=True)
        seal.write_text(digest)

    async def _are_there(self, payload: Sequence[Mapping[str, Any]]) -> bool:
        """Whether Discord still has every command; reading them costs no creation."""
        found = {(command.name, command.type.value) for command in await self._tree.fetch_commands()}
        return found == {(command["name"], command.get("type", 1)) for command in payload}

    def _seal(self) -> Path:
        return self._client.services.settings.data_dir / f"commands-{self._client.application_id}.sha256"


async def command_payload(tree: app_commands.CommandTree[Darkroom]) -> list[Mapping[str, Any]]:
    """All commands as Discord gets them."""
    listed = tree.get_commands()
    if tree.translator is None:
        return [command.to_dict(tree) for command in listed]
    return [await command.get_translated_payload(tree, tree.translator) for command in listed]
