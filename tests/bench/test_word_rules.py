"""How long a prompt's word check takes with a thousand rules. `make speed`."""

from __future__ import annotations

import random
import statistics
import string
import time

import pytest

from bot.domain.moderation.word_filter import WordFilter
from bot.domain.moderation.word_rules import MAX_REGEXES, RuleKind, WordRule

PROMPT = (
    "a red fox in the snow, 3d, soft morning light, very detailed, 8k, by a lake with p0rcelain swans and gl@ss " * 2
)


def thousand() -> list[WordRule]:
    chance = random.Random(7)
    words = ["".join(chance.choices(string.ascii_lowercase, k=chance.randint(4, 10))) for _ in range(1000)]
    rules = [WordRule(id=n, kind=RuleKind.WORD, pattern=word) for n, word in enumerate(words[:800])]
    rules += [
        WordRule(id=n, kind=RuleKind.WORD, pattern=f"{word} {word[::-1]}") for n, word in enumerate(words[800:900])
    ]
    rules += [WordRule(id=n, kind=RuleKind.ALLOW, pattern=word) for n, word in enumerate(words[900:950])]
    rules += [WordRule(id=n, kind=RuleKind.REGEX, pattern=rf"\b{w}s?\b") for n, w in enumerate(words[-MAX_REGEXES:])]
    return rules


@pytest.mark.bench
@pytest.mark.parametrize("prompt", [PROMPT, PROMPT.replace("fox", "füchsin 狐")], ids=["ascii", "unicode"])
def test_a_thousand_rules(prompt: str) -> None:
    lexicon = WordFilter(thousand())
    assert lexicon.find(prompt) is None
    times: list[float] = []
    for _ in range(300):
        start = time.thread_time()
        lexicon.find(prompt)
        times.append((time.thread_time() - start) * 1000)
    times.sort()
    print(f"\n{len(prompt)} characters, 1000 rules: {statistics.median(times):.3f} ms, p95 {times[285]:.3f} ms of CPU")
