"""`/loras`, `/models` and the option `lora`: what members see of the host's folder, and what they draw with it."""

from __future__ import annotations

from pathlib import Path

from bot.ui.pictures.samples import Samples, Wanted, sample_request
from engine import LoRACard, LoRASettings
from engine.lora_shelf.card import Told
from tests.bot.scripted import NamedModels, png
from tests.bot.world import World, eventually


def card(name: str, **told: object) -> LoRACard:
    settings = LoRASettings(path=Path(f"{name}.safetensors"), model="sdxl")
    return LoRACard(name, settings, Told(**told), family="sdxl")  # pyright: ignore[reportArgumentType]


def offer(world: World, *cards: LoRACard) -> None:
    world.bot.services.engine.cards = cards


async def test_a_lora_is_read_about_and_drawn_with(world: World) -> None:
    told = {"trigger_words": ("inkstyle",), "licence": "CC BY 4.0", "description": "Brush @everyone.", "weight": 0.7}
    offer(world, card("ink", **told), card("oil"))
    page = await world.ada.slash(world.channel, "loras")
    assert page.response is not None and page.response.ephemeral
    said = page.response.content
    assert "1. `--lora ink:0.7` · for sdxl · “inkstyle” · CC BY 4.0 · Brush" in said and "@everyone" not in said
    assert "2. `--lora oil` · for sdxl" in said

    form = await world.ada.select(page.response, ["ink"])
    await world.ada.submit_modal(form, {"prompt": "a harbour"})
    await world.job_service.done()
    options = world.job_service.asks[0].spec.options
    assert (options.prompt, options.loras, options.model) == ("a harbour", (("ink", 0.7),), "sdxl")

    form = await world.ada.select(page.response, ["ink"])
    await world.ada.submit_modal(form, {"prompt": "a harbour --model sd-turbo"})
    await world.job_service.done()
    assert world.job_service.asks[1].spec.options.model == "sd-turbo"


async def test_one_lora_is_shown_whole(world: World) -> None:
    offer(world, card("ink", title="Ink Wash", description="d" * 600, trigger_words=("a", "b")), card("oil"))
    one = await world.ada.slash(world.channel, "loras", lora="ink")
    assert one.response is not None
    assert "**ink** Ink Wash\n" in one.response.content and "d" * 600 in one.response.content
    assert "For: sdxl (here: sdxl)" in one.response.content and "Trigger words: “a”, “b”" in one.response.content
    unknown = await world.ada.slash(world.channel, "loras", lora="../x")
    assert unknown.response is not None and "known: ink, oil" in unknown.response.content


async def test_a_lora_taken_away_meanwhile_is_said(world: World) -> None:
    offer(world, card("ink"))
    page = await world.ada.slash(world.channel, "loras")
    offer(world)
    gone = await world.ada.select(page.response, ["ink"])
    assert gone.response is not None and "not there any more" in gone.response.content
    empty = await world.ada.slash(world.channel, "loras")
    assert empty.response is not None and "No LoRAs are here yet" in empty.response.content


async def test_two_hundred_make_pages_that_turn(world: World) -> None:
    offer(world, *(card(f"lora{number:03}", description="x" * 600) for number in range(200)))
    page = await world.ada.slash(world.channel, "loras")
    assert page.response is not None and "page 1 of 25 (200 in all)" in page.response.content
    second = await world.ada.click(page.response, label="More LoRAs")
    assert second.response is not None and "9. `--lora lora008`" in second.response.content
    first = await world.ada.click(second.response, label="Back")
    assert first.response is not None and "1. `--lora lora000`" in first.response.content


async def test_models_are_shown_and_drawn_with(world: World) -> None:
    page = await world.ada.slash(world.channel, "models")
    assert page.response is not None and "`--model pocket` 64 × 64 · 2 steps · Apache-2.0" in page.response.content
    form = await world.ada.select(page.response, ["sdxl"])
    await world.ada.submit_modal(form, {"prompt": "a fox"})
    await world.job_service.done()
    assert world.job_service.asks[0].spec.options.model == "sdxl"


async def test_the_option_is_completed_by_name_and_trigger_word(world: World) -> None:
    offer(world, card("ink", trigger_words=("sumi-e",), weight=0.6), card("oil"), card("pink"))
    found = await world.ada.autocomplete(world.channel, "imagine", "lora", "ink")
    assert [choice["value"] for choice in found] == ["ink:0.6", "pink"]
    assert found[0]["name"] == "ink · sdxl, sumi-e"
    assert [c["value"] for c in await world.ada.autocomplete(world.channel, "imagine", "lora", "sumi")] == ["ink:0.6"]
    await world.ada.slash(world.channel, "imagine", prompt="a fox", lora="ink:0.6")
    await world.job_service.done()
    assert world.job_service.asks[0].spec.options.loras == (("ink", 0.6),)


class IdleEngine(NamedModels):
    """An engine that nobody uses, which fails to draw."""

    def __init__(self) -> None:
        super().__init__("pocket")
        self.resolved: list[object] = []

    def snapshot(self) -> object:
        return type("Now", (), {"waiting": {}, "running": ()})()

    async def resolve(self, request: object) -> object:
        self.resolved.append(request)
        raise OSError("no")

    def submit(self, request: object) -> object:
        raise AssertionError(request)


async def test_samples_are_given_kept_and_asked_for_once(world: World, tmp_path: Path) -> None:
    engine = IdleEngine()
    samples = Samples(tmp_path / "samples", engine, world.bot.services.drawing, world.tasks)  # pyright: ignore[reportArgumentType]
    given = tmp_path / "ink.png"
    given.write_bytes(png("red"))
    page = tmp_path / "page.png"
    page.write_bytes(b"<html>")
    wanted = [
        Wanted("ink", given),
        Wanted("embedded", picture=png("blue")),
        Wanted("page", page),
        Wanted("none", request=sample_request("a lighthouse")),
    ]
    first = await samples.of(wanted)
    assert [bool(sample) for sample in first] == [True, True, False, False]
    await eventually(lambda: len(engine.resolved) == 1)
    given.unlink()
    assert (await samples.of(wanted))[1] == first[1] and len(list((tmp_path / "samples").iterdir())) == 2
    await samples.of(wanted)
    assert len(engine.resolved) == 1
