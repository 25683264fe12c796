"""`/help`: everything on one private page."""

from __future__ import annotations

import discord
from discord import app_commands
from discord.app_commands import locale_str
from discord.ext import commands

from bot.ui.content.buttons import form_view
from bot.ui.interactions.answer import Answer, Pressed
from bot.ui.interactions.asker import member_of
from bot.ui.interactions.contexts import everywhere

TEXT = """\
**Make pictures:** `/imagine` a red fox in the snow, or `/draw` with a form
**Flags in the prompt:** `--ar 3:2` shape, `--seed 7` same again, `--no text, logo` not these, `--steps 30`, \
`--cfg 5`, `--model NAME`, `--style NAME`, `--lora NAME:0.8`, `--stop 80` unfinished, `--tile`, `--iw 0.7` weight of \
your picture, `--sw 200` of style pictures, \
`--ct edges` `--cw 0.8` what is kept of a control picture, \
`--set NAME` of your own, `--repeat 3`, `--draft` 24 small ones to choose from, `--fast` sooner, \
`--fine` every step computed, `--chaos 60` how much they differ, `--relax` outside of the quota
**Weights:** `cat::2 dog::-0.5` · **By chance:** `__animal__` `{red|blue}` · \
**Many at once:** `a {red, blue} {car, bus}`
**Under the grid:** **U** one picture large, **V** four variations of it, 🔄 draw again, ℹ️ the recipe, ⏱️ time-lapse, \
let the group decide by a vote
**Under one picture:** upscale, vary, vary a region, edit, cut out, zoom out, pan, branch, family, describe, \
use as emoji or sticker
**React to a result:** ✉️ send it to me, ⭐ mark it, ❌ stop or delete it (yours); under a grid \
1️⃣-4️⃣ U, 🇦-🇩 V, 🔄
**Together:** `/evolve` vote a picture better, `/bluff` `/telephone` games, `/weekly hall` the winners of shows
**With pictures:** `/edit` `/blend` `/describe` `/cutout` `/lineage`
**What there is here:** `/models` `/loras` `/style` · **Your words:** `/richer` `/shorten` `/set`
**Yours:** `/info` `/show` `/queue` `/cancel` `/settings` `/privacy`
**On any picture:** right-click → Apps → Darkroom"""

MODERATORS = """\
**Quotas:** `/quota show` `/quota set` `/quota grant` `/quota reset` `/quota list` `/quota timezone` `/quota jobs`
**Queue:** `/mod queue` `/mod cancel` `/mod pause` `/mod drain` `/mod resume` `/mod weight`
**Members and results:** `/mod ban` `/mod unban` `/mod delete` `/mod quarantine add` `/mod quarantine lift` \
`/mod consent` `/privacy retention`
**Prompts:** `/mod words add` `/mod words remove` `/mod words list` `/mod words meaning`
**Channels:** `/mod channel allow` `/mod channel deny` `/mod channel limits` `/mod channel defaults` `/mod channel list`
**Flagged pictures:** `/mod picture` `/mod review on` `/mod review off` `/mod review list`
**Votes and games:** `/mod round pause` `/mod round resume` `/mod round ballot` `/mod round entry` `/mod game`
**The show:** `/weekly setup` `/weekly now` `/weekly cancel` `/weekly off`
**How results look and work:** `/mod results` `/mod reactions` `/mod relax`
**Who did what:** `/mod roles` `/mod log` `/stats`"""


class Help(commands.Cog):
    """What Darkroom does and how to use it."""

    @app_commands.command(name="help", description=locale_str("What I can do and how"))
    @everywhere
    async def help(self, interaction: Pressed) -> None:
        """Answer with the help page."""
        async with Answer(interaction, ephemeral=True) as answer:
            member = await member_of(interaction)
            # In an embed: a message's text would be too short for both.
            more = discord.Embed(title="For moderators", description=MODERATORS) if member.is_moderator else None
            await answer.private(TEXT, view=form_view(), embed=more)
