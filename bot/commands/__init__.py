"""Slash commands, buttons and reactions. One cog a file; a command translates, the domain decides, the store is atomic.

How a command module looks::

    class Quota(commands.Cog):
        group = app_commands.Group(name="quota", description=locale_str("..."), allowed_contexts=..., ...)

        @group.command(name="show", description=locale_str("Show what is used and what is left"))
        async def show(self, interaction: Pressed) -> None:
            async with Answer(interaction, ephemeral=True) as answer:
                ...
                await answer.private("12 of 40 today")

- Nothing is taken in `__init__`: everything is reached as `interaction.client.services`
  (`bot.ui.interactions.services.Services`).
- `Answer` (`bot.ui.interactions.answer`) is the only way to respond. It answers at once, shows "thinking…" after
  0.03 s, ignores expired interactions, and turns every `BotError` and `EngineError` raised inside into a private answer
  in the words of `bot.ui.content.error_texts.TABLE`. So: raise, never format an error yourself. A new leaf of an error
  tree needs a row there.
- `Answer.public(text, view=, files=)`, `.private(text, view=, files=, embed=)`, `.modal(modal)`: a modal must be the
  first response, so say `Answer(interaction, may_ask=True)`, and await nothing before it but the store.
- Who asks and where: `asker.member_of(interaction)`, `asker.place_of(interaction)`. Moderators:
  `access.require_moderator(member)` raises; commands for them also say `default_member_permissions`.
- Names and descriptions are `locale_str`s in English; every one has a row in each `bot/locales/*.toml` (a test counts).
- A kill may come between the deed and its answer; then the next process runs the command again. Jobs are accepted once
  for each interaction, and what has an `AuditEntry` with its interaction is done once. Other commands must mean the
  same when they run again: fix what they leave open with `client.answer_tracker.settle`. One that begins
  more after its first response says `answer.goes_on()` before.
- Contexts and install types come from `bot.ui.interactions.contexts`: `everywhere` or `servers_only`, as decorators.
- Buttons are `DynamicItem`s with a template of their own prefix (`dr:` is taken by `bot.ui.content.buttons`, use
  `mod:`).
  Give the class in the module's `DYNAMIC_ITEMS = (...)` and the cog in `COGS`, listed in `bot.commands.registry`.
- Pictures are drawn through `services.drawing`, an executor: no Pillow or matplotlib call on the event loop.
- Text of members is shown through `bot.ui.content.texts.safe`; the client allows no mentions unless a call says so.
"""
