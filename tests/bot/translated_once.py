"""Commands are translated once a process: every client that starts says the same of them, in every language."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from discord import app_commands
from discord.app_commands import commands, transformers

from bot.ui.content.translation import Translator

_KINDS: tuple[Any, ...] = (app_commands.Command, app_commands.Group, app_commands.ContextMenu)


@contextmanager
def translated_once() -> Iterator[None]:
    """Remember what Discord is told of a command, by its functions and the languages asked for."""
    with ExitStack() as patched:
        for kind in _KINDS:
            remembering = _remembering(kind.get_translated_payload)
            patched.enter_context(patch.object(kind, "get_translated_payload", remembering))
        yield


def _remembering(translated: Callable[..., Awaitable[dict[str, Any]]]) -> Callable[..., Awaitable[dict[str, Any]]]:
    known = dict[Hashable, dict[str, Any]]()

    async def payload(command: Any, tree: Any, translator: Any) -> dict[str, Any]:
        if type(translator) is not Translator:
            return await translated(command, tree, translator)
        key = _declared(command), commands.Locale, transformers.Locale
        if key not in known:
            known[key] = _shared(await translated(command, tree, translator))
        return known[key]

    return payload


class _Shared(dict[str, Any]):
    """What nobody changes; the simulated Discord copies all that is sent to it, and all that it answers."""

    def __deepcopy__(self, memo: object) -> _Shared:
        return self


def _shared(payload: Any) -> Any:
    if isinstance(payload, dict):
        return _Shared({key: _shared(value) for key, value in payload.items()})
    return [_shared(each) for each in payload] if isinstance(payload, list) else payload


def _declared(command: Any) -> Hashable:
    """What two copies of a command have in common that were made for two clients."""
    if isinstance(command, app_commands.Group):
        return command.qualified_name, *map(_declared, command.commands)
    return command.qualified_name, command.callback
