"""No file is read on the event loop while a member's picture is made: a slow disk would stop everybody."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.settings import Settings
from engine import EngineSettings
from tests.blocking import noted_reads
from tests.bot.whole import whole


async def test_an_imagine_reads_no_file_on_the_event_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = EngineSettings(devices=("cpu",), models_dir=tmp_path)
    async with whole(Settings(data_dir=tmp_path / "data", engine=engine)) as here:
        with monkeypatch.context() as patch:
            reads = noted_reads(patch)
            await here.finished(await here.ada.slash(here.channel, "imagine", prompt="an apple --steps 4"))
            noted = reads.copy()
        assert noted == []
