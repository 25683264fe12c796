"""*Cut out* by a segmentation model of the host's own: a tiny random SegFormer from a local folder."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoImageProcessor, AutoModelForSemanticSegmentation

from engine.errors import InvalidRequest, ModelLoadFailed
from engine.operations.segmenter import Segmenter
from engine.pictures.images import encode_png, read_text
from engine.recipes.read import read_recipe
from engine.requests import CutOut
from tests.engine.local_worker import SIZE, LocalWorker, ask
from tests.engine.segmenting import segmenter

PICTURE = Image.effect_noise((48, 40), 90).convert("RGB")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return segmenter(tmp_path_factory.mktemp("segformer"))


@pytest.fixture(scope="module")
def worker(family_folder: Callable[[str], Path], folder: Path) -> LocalWorker:
    return LocalWorker(family_folder("stable-diffusion"), cutout=folder)


def _cut_out(picture: Image.Image) -> CutOut:
    return ask(CutOut, image=encode_png(picture), num_images=1)


def test_alpha_is_what_stock_transformers_says(worker: LocalWorker, folder: Path) -> None:
    finished = worker.finish(_cut_out(PICTURE))
    made = np.asarray(Image.open(io.BytesIO(finished.images[0].png))).astype(int)
    model = AutoModelForSemanticSegmentation.from_pretrained(folder)
    inputs = AutoImageProcessor.from_pretrained(folder)(images=PICTURE, return_tensors="pt")
    with torch.inference_mode():
        logits = model(**inputs).logits
        share = 1 - logits.softmax(dim=1)[:, :1]
        whole = torch.nn.functional.interpolate(share, (40, 48), mode="bilinear")[0, 0].numpy()
    expected = ((whole - 0.05) / 0.9).clip(0, 1) * 255
    assert made.shape == (40, 48, 4) and abs(made[..., 3] - expected).max() <= 1
    assert made[..., 3].std() > 10, "the answer differs from place to place"
    seen = made[..., 3] > 0
    assert (made[..., :3] == np.asarray(PICTURE))[seen].all() and not made[~seen].any()
    assert finished.gpu_ms > 0 and any("cut out by" in note for note in finished.notes)


def test_its_file_says_what_was_done(worker: LocalWorker) -> None:
    png = worker.finish(_cut_out(PICTURE)).images[0].png
    assert "Steps" not in read_text(png)["parameters"]
    with pytest.raises(InvalidRequest, match="cut out"):
        read_recipe(png)


def test_it_takes_turns_with_what_is_drawn(worker: LocalWorker) -> None:
    drawing = ask(num_images=1, **SIZE)
    first, drawn = worker.run(_cut_out(PICTURE), drawing)
    assert first[-1].finished.images and drawn[-1].finished.images


def test_what_was_transparent_stays_so(worker: LocalWorker) -> None:
    half = PICTURE.convert("RGBA")
    half.paste((0, 0, 0, 0), (0, 0, 24, 40))
    made = Image.open(io.BytesIO(worker.finish(_cut_out(half)).images[0].png))
    assert not np.asarray(made)[:, :24].any() and np.asarray(made)[:, 24:, 3].any()


def test_where_nothing_would_be_left_that_is_said(
    family_folder: Callable[[str], Path], folder: Path, tmp_path: Path
) -> None:
    model = AutoModelForSemanticSegmentation.from_pretrained(folder)
    model.decode_head.classifier.bias.data[0] = 1e4
    model.save_pretrained(tmp_path)
    AutoImageProcessor.from_pretrained(folder).save_pretrained(tmp_path)
    refused = LocalWorker(family_folder("stable-diffusion"), cutout=tmp_path).refuse(_cut_out(PICTURE))
    assert isinstance(refused, InvalidRequest) and "nothing would be left" in refused.why


def test_without_a_model_for_it_that_is_said_before(family_folder: Callable[[str], Path]) -> None:
    refused = LocalWorker(family_folder("stable-diffusion")).refuse(_cut_out(PICTURE))
    assert isinstance(refused, InvalidRequest) and "nothing is set up here" in refused.why


@pytest.mark.parametrize(
    ("labels", "background"),
    [(("person",), None), (("no", "yes"), 0), (("sky", "other", "dog"), 1)],
)
def test_the_background_is_known_by_its_label(labels: tuple[str, ...], background: int | None, tmp_path: Path) -> None:
    assert Segmenter.load(segmenter(tmp_path, labels), torch.device("cpu")).background == background


def test_folders_that_cannot_be_used_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelLoadFailed, match="no folder"):
        Segmenter.load(tmp_path / "nowhere", torch.device("cpu"))
    with pytest.raises(ModelLoadFailed, match="none of its 3 labels"):
        Segmenter.load(segmenter(tmp_path / "rooms", ("sky", "dog", "wall")), torch.device("cpu"))
    (pickled := tmp_path / "pickled").mkdir()
    for file in folder.iterdir():
        if file.suffix != ".safetensors":
            (pickled / file.name).write_bytes(file.read_bytes())
    torch.save({}, pickled / "pytorch_model.bin")
    with pytest.raises(ModelLoadFailed, match="cutout"):
        Segmenter.load(pickled, torch.device("cpu"))
