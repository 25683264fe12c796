"""What an owner is asked, and how it ended."""

from __future__ import annotations

from discord import ButtonStyle
from discord.ui import View
from discord.utils import format_dt

from bot.domain.jobs import error_codec
from bot.domain.model import Job
from bot.domain.prompting.prompt import render
from bot.domain.rounds.consent_request import request_of
from bot.domain.rounds.entry import Entry
from bot.domain.rounds.round import Round, RoundAct, RoundState
from bot.ui.content.custom_ids import RoundId
from bot.ui.content.round_pages import button, refusal
from bot.ui.content.texts import MESSAGE_LIMIT, echo, message_url, shorten

_ECHO = 300


def question(shown: Round, owner_id: int, job: Job | None) -> str:
    """Who asks for which picture, what they would make, and until when an answer counts."""
    spec = request_of(shown).ask.spec
    words = echo(render(spec.options), _ECHO)
    wish = f"{spec.verb.done}, **{words}**" if words else spec.verb.done
    if shown.state is RoundState.PAUSED:
        return f"🙋 <@{shown.host.id}> asked <@{owner_id}> for a picture. ⏸️ A moderator has paused this."
    return (
        f"🙋 <@{owner_id}>, <@{shown.host.id}> would like to make something of {_picture(job)}: {wish}. May they?\n"
        f"**Once** is for this, **Always** for whatever they make of your pictures from now on. Without an answer "
        f"{format_dt(shown.due_at, 'R')} it is not made.\n"
        "-# Nothing is drawn and no quota is taken before you say yes. `/privacy consent` says who is asked at all."
    )


def question_view(shown: Round) -> View | None:
    """Once, Always, No."""
    if shown.state is not RoundState.OPEN:
        return None
    view = View(timeout=None)
    for act, label, style in (
        (RoundAct.ONCE, "Once", ButtonStyle.success),
        (RoundAct.ALWAYS, "Always", ButtonStyle.primary),
        (RoundAct.NO, "No", ButtonStyle.secondary),
    ):
        view.add_item(button(RoundId(act, shown.id), label, style))
    view.stop()
    return view


def ended(shown: Round, asked: Entry | None, job: Job | None, next_url: str) -> str:
    """What was answered, and what was made."""
    who = "whoever made it" if asked is None else f"<@{asked.member_id}>"
    head = f"🙋 <@{shown.host.id}> asked for {_picture(job, 'a picture')}: "
    match asked and asked.text:
        case RoundAct.ONCE:
            said = f"{who} says yes, this once."
        case RoundAct.ALWAYS:
            said = f"{who} says yes, always."
        case RoundAct.NO:
            return f"{head}{who} would rather not."
        case _:
            return f"{head}{shown.outcome or 'no answer came'}."
    if shown.refusal:
        said += f" It is not made: {refusal(error_codec.unpack(shown.refusal), shown.host.id)}"
    elif next_url:
        said += f" [Here it is]({next_url})"
    else:
        said += " It follows."
    return shorten(head + said, MESSAGE_LIMIT)


def _picture(job: Job | None, name: str = "your picture") -> str:
    if job is None or job.reply.message_id is None or job.reply.ephemeral:
        return name
    return f"[{name}]({message_url(job.guild_id, job.channel_id, job.reply.message_id)})"
