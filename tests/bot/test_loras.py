"""A LoRA put into the folder of a running bot, with the real engine on a tiny model."""

from __future__ import annotations

import shutil
from pathlib import Path

from bot.settings import Settings
from engine import EngineSettings
from engine.pictures.images import read_text
from engine.pictures.parameters import parse_parameters
from tests.bot.whole import last_said, whole
from tests.bot.world import eventually
from tests.engine import families
from tests.engine.lora_files import save_lora
from tests.engine.lora_shelf_files import civitai_info
from tests.patience import PATIENCE_S


async def test_a_file_put_there_is_offered_drawn_and_sampled(tmp_path: Path) -> None:
    model = families.folder("stable-diffusion", tmp_path / "families")
    made = save_lora(model, "ink", 3, 4.0)
    folder = tmp_path / "loras"
    engine = EngineSettings(devices=("cpu",), default_model=str(model), loras_dir=folder, stop_timeout_s=0.0)
    async with whole(Settings(data_dir=tmp_path / "data", engine=engine)) as bot:
        none = await bot.ada.slash(bot.channel, "loras")
        assert "No LoRAs are here yet" in last_said(none).content
        folder.mkdir()
        civitai_info(folder / "ink.safetensors", baseModel="SD 1.5", trainedWords=["inkwash"])
        shutil.copy(made, folder)

        [found] = await bot.ada.autocomplete(bot.channel, "imagine", "lora", "in")
        assert found["value"] == "ink"
        asked = "a fox --steps 2 --ar 1:1 --seed 7"
        shown = await bot.ada.slash(bot.channel, "imagine", prompt=asked, lora="ink")
        job, reply = await bot.finished(shown)
        assert '"inkwash" added to the prompt: the LoRA ink listens to it' in reply.content
        text = read_text(await bot.picture(job))["parameters"]
        assert text.startswith("a fox, inkwash\n") and parse_parameters(text).fields["Lora"] == "<lora:ink:1>"
        plain, _ = await bot.finished(await bot.ada.slash(bot.channel, "imagine", prompt=f"{asked} , inkwash"))
        assert await bot.picture(plain) != await bot.picture(job)

        first = await bot.ada.slash(bot.channel, "loras")
        assert "`--lora ink` · for SD 1.5 · “inkwash”" in last_said(first).content
        samples = tmp_path / "data" / "samples"
        await eventually(lambda: samples.is_dir() and any(samples.glob("*.webp")), PATIENCE_S)
        second = await bot.ada.slash(bot.channel, "loras")
        assert last_said(second).attachments[0].description == "Samples, left to right, top to bottom: ink"
