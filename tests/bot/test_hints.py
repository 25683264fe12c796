"""What members are told once about a model that knows little, through Discord."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.domain.moderation.vocabulary_hints import Hints
from bot.store.jobs.told_hints import HintStore
from bot.store.members.personal_data import PersonalData
from bot.store.members.retention import Retention
from bot.store.pictures import PictureStore
from engine.catalogue.catalogue import Catalogue
from engine.settings import EngineSettings
from tests.bot.stored_server import StoredServer, finish
from tests.bot.world import eventually, labels

HINT = "built-in sketch model"
OF_NOTHING_KNOWN = "the meaning of life"


class Helpful(StoredServer):
    """A house where members are told."""

    def hints(self) -> Hints:
        catalogue = Catalogue(EngineSettings())
        specs = [catalogue.spec(name) for name in ("pocket", "sdxl")]
        return Hints(lambda: specs, HintStore(self.database))

    async def imagine(self, prompt: str, is_known: bool = False) -> str:
        """What stands above the finished grid; `is_known` is what the engine says of the prompt."""
        before, number = len(self.messages), len(self.engine.streams)
        await self.ada.slash(self.channel, "imagine", prompt=prompt)
        finish(await self.engine.stream(number), is_known)
        await eventually(lambda: len(self.messages) > before and "U1" in labels(self.messages[-1]))
        return self.messages[-1].content


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Helpful]:
    opened = Helpful(tmp_path)
    await opened.start()
    yield opened
    await opened.stop()
    assert not opened.env.errors


async def test_a_prompt_about_nothing_known_gets_one_hint(house: Helpful) -> None:
    assert HINT not in await house.imagine("a red apple, 3d", is_known=True)
    told = await house.imagine(OF_NOTHING_KNOWN)
    assert HINT in told.splitlines()[-1] and "darkroom models" in told
    assert HINT not in await house.imagine(OF_NOTHING_KNOWN)

    await house.restart()

    assert HINT not in await house.imagine("quantum entanglement")


async def test_models_that_know_more_have_no_hint(house: Helpful) -> None:
    assert HINT not in await house.imagine(f"{OF_NOTHING_KNOWN} --model sdxl")


async def test_the_job_that_told_tells_again_when_it_is_drawn_again(house: Helpful) -> None:
    store = HintStore(house.database)
    assert await store.tell(1, "pocket", "first")
    assert not await store.tell(1, "pocket", "second")
    assert await store.tell(1, "pocket", "first")
    assert await store.tell(2, "pocket", "second")
    assert await store.tell(1, "another", "second")


async def test_who_was_told_is_exported_and_erased_with_the_member(house: Helpful) -> None:
    store = HintStore(house.database)
    await store.tell(house.ada.id, "pocket", "first")
    exported = await PersonalData(house.database).export(house.ada.id)
    assert [row["model"] for row in exported["hints"]] == ["pocket"]

    await Retention(house.database, PictureStore.open(house.folder / "pictures")).erase_member(house.ada.id)

    assert await store.tell(house.ada.id, "pocket", "second")
