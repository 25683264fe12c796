"""`/help`: everything on one private page."""

from __future__ import annotations

from discord import app_commands
from discord.app_commands import locale_str
from discord.ext import commands

from bot.ui.content.buttons import form_view
from bot.ui.interactions import submission
from bot.ui.interactions.answer import Answer, Pressed
from bot.ui.interactions.contexts import everywhere

TEXT = """\
**Make pictures:** `/imagine` a red fox in the snow, or `/draw` with a form
**Flags in the prompt:** `--ar 3:2` shape, `--seed 7` same again, `--no text, logo` not these, `--steps 30`, \
`--cfg 5`, `--model NAME`, `--style NAME`, `--stop 80` unfinished, `--tile`, `--iw 0.7` weight of your picture, \
`--ct edges` `--cw 0.8` what is kept of a control picture, \
`--set NAME` of your own, `--repeat 3`, `--draft` 24 small ones to choose from, `--fast` sooner, \
`--fine` every step computed, `--chaos 60` how much they differ, `--relax` outside of the quota
**Weights:** `cat::2 dog::-0.5` · **By chance:** `__animal__` `{red|blue}` · \
**Many at once:** `a {red, blue} {car, bus}`
**Under the grid:** **U** one picture large, **V** four variations of it, 🔄 draw again, ℹ️ the recipe, ⏱️ time-lapse
**Under one picture:** upscale, vary, vary a region, edit, zoom out, pan, describe, use as emoji or sticker
**React to a result:** ✉️ send it to me, ⭐ mark it, ❌ stop or delete it (yours); under a grid \
1️⃣-4️⃣ U, 🇦-🇩 V, 🔄
**More:** `/edit` `/blend` `/describe` `/shorten` `/richer` `/style` `/lineage` `/show` `/queue` `/cancel` `/info` \
`/set` `/settings` `/weekly hall` `/privacy`
**On any picture:** right-click → Apps → Darkroom"""

MODERATORS = """
**For moderators**
**Quotas:** `/quota show` `/quota set` `/quota grant` `/quota reset` `/quota list` `/quota timezone` `/quota jobs`
**Queue:** `/mod queue` `/mod cancel` `/mod pause` `/mod drain` `/mod resume` `/mod weight`
**Members and results:** `/mod ban` `/mod unban` `/mod delete` `/privacy retention`
**Prompts:** `/mod words add` `/mod words remove` `/mod words list` `/mod words meaning`
**Channels:** `/mod channel allow` `/mod channel deny` `/mod channel limits` `/mod channel defaults` `/mod channel list`
**Flagged pictures:** `/mod picture` `/mod review on` `/mod review off` `/mod review list`
**The show:** `/weekly setup` `/weekly now` `/weekly cancel` `/weekly off`
**Who did what:** `/mod roles` `/mod reactions` `/mod relax` `/mod results` `/mod log` `/stats`"""


class Help(commands.Cog):
    """What Darkroom does and how to use it."""

    @app_commands.command(name="help", description=locale_str("What I can do and how"))
    @everywhere
    async def help(self, interaction: Pressed) -> None:
        """Answer with the help page."""
        async with Answer(interaction, ephemeral=True) as answer:
            member = await submission.member_of(interaction)
            await answer.private(TEXT + MODERATORS if member.is_moderator else TEXT, view=form_view())
