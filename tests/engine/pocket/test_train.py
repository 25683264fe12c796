import itertools
import json
from types import SimpleNamespace

import pytest
import torch

from engine.pocket import WEIGHTS
from engine.pocket import train as trainers
from engine.pocket.data import build
from engine.pocket.denoiser import PocketDenoiser
from engine.pocket.errors import BrokenWeights
from engine.pocket.processes import train
from engine.pocket.recipe import Recipe, learning_rate
from engine.pocket.runs import CHECKPOINT, LOSSES, averaged
from engine.pocket.train import Trainer

pytestmark = pytest.mark.filterwarnings("ignore:Mismatch dtype")  # autocast against float32 norms, on purpose
pytest.importorskip("resvg_py", reason="resvg-py draws the art; it is a training-time package")

TINY = {"batch": 4, "small_batch": 4, "conv_channels": 16, "width": 32, "depth": 1}


STEP_S = 0.25
"""How long a step takes by the clock that `timed` gives."""


@pytest.fixture
def timed(monkeypatch):
    """A run's minutes hold the same number of steps on every machine."""
    ticks = itertools.count(step=STEP_S)
    monkeypatch.setattr(trainers, "time", SimpleNamespace(monotonic=lambda: next(ticks)))


def _run(recipe: Recipe, cache) -> Trainer:
    trainer = Trainer(recipe, cache, cache / "run", WEIGHTS, torch.device("cpu"))
    trainer.run(lambda _: None)
    return trainer


@pytest.mark.usefixtures("timed")
def test_training_goes_on_where_it_was_interrupted(cache, art):
    build(cache, lambda _: None, art)

    first = _run(Recipe(minutes=2.5 * STEP_S / 60, **TINY), cache)
    second = _run(Recipe(minutes=5.5 * STEP_S / 60, **TINY), cache)

    assert (first.step, second.step) == (3, 6)
    assert second.pictures == second.step * 4
    rows = [json.loads(line) for line in (cache / "run" / LOSSES).read_text().splitlines()]
    assert [row[0] for row in rows] == list(range(1, second.step + 1))


@pytest.mark.usefixtures("timed")
def test_the_averaged_weights_are_a_model_of_the_same_shape(cache, art):
    build(cache, lambda _: None, art)
    trainer = _run(Recipe(minutes=2.5 * STEP_S / 60, **TINY), cache)

    model = averaged(cache / "run")

    assert isinstance(model, PocketDenoiser)
    assert model.config.width == 32
    assert {n: p.shape for n, p in model.named_parameters()} == {
        n: p.shape for n, p in trainer.denoiser.named_parameters()
    }


@pytest.mark.parametrize(
    ("small_until", "looks", "steps"), [(0.0, 4, 24), (1.0, 10, 40)], ids=["sketch and refiner", "sketch alone"]
)
def test_it_learns(cache, art, small_until, looks, steps):
    build(cache, lambda _: None, art)
    recipe = Recipe(
        minutes=60, small_until=small_until, rate=1e-2, matrix_rate=2e-2, **TINY | {"batch": 8, "small_batch": 8}
    )
    trainer, again = (
        Trainer(recipe, cache, cache / run, WEIGHTS, torch.device("cpu")) for run in ("run", "the same pictures again")
    )
    before = sum(trainer.one_step() for _ in range(looks))

    for _ in range(steps):
        trainer.one_step()

    again.denoiser.load_state_dict(trainer.denoiser.state_dict())
    assert sum(again.one_step() for _ in range(looks)) < 0.8 * before


def test_a_run_can_begin_with_finished_weights(cache, art):
    build(cache, lambda _: None, art)
    finished = PocketDenoiser(conv_channels=16, width=32, depth=1)
    finished.save_pretrained(cache / "finished" / "unet")

    recipe = Recipe(minutes=60, begin_with=cache / "finished", depth=8)
    trainer = Trainer(recipe, cache, cache / "run", WEIGHTS, torch.device("cpu"))

    for name, weight in finished.state_dict().items():
        torch.testing.assert_close(trainer.denoiser.state_dict()[name], weight)
    trainer.save()
    begun = averaged(cache / "run").state_dict()
    for name, weight in finished.state_dict().items():
        torch.testing.assert_close(begun[name], weight)
    assert begun.keys() > finished.state_dict().keys(), "it gets a memory"


def test_what_a_run_cannot_begin_with_is_named(cache, art):
    build(cache, lambda _: None, art)
    (cache / "unet").mkdir()
    (cache / "unet" / "config.json").write_text('{"_class_name": "PocketDenoiser"}')
    (cache / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(b"a picture, perhaps")

    with pytest.raises(BrokenWeights, match=r"diffusion_pytorch_model\.safetensors"):
        Trainer(Recipe(begin_with=cache), cache, cache / "run", WEIGHTS, torch.device("cpu"))


@pytest.mark.usefixtures("timed")
def test_a_checkpoint_is_never_half_written(cache, art):
    build(cache, lambda _: None, art)
    _run(Recipe(minutes=2.5 * STEP_S / 60, **TINY), cache)

    assert {path.name for path in (cache / "run").iterdir()} == {CHECKPOINT, LOSSES}
    torch.load(cache / "run" / CHECKPOINT, weights_only=True)


def test_the_learning_rate_warms_up_and_ends_at_zero():
    assert learning_rate(0, 0.0) == pytest.approx(0.01)
    assert learning_rate(500, 0.3) == 1.0
    assert learning_rate(500, 1.0) == pytest.approx(0.0)


def test_two_processes_change_to_large_pictures_in_the_same_step(cache, art):
    build(cache, lambda _: None, art)

    # `print`, because what is shown must travel to the first process.
    train(Recipe(minutes=0.03, small_until=0.5, **TINY), cache, cache / "run", WEIGHTS, processes=2, show=print)

    rows = [json.loads(line) for line in (cache / "run" / LOSSES).read_text().splitlines()]
    assert rows[-1][1] == rows[-1][0] * 2 * 4
