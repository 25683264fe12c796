"""`/evolve`: the group votes round after round; a winner stands against wild cards and variations of itself."""

from __future__ import annotations

from discord import app_commands
from discord.app_commands import Range, locale_str
from discord.ext import commands

from bot.domain.model import JobSpec, Member, Verb
from bot.domain.rounds.evolution import MOST_ROUNDS, agreed
from bot.errors import BadOption, NotYours
from bot.ui.content import cost_texts
from bot.ui.content.evolution_texts import plan, plan_view
from bot.ui.interactions import submission
from bot.ui.interactions.answer import Answer, Pressed
from bot.ui.interactions.asker import member_of, place_of
from bot.ui.interactions.contexts import servers_only
from bot.ui.interactions.lists import as_it_stands
from bot.ui.interactions.playing import evolutions


class Evolve(commands.Cog):
    """One picture that a group makes together."""

    @app_commands.command(name="evolve", description=locale_str("Let the group vote a picture better, round by round"))
    @app_commands.describe(
        prompt=locale_str("What to draw; flags such as --ar 3:2 --seed 7 --no text go here too"),
        rounds=locale_str("How many votes at most"),
        minutes=locale_str("How long each vote is open"),
    )
    @servers_only
    async def evolve(
        self,
        interaction: Pressed,
        prompt: Range[str, 1, 3000],
        rounds: Range[int, 1, MOST_ROUNDS] = 4,
        minutes: Range[int, 1, 1440] = 3,
    ) -> None:
        """Say what it costs, and wait until that is agreed to."""
        services = interaction.client.services
        async with Answer(interaction, ephemeral=True) as answer:
            place = place_of(interaction)
            if place.guild_id is None or not place.bot_present:
                raise BadOption("/evolve", "a vote needs a server where I am a member")
            await submission.check_entry(interaction)
            host = await member_of(interaction)
            spec = await _first_grid(interaction, prompt, host)
            planned = await evolutions(interaction).plan(
                spec, host, place, rounds=rounds, minutes=minutes, asked_by_id=interaction.id
            )
            used = cost_texts.share(await services.quotas.uses(host, place, services.clock()))
            told = filter(None, (plan(agreed(planned), minutes, used), as_it_stands(spec.options)))
            await answer.private("\n".join(told), view=plan_view(planned))


async def _first_grid(interaction: Pressed, prompt: str, host: Member) -> JobSpec:
    """What the first round draws. Raises `BadOption` for anything but one grid, and `NotYours`."""
    prompts = await submission.prompts_of(interaction, prompt)
    options = await submission.read(interaction, prompts[0])
    for is_there, word, why in (
        (len(prompts) > 1, "{…}", "one grid is voted on"),
        (options.repeat > 1, "--repeat", "one grid is voted on"),
        (options.draft, "--draft", "four pictures are voted on"),
        (options.relax, "--relax", "its rounds have their deadlines"),
    ):
        if is_there:
            raise BadOption(word, f"not together with /evolve: {why}")
    spec = await submission.styled(interaction, submission.spec(Verb.IMAGINE, options))
    if needed := await interaction.client.services.consents.needed(spec, host):
        raise NotYours(needed[0].owner_id)  # of a style picture: each round would wait for the same yes again
    return spec
