"""Scripted friends: members of the playground who join when they are asked to, and then take part by themselves."""

# pyright: reportPrivateUsage=false
# (see the package's docstring)

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import re
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from itertools import islice
from typing import Any

from simcord.backend.errors import SetupError
from simcord.results import ResponseMessage

from bot.playground.behaviours import BEHAVIOURS, Behaviour, Hands, Seen
from bot.playground.game_habits import GAME_HABITS
from bot.playground.tastes import TASTES

NAMES = tuple(TASTES)
_HELLO: Mapping[str, str] = {
    "kim": "hi! I like it warm and red",
    "lou": "hey, blue things for me",
    "nia": "hello, the brighter the better",
    "sam": "evening. Dark pictures, please",
}
_TOO_FEW = "of the pictures of the last weeks may hang here"
"""What the bot says where a show has too few pictures."""
_NEWEST = 20
"""How many messages are looked through for it after each press."""
_DRAWN: Mapping[str, str] = {
    "kim": "a snowman in the snow",
    "lou": "a red dragon",
    "nia": "a black cat under a night sky",
    "sam": "a blue whale",
}
"""What another of them likes: a vote for one's own picture does not count."""
_BUTTONS = re.compile(r"dr-(?:round|game):[a-z]{1,2}:[0-9a-z]{1,16}:[0-9]{1,3}|dr-guess:[0-9a-z]{1,16}:[0-9]{1,3}")

log = logging.getLogger(__name__)


class Friends:
    """Four members with a taste and habits of their own. `turn` is the lock under which the page acts, too."""

    def __init__(
        self,
        env: Any,
        channel: Any,
        users: Sequence[Any],
        *,
        behaviours: Sequence[Behaviour] = (*BEHAVIOURS, *GAME_HABITS),
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        dice: random.Random | None = None,
    ) -> None:
        self._env, self._channel, self._users, self._behaviours = env, channel, users, behaviours
        self._sleep, self._dice = sleep, dice or random.Random()  # noqa: S311 - pauses, no secret
        self.turn = asyncio.Lock()
        self._members: dict[str, Any] = {}
        self._done: set[tuple[str, str]] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def bring(self) -> None:
        """Let them join and say hello; again is harmless."""
        if self._members:
            return
        guild = self._channel.guild
        self._members = {user.name: guild.add_member(user) for user in self._users}
        self._env.backend.subscribers.append(self._heard)
        for name, member in self._members.items():
            async with self.turn:
                with contextlib.suppress(SetupError, TimeoutError):
                    await member.send(self._channel, _HELLO.get(name, "hi"))
        for number in list(self._messages()):
            self._look(number)

    async def close(self) -> None:
        """End what they are about to do."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _heard(self, event: str, payload: Mapping[str, Any]) -> None:
        if event in ("MESSAGE_CREATE", "MESSAGE_UPDATE") and int(payload["channel_id"]) == self._channel.id:
            self._look(int(payload["id"]))

    def _messages(self) -> dict[int, Any]:
        return self._env.backend.messages.get(self._channel.id, {})

    def _look(self, number: int) -> None:
        if (seen := self._seen(number, with_picture=False)) is None:
            return
        for name in self._members:
            for habit in self._behaviours:
                about = habit.about(name, seen)
                if about is not None and (name, about) not in self._done:
                    self._done.add((name, about))
                    self._start(self._act(name, habit, number), about)

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def look_at_answers(self) -> None:
        """Draw where a show has too few pictures; private answers, which say so, cause no event to hear."""
        newest = islice(reversed(self._messages().values()), _NEWEST)
        if not any(_TOO_FEW in message.content for message in newest):
            return
        for name in self._members:
            if (name, _TOO_FEW) not in self._done:
                self._done.add((name, _TOO_FEW))
                self._start(self._draw(name), f"picture of {name}")

    async def _draw(self, name: str) -> None:
        """A picture of theirs, so that a show has something by others than the newcomer."""
        await self._sleep(self._dice.uniform(1.0, 6.0))
        async with self.turn:
            with contextlib.suppress(SetupError, TimeoutError):
                await self._members[name].slash(self._channel, "imagine", prompt=_DRAWN.get(name, "a red apple"))

    async def _act(self, name: str, habit: Behaviour, number: int) -> None:
        await self._sleep(self._dice.uniform(*habit.pause_s))
        seen = self._seen(number)
        if seen is None or habit.about(name, seen) is None:
            return
        try:
            await habit.act(name, seen, self._hands(name, number))
        except (SetupError, TimeoutError) as error:  # the message has changed under their fingers
            log.info("a friend could not act: %s", error)

    def _hands(self, name: str, number: int) -> Hands:
        member = self._members[name]

        async def press(custom_id: str) -> Any:
            async with self.turn:
                message = ResponseMessage(self._env, self._messages()[number])
                return await member.click(message, custom_id=custom_id)

        async def fill(form: Any, values: dict[str, str]) -> Any:
            async with self.turn:
                return await member.submit_modal(form, values)

        async def press_below(answer: Any, label: str) -> Any:
            if answer.response is None or label not in str(answer.response.components):
                return None
            async with self.turn:
                return await member.click(answer.response, label=label)

        async def choose(custom_id: str, value: str) -> Any:
            async with self.turn:
                message = ResponseMessage(self._env, self._messages()[number])
                return await member.select(message, [value], custom_id=custom_id)

        return Hands(press, fill, press_below, choose)

    def _seen(self, number: int, *, with_picture: bool = True) -> Seen | None:
        """A public message of the bot's, or None."""
        message = self._messages().get(number)
        if message is None or message.is_ephemeral or message.author_id != self._env.backend.bot_user.id:
            return None
        picture = None
        if with_picture and message.attachments:
            picture = self._env.backend.cdn.get(message.attachments[0]["url"])
        buttons = tuple(dict.fromkeys(_BUTTONS.findall(str(message.components))))
        return Seen(message.content, buttons, picture)
