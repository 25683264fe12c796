"""`/richer`: the prompt in richer words, as a proposal; nothing is drawn before its maker presses."""

from __future__ import annotations

import asyncio
import contextlib

from discord import app_commands
from discord.app_commands import Range, locale_str
from discord.ext import commands

from bot.commands.buttons.proposals import propose
from bot.domain.model import Options
from bot.domain.moderation.job_access import Deed
from bot.domain.prompting import richer
from bot.domain.prompting.dynamic_prompts import Lists
from bot.domain.prompting.prompt import parse, render
from bot.errors import BadOption, NoProposal, UserError
from bot.ui.content.custom_ids import ButtonId
from bot.ui.content.error_texts import words
from bot.ui.interactions import submission
from bot.ui.interactions.answer import Answer, Pressed
from bot.ui.interactions.asker import member_of, place_of
from bot.ui.interactions.contexts import everywhere
from bot.ui.interactions.permitted_jobs import permitted
from engine import Finished, Rewrite

ANSWER_WITHIN_S = 600.0
"""Discord takes answers for 15 minutes; a request that still waits then is given up."""


class Richer(commands.Cog):
    """Proposes richer words."""

    @app_commands.command(name="richer", description=locale_str("Propose richer words for a prompt"))
    @app_commands.describe(prompt=locale_str("The prompt to make richer"))
    @everywhere
    async def richer(self, interaction: Pressed, prompt: Range[str, 1, 2000]) -> None:
        """Show a proposal."""
        async with Answer(interaction, ephemeral=True) as answer:
            await _tell(interaction, answer, parse(prompt))


async def pressed(interaction: Pressed, button: ButtonId) -> None:
    """*Richer* on a recipe: a proposal for its prompt."""
    async with Answer(interaction, ephemeral=True) as answer:
        job = await permitted(interaction, button.job_id, Deed.DERIVE)
        await _tell(interaction, answer, job.spec.options)


async def _tell(interaction: Pressed, answer: Answer, options: Options) -> None:
    await submission.check_entry(interaction)
    if options.parts or not options.prompt:
        raise BadOption("prompt", "only a prompt of plain words, without weights, can be made richer")
    after, whose = await _richer(interaction, options.prompt)
    await _check_rules(interaction, after)
    proposal = options.model_copy(update={"prompt": after})
    why = f"✨ {whose} Nothing is drawn until you press."
    await propose(answer, render(options), render(proposal), why)


async def _richer(interaction: Pressed, prompt: str) -> tuple[str, str]:
    """Return richer words, and a sentence on whose they are. Raises `NoProposal`, and `EngineError`s."""
    services = interaction.client.services
    if services.settings.engine.writer is None:
        lists: Lists = {} if services.wildcards is None else await services.wildcards.all()
        after = await richer.from_lists(prompt, lists, services.engine.embed)
        return after, "The nearest lines of this host's word lists."
    after, cut = richer.proposed(await _answer(interaction, prompt), prompt)
    await richer.check_likeness(prompt, after, services.engine.embed)
    return after, f"Written by the host's language model{f'; {cut}' if cut else ''}."


async def _answer(interaction: Pressed, prompt: str) -> str:
    """What the host's instruct model says; it waits its turn like any request of the member."""
    engine = interaction.client.services.engine
    asked = Rewrite(prompt=prompt, instruction=richer.INSTRUCTION, member=str(interaction.user.id))
    resolved = await engine.resolve(asked)
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S), contextlib.aclosing(engine.submit(resolved)) as events:
            async for event in events:
                if isinstance(event, Finished):
                    return event.captions[0] if event.captions else ""
    except TimeoutError:
        raise NoProposal("this host is too busy now") from None
    return ""


async def _check_rules(interaction: Pressed, text: str) -> None:
    """Raise `NoProposal` where the server's rules refuse what is proposed."""
    member, place = await member_of(interaction), place_of(interaction)
    try:
        await interaction.client.services.job_service.check_words(member, place, text)
    except UserError as error:
        raise NoProposal(f"what was proposed breaks a rule here ({words(error)})") from error
