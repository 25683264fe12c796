"""The memory: built of the drawings, asked by token ids, read back as it was written."""

import shutil

import pytest
import torch
from transformers import BertTokenizer

from engine.pocket import WEIGHTS
from engine.pocket.boxes import BESIDE, SINGLE, STACKED
from engine.pocket.data import build
from engine.pocket.errors import BrokenWeights
from engine.pocket.export import verify
from engine.pocket.layouts import Layout
from engine.pocket.memory import FILE, Memory
from engine.pocket.recall import rows_of, unpacked
from engine.pocket.remember import build as remember
from engine.pocket.scenes import unseen
from engine.pocket.styles import STYLES
from engine.pocket.text import SentenceEncoder
from engine.pocket.text_encoder import MAX_TOKENS, RememberingTextEncoder


@pytest.fixture(scope="module")
def encoder() -> RememberingTextEncoder:
    return RememberingTextEncoder.from_pretrained(WEIGHTS / "text_encoder")


@pytest.fixture(scope="module")
def tokenizer() -> BertTokenizer:
    return BertTokenizer.from_pretrained(WEIGHTS / "tokenizer")


@pytest.fixture
def seen(encoder, tokenizer):
    """Drawings (B, 3, 4, 64, 64) that prompts bring to mind, and whether they may be mirrored (B,)."""

    def look(*prompts: str) -> tuple[torch.Tensor, torch.Tensor]:
        tokens = tokenizer(list(prompts), padding="max_length", truncation=True, return_tensors="pt")
        with torch.inference_mode():
            states = encoder(tokens.input_ids, tokens.attention_mask).last_hidden_state
        drawings, _, mirrorable = unpacked(states[:, -rows_of(len(STYLES), states.shape[-1]) :], len(STYLES))
        return drawings.unflatten(1, (len(STYLES), 4)), mirrorable

    return look


def test_words_bring_drawings_to_mind(seen):
    drawings, mirrorable = seen("red apple, 3d", "", "mascot of our server")

    assert mirrorable.tolist() == [True, False, False]
    assert not drawings[1:].any()
    opaque = drawings[0, :, 3] > 0.5
    assert opaque.float().mean() > 0.3
    colour = (drawings[0, :, :3] * opaque[:, None]).sum((0, 2, 3))
    assert colour[0] > 2 * colour[1] and colour[0] > 2 * colour[2], "it is red"


def test_two_things_lie_where_the_words_put_them(seen):
    drawings, mirrorable = seen("dog face next to strawberry", "dog face above strawberry")

    beside, above = drawings[:, :, 3]
    assert not mirrorable.any(), "left and right are said"
    assert beside[..., :32].any() and beside[..., 32:].any() and not beside[:, :16].any()
    assert above[:, :32].any() and above[:, 32:].any() and not above[..., :16].any()


def test_rows_do_not_depend_on_each_other(seen):
    together, _ = seen("a fox in the snow", "rocket, flat")

    assert torch.equal(together[1:], seen("rocket, flat")[0])


@pytest.mark.parametrize(
    ("words", "other"),
    [
        ("puppy", "dog face"),
        ("a cup of coffee", "hot beverage"),
        ("two apples", "two red apples"),
        ("spaceship", "rocket"),
        ("a red apple on a table", "red apple"),
    ],
)
def test_people_need_not_know_the_names(seen, words, other):
    assert torch.equal(seen(words)[0], seen(other)[0])


def test_drawings_come_to_mind_in_the_colour_that_is_said(seen):
    drawings, *_ = seen("purple apple, flat", "red apple, flat")

    purple, red = ((drawing[:, :3] * drawing[:, 3:]).sum((0, 2, 3)) for drawing in drawings)
    assert purple[2] > 1.5 * purple[1] and purple[2] > 3 * red[2]
    assert torch.equal(drawings[0, :, 3], drawings[1, :, 3]), "the outline stays"
    assert torch.equal(seen("green apple")[0], seen("a green apple, 3d")[0])


def test_words_without_a_name_find_what_means_the_same(encoder, tokenizer):
    tokens = tokenizer("timepiece with bells", return_tensors="pt")
    with torch.inference_mode():
        states = encoder(tokens.input_ids, tokens.attention_mask).last_hidden_state

    assert states[:, MAX_TOKENS:].any()


def test_every_length_of_tokens_gives_as_many_states(encoder, tokenizer):
    words = "a red apple " * 30

    def states(length: int) -> torch.Tensor:
        tokens = tokenizer(words, padding="max_length", max_length=length, truncation=True, return_tensors="pt")
        with torch.inference_mode():
            return encoder(tokens.input_ids, tokens.attention_mask).last_hidden_state

    assert torch.equal(states(153), states(24)), "what is longer is cut in the same place"
    assert states(9).shape == states(24).shape


def test_what_was_kept_from_training_is_not_remembered(cache, art, tokenizer):
    collection = build(cache, lambda _: None, art)

    memory = remember(collection, tokenizer, SentenceEncoder())

    # Families are left out; one of the two apples is of a combination that tests ask for.
    apples = [i for i, sprite in enumerate(collection.sprites) if sprite.label == "red apple"]
    (kept,) = (i for i in apples if not unseen(collection.sprites[i]))
    assert len(apples) == 2 and memory.count == 2, "an apple and the sun"
    apple = memory.layout(tokenizer("a red apple", add_special_tokens=False).input_ids, torch.zeros(384))
    sheets = memory.sheets(apple)
    assert apple.boxes == SINGLE
    style = STYLES.index(collection.sprites[kept].style)
    assert [i for i, sheet in enumerate(sheets) if sheet.any()] == [style]
    straight = torch.from_numpy(collection.pixels[kept]).permute(2, 0, 1).float() / 255
    torch.testing.assert_close(sheets[style, 3], straight[3], atol=0.1, rtol=0)


def test_a_memory_is_read_back_as_it_was_written(encoder, tmp_path):
    encoder.save_pretrained(tmp_path)

    again = RememberingTextEncoder.from_pretrained(tmp_path)

    assert (tmp_path / FILE).stat().st_size == (WEIGHTS / "text_encoder" / FILE).stat().st_size
    layout = Layout((0, 1), BESIDE, (-1, -1))
    assert torch.equal(again._memory.sheets(layout), encoder._memory.sheets(layout))
    assert not torch.equal(again._memory.sheets(layout), again._memory.sheets(Layout((0, 1), STACKED, (-1, -1))))


def test_a_missing_or_damaged_memory_is_named(tmp_path):
    folder = tmp_path / "text_encoder"
    shutil.copytree(WEIGHTS / "text_encoder", folder)
    (folder / FILE).write_bytes((folder / FILE).read_bytes()[:1000])
    with pytest.raises(BrokenWeights, match=FILE):
        RememberingTextEncoder.from_pretrained(folder)

    (folder / FILE).unlink()
    with pytest.raises(BrokenWeights, match="it is missing"):
        Memory.load(folder)


def test_the_shipped_memory_is_of_the_recorded_hash():
    assert verify(WEIGHTS) >= 6
