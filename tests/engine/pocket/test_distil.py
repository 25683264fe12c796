from itertools import islice

import pytest
import torch

from engine.pocket import WEIGHTS
from engine.pocket.data import build
from engine.pocket.distil import Distillation, Phrases
from engine.pocket.scenes import held_out

pytest.importorskip("resvg_py", reason="resvg-py draws the art; it is a training-time package")


@pytest.fixture
def distillation(cache, art) -> Distillation:
    build(cache, lambda _: None, art)
    return Distillation(cache, WEIGHTS)


def test_the_teacher_agrees_with_itself_and_no_untaught_student(distillation):
    ignorant = distillation.measured(count=20)
    distillation.student = distillation._teacher
    perfect = distillation.measured(count=20)

    assert list(perfect) == ["unseen captions", "unseen words"]
    for kind, agreement in perfect.items():
        assert agreement.tokens == pytest.approx(1, abs=1e-3)
        assert agreement.sentences == pytest.approx(1, abs=1e-3)
        assert agreement.nearest == 1
        assert ignorant[kind].tokens < 0.6


def test_a_student_learns(distillation):
    before = distillation.measured(count=20)["unseen words"]
    distillation.learn(minutes=0.1, advance=lambda _: None)
    after = distillation.measured(count=20)["unseen words"]

    assert after.tokens > before.tokens


def test_the_student_begins_with_its_teachers_words(distillation):
    student, teacher = distillation.student.embeddings, distillation._teacher.embeddings
    words = student.word_embeddings.weight @ distillation.student.embeddings_project.weight.T
    likeness = torch.nn.functional.cosine_similarity(words, teacher.word_embeddings.weight, dim=-1)

    assert likeness.mean() > 0.5
    assert sum(each.numel() for each in distillation.student.parameters()) < 7e6


def test_what_the_test_asks_was_never_taught(distillation):
    phrases: Phrases = distillation._phrases
    taught = set(islice(phrases.training(), 400))

    assert not taught & set(islice(phrases.captions(), 20))
    words = {word for text in taught for word in text.split()}
    for text in islice(phrases.strangers(), 20):
        assert any(held_out(word, 10) and word not in words for word in text.split())
