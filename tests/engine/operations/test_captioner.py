"""Descriptions by an image-to-text model of the host's own: a tiny random BLIP from a local folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    BertTokenizerFast,
    BlipConfig,
    BlipForConditionalGeneration,
    BlipImageProcessorPil,
    BlipProcessor,
    BlipTextConfig,
    BlipVisionConfig,
)

from engine.errors import ModelLoadFailed
from engine.operations.captioner import Captioner
from engine.requests import Describe, ImageRequest
from tests.engine.local_worker import SIZE, LocalWorker, ask, png

WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "red", "blue", "fox", "house", "under", "the", "moon")


@pytest.fixture(scope="module")
def blip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `save_pretrained` writes of a BLIP with random weights."""
    folder = tmp_path_factory.mktemp("blip")
    torch.manual_seed(5)
    (folder / "vocab.txt").write_text("\n".join(WORDS))
    text = BlipTextConfig(
        vocab_size=len(WORDS), hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=64, encoder_hidden_size=16, bos_token_id=2, eos_token_id=3, sep_token_id=3,
        pad_token_id=0,
    )  # fmt: skip
    vision = BlipVisionConfig(
        hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=32, patch_size=16
    )
    model = BlipForConditionalGeneration(BlipConfig(text_config=text.to_dict(), vision_config=vision.to_dict()))
    for name, parameter in model.named_parameters():
        if parameter.ndim > 1:
            parameter.data = torch.randn(parameter.shape, generator=torch.Generator().manual_seed(len(name)))
    model.save_pretrained(folder)
    tokenizer = BertTokenizerFast(vocab=str(folder / "vocab.txt"))
    BlipProcessor(BlipImageProcessorPil(size={"height": 32, "width": 32}), tokenizer).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def worker(family_folder: Callable[[str], Path], blip: Path) -> LocalWorker:
    return LocalWorker(family_folder("stable-diffusion"), captioner=blip)


def test_a_captioner_that_lacks_weights_is_refused(blip: Path, tmp_path: Path) -> None:
    """transformers would draw them at random, and describe every picture alike."""
    folder = shutil.copytree(blip, tmp_path / "half")
    whole = load_file(folder / "model.safetensors")
    some = {name: value for name, value in whole.items() if "self.query" not in name}
    assert len(some) < len(whole)
    save_file(some, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelLoadFailed, match=r"'captioner'.*half lacks weights in its files: \S+query\S+"):
        Captioner.load(folder, torch.device("cpu"))


def picture(seed: int) -> bytes:
    return png(np.random.default_rng(seed).integers(0, 256, (40, 40, 3), dtype=np.uint8))


def test_the_hosts_model_says_what_stock_transformers_says(worker: LocalWorker, blip: Path) -> None:
    finished = worker.finish(ask(Describe, image=picture(1), num_images=4))
    captioner = Captioner.load(blip, torch.device("cpu"))
    from engine.pictures.images import open_picture

    inputs = captioner.processor(images=open_picture(picture(1)), return_tensors="pt")
    tokens = captioner.model.generate(**inputs, num_beams=4, num_return_sequences=4, max_new_tokens=40)
    said = captioner.processor.batch_decode(tokens, skip_special_tokens=True)
    assert finished.captions == tuple(dict.fromkeys(" ".join(text.split()) for text in said))
    assert 1 <= len(finished.captions) <= 4 and finished.images == ()
    assert any("described by" in note for note in finished.notes)
    assert finished.gpu_ms > 0, "every pass of the model is a tick like any other"


def test_descriptions_and_pictures_take_turns(worker: LocalWorker) -> None:
    wishes: list[ImageRequest] = [ask(Describe, image=picture(seed), num_images=2) for seed in (1, 2)]
    alone = [worker.finish(wish).captions for wish in wishes]
    again = [wish.model_copy(update={"id": f"again-{index}"}) for index, wish in enumerate(wishes)]
    drawing = ask(num_images=1, **SIZE)
    *described, drawn = worker.run(*again, drawing)
    assert [messages[-1].finished.captions for messages in described] == alone
    assert len(drawn[-1].finished.images) == 1


def test_pickled_weights_are_not_opened(worker: LocalWorker, blip: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pickled"
    folder.mkdir()
    for file in blip.iterdir():
        if file.suffix != ".safetensors":
            (folder / file.name).write_bytes(file.read_bytes())
    torch.save({}, folder / "pytorch_model.bin")
    with pytest.raises(ModelLoadFailed, match="captioner"):
        Captioner.load(folder, torch.device("cpu"))
    with pytest.raises(ModelLoadFailed, match="no folder"):
        Captioner.load(tmp_path / "nowhere", torch.device("cpu"))
