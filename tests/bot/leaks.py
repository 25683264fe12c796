"""Everything that could tell the secret of a game too early."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from bot.commands.moderation.mod_review import ReviewAct
from bot.domain.model import JobState
from tests.bot.game_table import Table
from tests.bot.walk import COMMANDS, PUSHED, Walker, told


async def everything(table: Table) -> str:
    """All that Discord ever got: texts, file names, alt texts, the bytes of files, components."""
    parts: list[str] = []
    for message in table.messages:
        parts += [message.content, *(str(embed.to_dict()) for embed in message.embeds), str(message.components)]
        for file in message.attachments:
            content = await file.read()
            parts += [file.filename, file.description or "", content.decode("latin-1")]
    return "\n".join(parts)


async def asked(table: Table, owner: Any, when: str, writers: Collection[Any] = ()) -> str:
    """What every command, button and form tells bo, mo and ada about the newest job of one of them.

    Who wrote a secret may take it along: neither the owner nor the other `writers` export theirs here.
    """
    (job,) = await table.jobs.recent(owner.id, 1)
    assert job.state in (JobState.QUEUED, JobState.RUNNING, JobState.RENDERED, JobState.DELIVERED), when
    for command in ("mod", "quota", "stats"):
        await table.allow(command, table.mo)
    said: list[str] = []
    ends_it = {
        "cancel",
        "mod cancel",
        "mod delete",
        "mod quarantine add",
        "press x",
        *(f"review {act}" for act in ReviewAct),
    }
    for actor in (table.bo, table.mo, table.ada):
        walker = Walker(table, actor, table.channel, job.id, "5ec2e7")
        for name, step in {**COMMANDS, **PUSHED}.items():
            is_his = actor is table.mo or not name.startswith(("mod", "quota", "stats"))
            if name in ends_it or not is_his or (name == "privacy export" and actor in (owner, *writers)):
                continue
            heard = (await told(await step(walker))).replace("\n", " ")
            said.append(f"{actor.name} {name} {when}: {heard}")
    return "\n".join(said)
