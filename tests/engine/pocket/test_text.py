import pytest
import torch
from transformers import BertConfig

from engine.pocket import WEIGHTS
from engine.pocket.errors import BrokenWeights
from engine.pocket.text import SentenceEncoder, embed
from engine.pocket.text_encoder import PocketTextEncoder


def test_words_training_never_saw_lie_near_words_it_knows():
    crimson, red, blue, puppy, dog, car = embed(["crimson", "red", "blue", "a puppy", "a dog", "a car"])

    assert crimson @ red > crimson @ blue
    assert puppy @ dog > puppy @ car + 0.2


def test_embeddings_are_unit_vectors_whatever_stands_beside_them():
    together = embed(["cat", "a very long sentence about a cat that sits on a mat beside another cat"])

    assert together.shape == (2, 384)
    torch.testing.assert_close(together.norm(dim=1), torch.ones(2))
    torch.testing.assert_close(together[0], embed(["cat"])[0], atol=1e-4, rtol=1e-3)
    assert embed([]).shape == (0, 384)


@pytest.fixture
def tiny() -> PocketTextEncoder:
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    return PocketTextEncoder(BertConfig(vocab_size=40, **sizes)).eval()


@torch.inference_mode()
def test_padding_comes_out_as_zeros(tiny):
    ids, mask = torch.tensor([[2, 5, 3, 0, 0]]), torch.tensor([[1, 1, 1, 0, 0]])

    states = tiny(ids, attention_mask=mask)[0]

    assert states[0, 3:].abs().max() == 0
    assert states[0, :3].abs().amin(0).max() > 0


@torch.inference_mode()
def test_int8_rows_are_as_good_as_the_original(tiny, tmp_path):
    tiny.save_pretrained(tmp_path)
    ids = torch.tensor([[2, 5, 9, 3]])

    read = PocketTextEncoder.from_pretrained(tmp_path)(ids)[0]

    assert torch.nn.functional.cosine_similarity(read, tiny(ids)[0], dim=-1).min() > 0.999
    assert PocketTextEncoder.from_pretrained(tmp_path, dtype=torch.bfloat16).dtype == torch.bfloat16


def test_a_damaged_file_is_named(tiny, tmp_path):
    tiny.save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"not weights")

    with pytest.raises(BrokenWeights, match=r"model\.safetensors"):
        PocketTextEncoder.from_pretrained(tmp_path)


def test_a_folder_of_ones_own_is_read():
    assert SentenceEncoder(WEIGHTS).embed(["moon"]).shape == (1, 384)
