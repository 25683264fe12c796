"""Richer prompts by an instruct model of the host's own: a tiny random Llama from a local folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from engine.errors import InvalidRequest, ModelLoadFailed
from engine.operations.writer import MAX_NEW_TOKENS, Writer
from engine.requests import ImageRequest, Rewrite
from tests.engine.local_worker import SIZE, LocalWorker, ask
from tests.engine.tiny_writer import write


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("writer"))


@pytest.fixture(scope="module")
def worker(family_folder: Callable[[str], Path], folder: Path) -> LocalWorker:
    return LocalWorker(family_folder("stable-diffusion"), writer=folder)


def wish(prompt: str = "a red fox", **fields: str) -> ImageRequest:
    return ask(Rewrite, prompt=prompt, instruction="rewrite", num_images=1, **fields)


def test_the_model_says_what_stock_transformers_says(worker: LocalWorker, folder: Path) -> None:
    finished = worker.finish(wish())
    writer = Writer.load(folder, torch.device("cpu"))
    inputs = writer.tokenizer("user: rewrite\n\na red fox bot:", return_tensors="pt")
    tokens = writer.model.generate(**inputs, do_sample=False, max_new_tokens=MAX_NEW_TOKENS)
    said = writer.tokenizer.decode(tokens[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
    assert finished.captions == (said,) and said
    assert finished.images == () and any("written by" in note for note in finished.notes)
    assert finished.gpu_ms > 0, "every pass of the model is a tick like any other"


def test_rewriting_and_drawing_take_turns(worker: LocalWorker) -> None:
    alone = worker.finish(wish()).captions
    first, second = wish(id="one"), wish("a soft light", id="two")
    *written, drawn = worker.run(first, second, ask(num_images=1, **SIZE))
    assert written[0][-1].finished.captions == alone
    assert len(drawn[-1].finished.images) == 1


def test_without_a_model_it_is_refused(family_folder: Callable[[str], Path]) -> None:
    plain = LocalWorker(family_folder("stable-diffusion"))
    assert isinstance(plain.refuse(wish()), InvalidRequest)


def test_pickled_weights_and_plain_models_are_refused(folder: Path, tmp_path: Path) -> None:
    pickled = tmp_path / "pickled"
    pickled.mkdir()
    for file in folder.iterdir():
        if file.suffix != ".safetensors":
            (pickled / file.name).write_bytes(file.read_bytes())
    torch.save({}, pickled / "pytorch_model.bin")
    with pytest.raises(ModelLoadFailed, match="writer"):
        Writer.load(pickled, torch.device("cpu"))
    with pytest.raises(ModelLoadFailed, match="chat template"):
        Writer.load(write(tmp_path / "plain", template=None), torch.device("cpu"))
    with pytest.raises(ModelLoadFailed, match="no folder"):
        Writer.load(tmp_path / "nowhere", torch.device("cpu"))
