"""A text encoder of our own, a third of the size, taught by the one that is shipped; and how far it gets."""

# torch and transformers leave many types open
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import BertTokenizer, ElectraConfig, ElectraModel

from engine.pocket.companions import descend
from engine.pocket.data import Collection
from engine.pocket.palette import COLOURS
from engine.pocket.scenes import SceneWriter, held_out
from engine.pocket.text_encoder import PocketTextEncoder

_HELD_OUT = 10
_BATCH = 64


@dataclass(frozen=True)
class Agreement:
    """How a student's answers to texts it never saw compare with its teacher's.

    `tokens` and `sentences` are mean cosines; `nearest` is the share of texts whose nearest label is the same.
    """

    tokens: float
    sentences: float
    nearest: float

    def __str__(self) -> str:
        return f"token states {self.tokens:.3f}, sentences {self.sentences:.3f}, same nearest label {self.nearest:.0%}"


class Phrases:
    """Endless captions, keywords and English words; one in ten captions, and of words no caption says, is kept back."""

    def __init__(self, collection: Collection, tokenizer: BertTokenizer, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - words, not secrets
        colours = [self._random.choice(list(COLOURS)) for _ in collection.sprites]
        self._writer = SceneWriter(collection.sprites, colours, seed)
        tags = {tag for sprite in collection.sprites for tag in (sprite.label, *sprite.tags)}
        known = {word for word in tokenizer.get_vocab() if word.isascii() and word.isalpha() and len(word) > 2}
        said = {word for tag in tags for word in re.findall(r"\w+", tag)}  # captions say them
        self._unseen = sorted(word for word in known - said if held_out(word, _HELD_OUT))
        self._seen = sorted((tags | known) - set(self._unseen))

    def training(self) -> Iterator[str]:
        """Texts to learn from."""
        while True:
            yield next(text for text in self._captions() if not held_out(text, _HELD_OUT))
            yield " ".join(self._random.choices(self._seen, k=self._random.randint(1, 5)))

    def captions(self) -> Iterator[str]:
        """Captions kept from training, all of known words."""
        return (text for text in self._captions() if held_out(text, _HELD_OUT))

    def strangers(self) -> Iterator[str]:
        """One or two words kept from training, among up to two known ones."""
        while True:
            unseen = self._random.choices(self._unseen, k=self._random.randint(1, 2))
            yield " ".join(unseen + self._random.choices(self._seen, k=self._random.randint(0, 2)))

    def _captions(self) -> Iterator[str]:
        while True:
            if caption := self._writer.scene(composed=0.2).caption:
                yield caption


class Distillation:
    """One student and its teacher."""

    def __init__(self, cache: Path, weights: Path, seed: int = 11) -> None:
        torch.manual_seed(seed)
        collection = Collection.load(cache)
        self._labels = sorted({sprite.label for sprite in collection.sprites})
        self._tokenizer = BertTokenizer.from_pretrained(weights / "tokenizer")
        self._teacher = PocketTextEncoder.from_pretrained(weights / "text_encoder")
        self._phrases = Phrases(collection, self._tokenizer, seed)
        self.student = student_of(self._teacher)

    def learn(self, minutes: float, advance: Callable[[float], None]) -> None:
        """Imitate the teacher's token states and sentence embeddings."""
        texts = self._phrases.training()

        def loss() -> Tensor:
            mine, theirs, present = self._both(list(islice(texts, _BATCH)))
            tokens = (1 - F.cosine_similarity(mine, theirs, dim=-1))[present].mean()
            # The denoiser reads the states as they are, lengths too.
            size = (mine - theirs).square().mean(-1)[present].mean() / theirs.square().mean(-1)[present].mean()
            return tokens + size + (1 - F.cosine_similarity(mine.sum(1), theirs.sum(1), dim=-1)).mean()

        for seconds in descend(self.student.train(), loss, minutes, rate=1e-3):
            advance(seconds)

    @torch.inference_mode()
    def measured(self, count: int = 500) -> dict[str, Agreement]:
        """Agreement on captions never seen, and on texts with words never seen."""
        self.student.eval()
        kinds = {"unseen captions": self._phrases.captions(), "unseen words": self._phrases.strangers()}
        anchors = self._answers(self._labels)
        return {kind: self._agreement(list(islice(texts, count)), anchors) for kind, texts in kinds.items()}

    def _agreement(self, texts: Sequence[str], anchors: tuple[Tensor, Tensor, Tensor]) -> Agreement:
        tokens, mine, theirs = self._answers(texts)
        nearest = [(answers @ known.T).argmax(1) for answers, known in zip((mine, theirs), anchors[1:], strict=True)]
        same = (nearest[0] == nearest[1]).float()
        return Agreement(float(tokens.mean()), float((mine * theirs).sum(-1).mean()), float(same.mean()))

    def _answers(self, texts: Sequence[str]) -> tuple[Tensor, Tensor, Tensor]:
        """Token cosines (all tokens,), and the student's and the teacher's unit sentence embeddings (n, 384)."""
        parts: list[tuple[Tensor, Tensor, Tensor]] = []
        for start in range(0, len(texts), _BATCH):
            mine, theirs, present = self._both(texts[start : start + _BATCH])
            cosines = F.cosine_similarity(mine, theirs, dim=-1)[present]
            parts.append((cosines, F.normalize(mine.sum(1), dim=-1), F.normalize(theirs.sum(1), dim=-1)))
        tokens, mine, theirs = (torch.cat(part) for part in zip(*parts, strict=True))
        return tokens, mine, theirs

    def _both(self, texts: Sequence[str]) -> tuple[Tensor, Tensor, Tensor]:
        """Token states (B, L, 384) of student and teacher, zero at padding, and which tokens are there (B, L)."""
        tokens: Any = self._tokenizer(list(texts), padding=True, truncation=True, return_tensors="pt")
        with torch.no_grad():
            theirs = self._teacher(tokens.input_ids, tokens.attention_mask).last_hidden_state.float()
        mine = self.student(tokens.input_ids, tokens.attention_mask).last_hidden_state.float()
        return mine * tokens.attention_mask.unsqueeze(-1), theirs, tokens.attention_mask.bool()


def student_of(teacher: PocketTextEncoder, factor: int = 96, layers: int = 3) -> ElectraModel:
    """A stock Electra, 6.6 M parameters, whose word table is the teacher's reduced to its `factor` main directions."""
    theirs = teacher.config
    student = ElectraModel(
        ElectraConfig(
            vocab_size=theirs.vocab_size, embedding_size=factor, hidden_size=theirs.hidden_size,
            num_hidden_layers=layers, num_attention_heads=6, intermediate_size=768,
            max_position_embeddings=theirs.max_position_embeddings, hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
        )
    )  # fmt: skip
    table = teacher.embeddings.word_embeddings.weight.detach()
    _, _, directions = torch.svd_lowrank(table, q=factor, niter=4)
    with torch.no_grad():
        student.embeddings.word_embeddings.weight.copy_(table @ directions)
        student.embeddings.position_embeddings.weight.copy_(
            teacher.embeddings.position_embeddings.weight.detach() @ directions
        )
        student.embeddings_project.weight.copy_(directions)
    return student
