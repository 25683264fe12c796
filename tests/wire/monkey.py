"""Somebody who types and clicks at random, by what the bot itself has registered and shown."""

from __future__ import annotations

import random
from typing import Any

from tests.wire.server import Discord, Thing, buttons, pictures
from tests.wire.world import CHANNEL_ID, GUILD_ID, Interaction

TEXTS = (
    "a red apple", "--ar", "cat::2 dog::-0.5", "a {red, blue} {car, bus}", "x" * 3000, "--seed 99999999999", "{",
    "🙂" * 50, "a fox --steps 3", "--no", "<@11> @everyone", "a\u200bb --ar 3:2 --seed 7", "../../etc/passwd",
    "'; drop table jobs; --", "a cat --repeat 3 --steps 2", "—ar 3:2 house", "  ",
)  # fmt: skip


class Monkey:
    """Acts as one of a few members; the same seed does the same to the same bot."""

    def __init__(self, discord: Discord, seed: int) -> None:
        self.discord, self.dice = discord, random.Random(seed)
        self.asked: list[Interaction] = []

    async def act(self) -> str:
        """Do one thing; says which."""
        choices = [
            self._command,
            self._command,
            self._press,
            self._press,
            self._press,
            self._modal,
            self._menu,
            self._react,
        ]
        return await self.dice.choice(choices)()

    def _who(self) -> tuple[int, bool]:
        user = self.dice.choice((61, 62, 63))
        return user, user == 63

    async def _command(self) -> str:
        top = self.dice.choice([c for c in self.discord.world.commands if c["type"] == 1])
        names, options = [top["name"]], top.get("options") or []
        while options and options[0]["type"] in (1, 2):
            sub = self.dice.choice(options)
            names.append(sub["name"])
            options = sub.get("options") or []
        given = {o["name"]: self._value(o) for o in options if o.get("required") or self.dice.random() < 0.3}
        if any(value is None for value in given.values()):
            return "no file at hand"
        user, moderator = self._who()
        name = " ".join(names)
        self.asked.append(await self.discord.type(name, given, user, moderator))
        return f"/{name} {given}"

    def _value(self, option: dict[str, Any]) -> Any:
        if option.get("choices"):
            return self.dice.choice(option["choices"])["value"]
        low, high = option.get("min_value", 0), option.get("max_value", 100)
        match option["type"]:
            case 3:
                return self.dice.choice(TEXTS)[: option.get("max_length", 6000)]
            case 4:
                return self.dice.randint(int(low), min(int(high), int(low) + 20))
            case 5:
                return self.dice.random() < 0.5
            case 10:
                return round(self.dice.uniform(low, high), 2)
            case 6:
                return Thing(6, str(self.dice.choice((61, 62, 63))))
            case 7:
                return Thing(7, str(CHANNEL_ID))
            case 8:
                return Thing(8, str(GUILD_ID))
            case _:
                return None

    async def _press(self) -> str:
        shown = [m for m in self.discord.world.shown() if any(b.get("custom_id") for b in buttons(m))]
        if not shown:
            return "nothing to press"
        message = self.dice.choice(shown[-6:])
        button = self.dice.choice([b for b in buttons(message) if b.get("custom_id")])
        user, moderator = self._who()
        for _ in range(self.dice.choice((1, 1, 1, 2))):
            self.asked.append(await self.discord.click(message, button["custom_id"], user, moderator))
        return f"press {button['custom_id']}"

    async def _modal(self) -> str:
        open_ = [one for one in self.asked if one.modal]
        if not open_:
            return "no modal"
        one = self.dice.choice(open_)
        values = {field["custom_id"]: self._field(field) for field in fields(one.modal or {})}
        self.asked.append(await self.discord.submit(one, values))
        one.modal = None
        return f"submit {values}"

    def _field(self, field: dict[str, Any]) -> str | list[str]:
        if field["type"] == 4:
            return self.dice.choice(TEXTS)
        options = [o["value"] for o in field.get("options", [])]
        return self.dice.sample(options, min(len(options), self.dice.randint(0, 3))) if options else []

    async def _menu(self) -> str:
        menus = [c for c in self.discord.world.commands if c["type"] == 3]
        shown = self.discord.world.shown()
        if not menus or not shown:
            return "no menu"
        menu, message = self.dice.choice(menus), self.dice.choice(shown)
        self.asked.append(await self.discord.menu(menu["name"], message, self._who()[0]))
        return f"menu {menu['name']}"

    async def _react(self) -> str:
        shown = [m for m in self.discord.world.shown() if pictures(m)]
        if not shown:
            return "nothing to react to"
        emoji = self.dice.choice(("⭐", "✉️", "❌", "🍕"))
        await self.discord.react(self.dice.choice(shown), emoji, self._who()[0])
        return f"react {emoji}"


def fields(modal: dict[str, Any]) -> list[dict[str, Any]]:
    """The inputs of a modal, out of their labels and rows."""
    found: list[dict[str, Any]] = []
    for part in modal.get("components", []):
        inner = part.get("components") or ([part["component"]] if "component" in part else [part])
        found += [field for field in inner if "custom_id" in field]
    return found
