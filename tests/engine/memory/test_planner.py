"""The memory plan: what is chosen for which card, and why something does not fit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from engine.catalogue.catalogue import Catalogue
from engine.memory.device_memory import CARDS_GB, GIB, DeviceMemory, card
from engine.memory.elements import Elements
from engine.memory.kept_blocks import blocks_that_stay
from engine.memory.known_sizes import known_sizes
from engine.memory.model_sizes import ModelSizes
from engine.memory.plan import MemoryPlan
from engine.memory.planner import Drawing, plan
from engine.memory.spec_sizes import sizes_of
from engine.model_files.weight_files import choose_weights
from engine.settings import EngineSettings, ModelSettings

LARGE = Drawing(1024, 1024)
PRESETS = ("z-image-turbo", "flux2-klein-4b", "sdxl", "sd-1.5", "qwen-image")


def preset(name: str) -> ModelSizes:
    sizes = sizes_of(Catalogue(EngineSettings()).spec(name), Path("nowhere"))
    assert sizes is not None
    return sizes


@pytest.mark.parametrize("name", PRESETS)
def test_presets_weigh_what_their_files_weigh(name: str) -> None:
    """Their `memory_gb` was read off the files' sizes and rounded up; two bytes a number."""
    numbers = sum(each.elements.all for each in preset(name).components)
    assert 2 * numbers / 1e9 == pytest.approx(Catalogue(EngineSettings()).spec(name).memory_gb, abs=0.31)


@pytest.mark.parametrize(
    ("name", "chosen"),
    [
        ("sd-1.5", ["bfloat16 resident"] * 5),
        ("sdxl", ["bfloat16 encoders_offloaded", *["bfloat16 resident"] * 4]),
        (
            "flux2-klein-4b",
            ["float8 encoders_offloaded", *["bfloat16 encoders_offloaded"] * 2, *["bfloat16 resident"] * 2],
        ),
        (
            "z-image-turbo",
            [
                "bfloat16 partly_streamed",
                "float8 encoders_offloaded",
                "bfloat16 encoders_offloaded",
                *["bfloat16 resident"] * 2,
            ],
        ),
        ("qwen-image", [*["bfloat16 partly_streamed"] * 4, "bfloat16 encoders_offloaded"]),
    ],
)
def test_each_card_gets_the_best_plan_that_fits(name: str, chosen: list[str]) -> None:
    for gigabytes, wanted in zip(CARDS_GB, chosen, strict=True):
        made = plan(preset(name), card(gigabytes), LARGE)
        assert in_words(made) == wanted, gigabytes
        assert made.fits and made.peak_bytes <= made.usable_bytes


def in_words(made: MemoryPlan) -> str:
    denoiser = next(each for each in made.components if each.role == "denoiser")
    return f"{denoiser.storage} {made.residency}"


def test_more_memory_never_means_a_worse_plan() -> None:
    order = ["none", "float8 streamed", "bfloat16 streamed", "bfloat16 partly_streamed"]
    order += ["float8 encoders_offloaded", "float8 resident", "bfloat16 encoders_offloaded", "bfloat16 resident"]
    for name in PRESETS:
        sizes = preset(name)
        plans = [plan(sizes, card(gigabytes), LARGE) for gigabytes in range(2, 64, 2)]
        ranks = [order.index(in_words(made)) if made.fits else 0 for made in plans]
        assert ranks == sorted(ranks), name


@pytest.mark.parametrize(
    ("blocks", "kept", "stay"),
    [
        (10, 10, set(range(10))),
        (10, 9, set(range(9))),
        (10, 7, {0, 1, 3, 4, 6, 7, 8}),
        (10, 5, {0, 2, 4, 6, 8}),
        (10, 2, {3, 8}),
        (10, 0, set()),
        (0, 5, set()),
    ],
)
def test_blocks_that_stay_are_spread_evenly(blocks: int, kept: int, stay: set[int]) -> None:
    for bytes_more in (0, 99):
        assert blocks_that_stay([100] * blocks, 100 * kept + bytes_more) == stay


def test_blocks_that_stay_fit_and_waste_little() -> None:
    """Also of unequal blocks: no block that passes through would have had room."""
    sizes = [340] * 19 + [141] * 38
    for room in range(-50, sum(sizes) + 200, 97):
        stay = blocks_that_stay(sizes, room)
        spare = room - sum(sizes[number] for number in stay)
        assert not stay or spare >= 0
        assert len(stay) == len(sizes) or spare < 340
        assert spare < 141 or not any(size == 141 for number, size in enumerate(sizes) if number not in stay)


def test_a_denoiser_slightly_too_large_streams_little() -> None:
    """What there is beside staging and the pass of a grid is filled with blocks."""
    sizes = preset("z-image-turbo")
    whole = plan(sizes, card(16), LARGE, "bfloat16", "streamed")
    assert whole.streamed_bytes > 12e9 and whole.peak_bytes < 2e9
    streamed = list[int]()
    for gigabytes in range(3, 18):
        made = plan(sizes, card(gigabytes), LARGE, "bfloat16", "partly_streamed")
        denoiser = next(each for each in made.components if each.role == "denoiser")
        grid = made.resident_bytes + denoiser.passing_bytes + 4 * denoiser.activation_bytes
        streamed.append(made.streamed_bytes)
        assert made.fits
        if made.residency == "partly_streamed":
            assert 0 <= made.usable_bytes - grid < 0.4e9, "less than a block is unused"
            assert made.main_bytes == made.streamed_bytes + sum(e.bytes for e in made.components if e.role == "encoder")
    assert streamed == sorted(streamed, reverse=True)
    assert (streamed[0], streamed[-1]) == (whole.streamed_bytes, 0)
    assert 0 < min(filter(None, streamed)) < 3e9


