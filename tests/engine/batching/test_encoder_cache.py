"""What encoders said before is not computed again, and is never mixed up."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import BertConfig, BertModel

from engine.batching.encoder_cache import EncoderCache
from engine.batching.forward import forward
from engine.batching.lanes import Lane, ParkedCall, RunOptions, Stage

_SMALL = BertConfig(vocab_size=50, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8)


def _call(module: torch.nn.Module, *ids: int, options: RunOptions | None = None, **kwargs: Any) -> ParkedCall:
    lane = Lane("lane", print, options or RunOptions())
    return ParkedCall(lane, module, "__call__", (torch.tensor([ids]),), kwargs, Stage.ENCODE)


def _answered(memory: EncoderCache, call: ParkedCall) -> Any:
    assert memory.recall(call) is NotImplemented
    output = forward(call)
    memory.keep(call, output)
    return output


@pytest.fixture
def encoder() -> BertModel:
    return BertModel(_SMALL).eval()


@torch.inference_mode()
def test_the_same_words_are_encoded_once(encoder: BertModel) -> None:
    memory = EncoderCache()
    output = _answered(memory, _call(encoder, 1, 2, 3))

    recalled = memory.recall(_call(encoder, 1, 2, 3))

    assert type(recalled) is type(output)
    assert torch.equal(recalled.last_hidden_state, output.last_hidden_state)


@torch.inference_mode()
def test_a_pipeline_writing_into_its_answer_changes_no_others(encoder: BertModel) -> None:
    memory = EncoderCache()
    output = _answered(memory, _call(encoder, 1, 2))
    before = output.last_hidden_state.clone()

    output.last_hidden_state.zero_()
    memory.recall(_call(encoder, 1, 2)).last_hidden_state.zero_()

    assert torch.equal(memory.recall(_call(encoder, 1, 2)).last_hidden_state, before)


@torch.inference_mode()
def test_other_words_masks_loras_and_encoders_are_asked_anew(encoder: BertModel) -> None:
    memory = EncoderCache()
    _answered(memory, _call(encoder, 1, 2))

    for other in (
        _call(encoder, 1, 3),
        _call(encoder, 1, 2, attention_mask=torch.tensor([[1, 0]])),
        _call(encoder, 1, 2, output_hidden_states=True),
        _call(encoder, 1, 2, options=RunOptions(loras=(("ink", 1.0),))),
        _call(encoder, 1, 2, options=RunOptions(upcast=True)),
        _call(BertModel(_SMALL).eval(), 1, 2),
    ):
        assert memory.recall(other) is NotImplemented


@torch.inference_mode()
def test_calls_with_a_language_models_cache_are_never_remembered(encoder: BertModel) -> None:
    memory = EncoderCache()
    given, made = _call(encoder, 1, past_key_values=object()), _call(encoder, 1, use_cache=True)

    assert memory.recall(given) is memory.recall(made) is NotImplemented
    memory.keep(made, (torch.zeros(1), object()))

    assert memory.recall(_call(encoder, 1, use_cache=True)) is NotImplemented


@torch.inference_mode()
def test_the_least_recently_used_answer_goes_first(encoder: BertModel) -> None:
    memory = EncoderCache(limit_bytes=4 * 3 * 4)
    for word in range(3):
        call = _call(encoder, word)
        memory.recall(call)
        memory.keep(call, (torch.full((3,), float(word)),))
    memory.recall(_call(encoder, 0))
    for word in (3, 4):
        call = _call(encoder, word)
        memory.recall(call)
        memory.keep(call, (torch.full((3,), float(word)),))

    assert memory.recall(_call(encoder, 1)) is NotImplemented
    assert memory.recall(_call(encoder, 0))[0].tolist() == [0.0, 0.0, 0.0]


def test_steps_of_denoisers_are_never_remembered() -> None:
    memory, module = EncoderCache(), torch.nn.Identity()
    call = ParkedCall(Lane("lane", print), module, "__call__", (torch.ones(1),), {}, Stage.DENOISE)

    assert memory.recall(call) is NotImplemented
    memory.keep(call, (torch.ones(1),))

    assert memory.recall(call) is NotImplemented
