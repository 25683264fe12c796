"""`chaos`: cells of a grid differ more, and each is the same in a grid, by itself and again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engine.operations.spread import weighed
from engine.pictures.parameters import read_request
from engine.requests import Edit, ImageRequest, PromptPart
from tests.engine.local_worker import SIZE, LocalWorker, ask

PROMPT = "a red fox in the snow at dawn"
SOME = ["stable-diffusion-xl", "stable-diffusion-3", "flux", "pixart-sigma", "cogview4", "z-image", "kandinsky-2.2"]
"""Families that encode in different ways: two encoders, three, one, both prompts at once, a prior."""


@pytest.fixture(scope="module")
def worker_of(family_folder: Callable[[str], Path]) -> Callable[[str], LocalWorker]:
    known = dict[str, LocalWorker]()

    def worker(name: str) -> LocalWorker:
        if name not in known:
            known[name] = LocalWorker(family_folder(name))
        return known[name]

    return worker


def spread(pictures: list[np.ndarray]) -> float:
    first, second = (picture.astype(float) for picture in pictures)
    return float(np.abs(first - second).mean())


@pytest.mark.parametrize("family", SOME)
def test_every_family_draws_with_chaos_and_draws_it_again(worker_of: Callable[[str], LocalWorker], family: str) -> None:
    worker = worker_of(family)
    said = {"prompt": PROMPT, "negative_prompt": "blur", **SIZE}
    asked = ask(chaos=0.7, num_images=2, seed=3, **said)
    drawn = worker.draw(asked)
    assert all(np.array_equal(*pair) for pair in zip(drawn, worker.draw(asked), strict=True))
    plain = worker.draw(ask(num_images=2, seed=3, **said))
    assert any(not np.array_equal(*pair) for pair in zip(drawn, plain, strict=True))
    [alone] = worker.draw(ask(chaos=0.7, num_images=1, seed=4, **said))
    assert np.abs(alone.astype(int) - drawn[1]).max() <= 1


def test_a_picture_of_a_grid_is_drawn_again_from_its_file(worker_of: Callable[[str], LocalWorker]) -> None:
    worker = worker_of("stable-diffusion")
    asked = ask(prompt=PROMPT, chaos=0.7, num_images=2, **SIZE)
    picture = worker.finish(asked).images[1].png
    again = read_request(picture)
    assert again.chaos == 0.7 and again.cell_prompts == asked.cell_prompts[1:]


def test_no_chaos_is_today_to_the_bit(worker_of: Callable[[str], LocalWorker]) -> None:
    worker = worker_of("stable-diffusion")
    for pair in zip(worker.draw(ask(chaos=0.0, **SIZE)), worker.draw(ask(**SIZE)), strict=True):
        assert np.array_equal(*pair)


def test_a_multi_prompt_is_spread_by_its_weights(worker_of: Callable[[str], LocalWorker]) -> None:
    worker = worker_of("stable-diffusion")
    parts = (PromptPart(text="a cat on a mat", weight=1.0), PromptPart(text="a dog", weight=1.0))
    plain, chaotic = (worker.draw(ask(prompt_parts=parts, chaos=chaos, num_images=2, **SIZE)) for chaos in (0.0, 1.0))
    assert all(not np.array_equal(*pair) for pair in zip(plain, chaotic, strict=True))


def test_more_chaos_leaves_out_more_words_and_never_all() -> None:
    def words(chaos: float, prompt: str = PROMPT) -> list[set[str]]:
        request = ImageRequest(prompt=prompt, chaos=chaos, seed=5, num_images=24)
        return [set(text.split()) for text in request.cell_prompts]

    assert words(0.0) == [set(PROMPT.split())] * 24
    for little, much in zip(words(0.4), words(1.0), strict=True):
        assert much <= little and much
    assert sum(map(len, words(1.0))) < sum(map(len, words(0.4))) < 24 * len(set(PROMPT.split()))
    assert words(1.0, "fox") == [{"fox"}] * 24


def test_edits_read_the_whole_prompt() -> None:
    assert Edit(prompt=PROMPT, image=b"x", chaos=1.0, num_images=2).cell_prompts == (PROMPT, PROMPT)


def test_weights_keep_their_signs_and_add_up() -> None:
    for seed in range(50):
        found = weighed([1.0, -0.9], 1.0, seed)
        assert found[0] > 0 > found[1] and sum(found) > 0