def test_what_is_asked_for_is_kept_whether_it_fits_or_not() -> None:
    made = plan(preset("z-image-turbo"), card(8), LARGE, "float8", "resident")
    assert in_words(made) == "float8 resident" and not made.fits
    assert made.remedy == 'remove precision = "float8" and residency = "resident"'


def test_without_bfloat16_what_overflows_keeps_float32() -> None:
    """SDXL's text encoders and UNet are fine in float16, its autoencoder is not; Z-Image's parts are trained wider."""
    xl = {each.name: each for each in plan(preset("sdxl"), card(16, has_bfloat16=False), LARGE).components}
    assert {name: (each.storage, each.compute) for name, each in xl.items()} == {
        "unet": ("float16", "float16"),
        "text_encoder": ("float16", "float16"),
        "text_encoder_2": ("float16", "float16"),
        "vae": ("float32", "float32"),
    }
    z_image = plan(preset("z-image-turbo"), card(24, has_bfloat16=False), LARGE)
    assert {(each.role, each.storage, each.compute) for each in z_image.components} == {
        ("denoiser", "bfloat16", "float32"),
        ("encoder", "bfloat16", "float32"),
        ("autoencoder", "float32", "float32"),
    }


def test_a_cpu_draws_in_float32_unless_memory_is_short() -> None:
    sizes = preset("z-image-turbo")
    for gigabytes, storage in ((64, "float32"), (32, "bfloat16"), (16, "float8")):
        made = plan(sizes, DeviceMemory("cpu", gigabytes * GIB), LARGE)
        assert in_words(made) == f"{storage} resident" and made.fits


def test_the_hosts_budget_counts_instead_of_the_whole_card() -> None:
    tight = DeviceMemory("cuda", 24 * GIB, budget_bytes=7 * 10**9)
    assert in_words(plan(preset("sdxl"), tight, LARGE)) == "bfloat16 encoders_offloaded"


def test_a_budget_that_nothing_fits_into_is_named() -> None:
    tight = DeviceMemory("cuda", 24 * GIB, budget_bytes=10**9)
    made = plan(preset("sdxl"), tight, LARGE)
    assert "at the least, and memory_budget_gb allows 1.0 GB for it" in made.why
    assert made.remedy == "raise memory_budget_gb, or choose a smaller model or a smaller precision"
    made = plan(preset("sdxl"), DeviceMemory("cuda", GIB // 4), LARGE, "bfloat16")
    assert "and the device has 0.0 GB for it" in made.why and made.remedy == 'remove precision = "bfloat16"'


@pytest.mark.parametrize(
    ("name", "main", "chosen"),
    [
        ("z-image-turbo", 64, "bfloat16 encoders_offloaded"),
        ("z-image-turbo", 8, "float8 resident"),
        ("flux2-klein-4b", 4, "float8 resident"),
    ],
)
def test_what_passes_through_needs_main_memory(name: str, main: int, chosen: str) -> None:
    """Less of it lies there in a smaller precision, and none where all is on the device."""
    device = DeviceMemory("cuda", 16 * GIB, main_bytes=main * GIB)
    made = plan(preset(name), device, LARGE)
    assert in_words(made) == chosen and made.fits
    assert made.main_bytes <= 0.8 * main * GIB


def test_too_little_main_memory_is_said() -> None:
    made = plan(preset("qwen-image"), DeviceMemory("cuda", 8 * GIB, main_bytes=16 * GIB), LARGE)
    assert not made.fits
    assert "GB of it would lie in main memory, which has 13.7 GB for it" in made.why
    assert made.remedy == "choose a smaller model or a smaller precision"


def test_larger_pictures_and_more_rows_need_more() -> None:
    def peak(drawing: Drawing) -> int:
        return plan(preset("sdxl"), card(48), drawing).peak_bytes

    assert peak(Drawing(512, 512)) < peak(LARGE) < peak(Drawing(1536, 1024)) < peak(Drawing(1536, 1024, rows=4))


@pytest.mark.parametrize(
    ("storage", "size"), [("float32", 400), ("bfloat16", 200), ("float8", 60 + 80), ("int8", 70 + 60), ("nf4", 99)]
)
def test_bytes_of_each_precision(storage: str, size: int) -> None:
    """Float8 leaves matrices beside norms wide, the others convolutions; nf4 has a scale for each 64 numbers."""
    elements = Elements(linear=50, modulation=20, tables=10, rest=20)
    assert elements.all == 100
    assert elements.bytes(storage, "bfloat16") == size  # pyright: ignore[reportArgumentType]


FAMILIES = (
    "stable-diffusion",
    "stable-diffusion-xl",
    "stable-diffusion-3",
    "flux",
    "flux2-klein",
    "z-image",
    "qwen-image",
)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_folder_weighs_what_its_files_hold(name: str, family_folder: Callable[[str], Path], tmp_path: Path) -> None:
    folder = family_folder(name)
    settings = EngineSettings(models={"mine": ModelSettings(source=str(folder))}, models_dir=tmp_path)
    sizes = sizes_of(Catalogue(settings).spec("mine"), tmp_path)
    assert sizes is not None
    assert {each.role for each in sizes.components} == {"denoiser", "encoder", "autoencoder"}
    for each in sizes.components:
        weights = choose_weights([path.name for path in (folder / each.name).iterdir()])
        assert weights is not None
        written = sum((folder / each.name / file).stat().st_size for file in weights.files)
        assert 0.5 < each.bytes("float32", "float32") / written < 1  # headers are most of what is tiny
        assert each.blocks or each.role == "autoencoder"


def test_a_repository_nobody_counted_has_no_plan() -> None:
    assert known_sizes("somebody/something") is None
