"""Attention by other kernels: chosen where they are equal and faster, refused with a reason, and never in the way."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.models.attention_dispatch import AttentionBackendName, _AttentionBackendRegistry, dispatch_attention_fn

from engine.batching import attention_kernels
from engine.batching.attention_kernels import ChosenAttention, apart, choose_attention
from engine.batching.forward import ATTENTION
from engine.requests import ImageRequest, StyleImage
from tests.engine.attention_stand_ins import StandIn, Time, install, slow_down
from tests.engine.local_worker import SIZE, LocalWorker, as_array, ask, png
from tests.engine.style_adapters import save_adapter

pytestmark = pytest.mark.filterwarnings("ignore")
HAVE_A_CHOICE = ["flux", "flux2-klein", "z-image", "qwen-image", "hunyuan-image", "chroma"]
ALWAYS_MASKED = ("chroma", "hunyuan-image")
HAVE_NONE = ["stable-diffusion", "stable-diffusion-3", "pixart-sigma"]
LOG = "engine.batching.attention_kernels"


def asked(**fields: Any) -> ImageRequest:
    return ask(**{"num_inference_steps": 3, "num_images": 1, **SIZE, **fields})


def chosen(worker: LocalWorker) -> ChosenAttention:
    return vars(worker.model.parkable["transformer"])[ATTENTION]


def coarse(output: torch.Tensor) -> torch.Tensor:
    """As a kernel in 8 bits rounds."""
    return output * 1.04


@pytest.fixture(scope="module")
def plain(family_folder: Callable[[str], Path]) -> LocalWorker:
    return LocalWorker(family_folder("flux"))


@pytest.mark.parametrize("family", HAVE_A_CHOICE + HAVE_NONE)
def test_on_a_processor_nothing_is_chosen(family: str, family_folder: Callable[[str], Path]) -> None:
    model = LocalWorker(family_folder(family)).model
    denoiser = next(model.parkable[name] for name in ("unet", "transformer") if name in model.parkable)
    assert ATTENTION not in vars(denoiser)
    assert attention_kernels.has_choice(denoiser) == (family in HAVE_A_CHOICE)


@pytest.mark.parametrize("family", HAVE_A_CHOICE)
def test_families_draw_the_same_with_another_kernel(family: str, family_folder: Callable[[str], Path]) -> None:
    requests = [asked(), asked(prompt="a green pear by the sea", seed=3), asked(seed=5, width=96)]
    own, other = LocalWorker(family_folder(family)), LocalWorker(family_folder(family), attention="_native_math")
    before, after = ([said[-1].finished for said in worker.run(*requests)] for worker in (own, other))
    for one, two in zip(before, after, strict=True):
        assert np.abs(as_array(one.images[0].png).astype(int) - as_array(two.images[0].png)).max() <= 2
    assert chosen(other).in_charge == (() if family in ALWAYS_MASKED else ("_native_math",))


def test_a_named_kernel_computes_and_the_recipe_says_so(
    plain: LocalWorker, family_folder: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = install(monkeypatch, "flash", StandIn())
    worker = LocalWorker(family_folder("flux"), attention="flash")

    before, finished = plain.finish(asked()), worker.finish(asked())

    assert kernel.calls > 3 and chosen(worker).in_charge == ("flash",)
    assert as_array(before.images[0].png).shape == as_array(finished.images[0].png).shape
    assert np.array_equal(as_array(before.images[0].png), as_array(finished.images[0].png)), "the stand-in is exact"
    assert before.recipe and finished.recipe
    assert finished.recipe.versions["attention"] == "flash" and "attention" not in before.recipe.versions
    assert before.recipe.alone and not finished.recipe.alone, "made again it is drawn by torch's own"


def test_what_is_drawn_alone_is_drawn_by_torchs_own(
    plain: LocalWorker, family_folder: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, "sage", StandIn(coarse))
    worker = LocalWorker(family_folder("flux"), attention="sage")
    worker.finish(asked())
    assert chosen(worker).in_charge == ("sage",), "by its name a coarse kernel may compute"

    again = worker.finish(asked(alone=True))

    (before,) = plain.draw(asked())
    np.testing.assert_array_equal(before, as_array(again.images[0].png))
    assert again.recipe and again.recipe.alone and "attention" not in again.recipe.versions


@pytest.mark.parametrize("keys", [{"residency": "streamed"}, {"precision": "float8"}, {"precision": "bfloat16"}])
def test_streamed_and_narrow_models_take_another_kernel(
    family_folder: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, keys: dict[str, str]
) -> None:
    kernel = install(monkeypatch, "flash", StandIn())
    own, other = (LocalWorker(family_folder("flux"), keys=keys, attention=each) for each in ("off", "flash"))
    np.testing.assert_array_equal(own.draw(asked())[0], other.draw(asked())[0])
    assert kernel.calls > 3 and chosen(other).in_charge == ("flash",)


def test_a_style_adapter_draws_with_another_kernel(
    family_folder: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kernel, folder = install(monkeypatch, "flash", StandIn()), family_folder("flux")
    adapter = save_adapter(folder, tmp_path, encoder="seeing")
    keys = {"style_adapter": str(adapter), "style_encoder": str(adapter.parent / "seeing")}
    picture = StyleImage(image=png(np.full((32, 32, 3), (200, 30, 60), np.uint8)))
    own, other = (LocalWorker(folder, keys=keys, attention=each) for each in ("off", "flash"))
    request = asked(style_images=(picture,))
    before, after = own.finish(request), other.finish(request)
    np.testing.assert_array_equal(as_array(before.images[0].png), as_array(after.images[0].png))
    assert kernel.calls > 3 and after.recipe and after.recipe.versions["attention"] == "flash"


@pytest.mark.parametrize(
    ("kernel", "said"),
    [
        (StandIn(coarse), "apart"),
        (StandIn(lambda output: output.flip(1)), "apart"),
        (StandIn(lambda output: output * float("nan")), "apart"),
        (StandIn(lambda output: output.permute(0, 2, 1, 3)), "instead of"),
        (StandIn(lambda output: output.half()), "instead of"),
        (StandIn(breaks_at=1), "no kernel image is available"),
    ],
)
def test_a_kernel_that_is_not_equal_is_refused_once(
    plain: LocalWorker,
    family_folder: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    kernel: StandIn,
    said: str,
) -> None:
    install(monkeypatch, "flash", kernel)
    kernel.calls = 0
    worker = LocalWorker(family_folder("flux"), attention="flash")  # which tries it once
    with caplog.at_level(logging.WARNING, LOG):
        drawn = [worker.draw(asked())[0] for _ in range(2)]

    (before,) = plain.draw(asked())
    for each in drawn:
        np.testing.assert_array_equal(before, each)
    (record,) = caplog.records
    assert "flash" in record.getMessage() and said in record.getMessage() and "\n" not in record.getMessage()
    assert not chosen(worker).candidates and kernel.calls <= 2


def test_a_kernel_that_breaks_later_gives_way(
    plain: LocalWorker, family_folder: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = install(monkeypatch, "flash", StandIn(breaks_at=4))
    worker = LocalWorker(family_folder("flux"), attention="flash")

    drawn = [worker.draw(asked())[0] for _ in range(2)]

    (before,) = plain.draw(asked())
    for each in drawn:
        np.testing.assert_array_equal(before, each)
    assert kernel.calls == 5 and chosen(worker).in_charge == ()


def test_running_out_of_memory_is_no_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(output: torch.Tensor) -> torch.Tensor:
        if kernel.calls > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return output

    kernel = install(monkeypatch, "flash", StandIn(full))
    attention = ChosenAttention("Tiny", ("flash",), is_asked=True)
    tokens = torch.randn(1, 6, 2, 8)
    with attention.in_use():
        dispatch_attention_fn(tokens, tokens, tokens)
        with pytest.raises(torch.OutOfMemoryError):
            dispatch_attention_fn(tokens, tokens, tokens)
    assert attention.candidates == ("flash",), "fewer rows may do"


def test_the_fastest_of_the_equal_ones_is_chosen(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    time = Time()
    slow_down(monkeypatch, time, 2.0)
    flash = install(monkeypatch, "flash", StandIn(seconds=1.0, time=time))
    xformers = install(monkeypatch, "xformers", StandIn(seconds=1.5, time=time))
    sage = install(monkeypatch, "sage", StandIn(coarse, seconds=0.1, time=time))
    attention = ChosenAttention("Tiny", ("flash", "xformers"), clock=time)
    tokens = torch.randn(2, 6, 2, 8)
    expected = dispatch_attention_fn(tokens, tokens, tokens)
    with caplog.at_level(logging.INFO, LOG), attention.in_use():
        for _ in range(10):
            torch.testing.assert_close(dispatch_attention_fn(tokens, tokens, tokens), expected)

    assert attention.in_charge == ("flash",) and attention.ran
    assert flash.calls == 10 and xformers.calls == attention_kernels.TIMED and not sage.calls
    assert [record.getMessage() for record in caplog.records] == [
        "Tiny: attention by flash, 2.00 times as fast as torch's own"
    ]


def test_what_is_not_faster_leaves_every_bit_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    time = Time()
    slow_down(monkeypatch, time, 1.0)
    kernel = install(monkeypatch, "flash", StandIn(lambda output: output + 1e-7, seconds=0.98, time=time))
    attention = ChosenAttention("Tiny", ("flash",), clock=time)
    tokens = torch.randn(2, 6, 2, 8)
    expected = dispatch_attention_fn(tokens, tokens, tokens)
    with attention.in_use():
        assert all(torch.equal(dispatch_attention_fn(tokens, tokens, tokens), expected) for _ in range(10))
    assert kernel.calls == attention_kernels.TIMED and not attention.ran


def test_calls_with_a_mask_stay_torchs_own(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = install(monkeypatch, "flash", StandIn())
    attention, tokens = ChosenAttention("Tiny", ("flash",), is_asked=True), torch.randn(1, 6, 2, 8)
    mask = torch.tensor([[True] * 4 + [False] * 2])
    expected = dispatch_attention_fn(tokens, tokens, tokens, attn_mask=mask)
    with attention.in_use():
        for _ in range(3):
            assert torch.equal(dispatch_attention_fn(tokens, tokens, tokens, attn_mask=mask), expected)
    assert not kernel.calls


def test_every_set_of_shapes_is_proved_and_they_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention_kernels, "_MOST_SHAPES", 3)
    kernel = install(monkeypatch, "flash", StandIn(lambda output: output + (output.shape[1] == 9)))
    attention = ChosenAttention("Tiny", ("flash",), is_asked=True)
    with attention.in_use():
        for length in range(2, 12):
            tokens = torch.randn(1, length, 2, 8)
            dispatch_attention_fn(tokens, tokens, tokens)
            assert len(attention._trials) <= 4
    assert kernel.calls == 8, "refused at the ninth, where it is wrong"


def test_outside_of_a_pass_diffusers_table_is_untouched(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, "flash", StandIn())
    table = _AttentionBackendRegistry._backends
    own, attention = table[AttentionBackendName.NATIVE], ChosenAttention("Tiny", ("flash",))
    with pytest.raises(ZeroDivisionError), attention.in_use():
        assert table[AttentionBackendName.NATIVE] is not own
        raise ZeroDivisionError
    assert table[AttentionBackendName.NATIVE] is own


def test_a_module_without_a_choice_is_left_alone() -> None:
    assert choose_attention(torch.nn.Linear(2, 2), ("flash",), is_asked=True) is None


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_rounding_is_told_from_one_wrong_token(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    query, key, value = (torch.randn(2, 4, 256, 32, dtype=dtype) for _ in range(3))
    narrow = torch.nn.functional.scaled_dot_product_attention(query, key, value).permute(0, 2, 1, 3)
    wide = torch.nn.functional.scaled_dot_product_attention(*(each.double() for each in (query, key, value)))
    wrong = narrow.clone()
    wrong[1, 255] = narrow[1, 254]

    assert apart(narrow, wide.permute(0, 2, 1, 3).to(dtype)) < attention_kernels.TOLERANCE[dtype]
    assert apart(wrong, narrow) > 0.3
