"""The end of a demo."""

from __future__ import annotations

from typing import Any

from bot.playground.demo import end


class Busy:
    """An environment in which a thread still draws, the first few times it is asked to end."""

    def __init__(self, times: int) -> None:
        self.times = times

    async def shutdown(self) -> None:
        if self.times:
            self.times -= 1
            raise TimeoutError("native executor work remains tracked")


async def test_a_demo_that_still_draws_ends_after_it() -> None:
    env: Any = Busy(3)
    await end(env)
    assert env.times == 0
