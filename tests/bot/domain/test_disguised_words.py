"""Words in further disguises are found, and nobody's harmless words are."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from bot.domain.moderation.word_filter import WordFilter
from bot.domain.moderation.word_rules import RuleKind, WordRule, with_rule
from engine import pocket

WORDS = (
    "porn", "ass", "cock", "blow job", "hentai", "nude", "bitch", "pussy", "crocodile", "slut", "dick", "penis", "anus",
    "anal", "god", "shot", "rape", "tits", "whore", "nazi", "boobs",
)  # fmt: skip
NAMED = ("tit", "cock", "sex")
"""Harmless sentences name birds and bands so: a server that bans these words means them."""


def lexicon(*words: str) -> WordFilter:
    made: tuple[WordRule, ...] = ()
    for word in words:
        made = with_rule(made, RuleKind.WORD, word, word)
    return WordFilter(made)


LEXICON = lexicon(*WORDS)


@pytest.mark.parametrize(
    ("said", "rule"),
    [
        *((said, "porn") for said in ("porns", "porrn", "poorn", "ppoorrnn", "po rn", "p orn", "por n", "p0 rn")),
        *((said, "porn") for said in ("uɹod", "p○rn", "p◯rn", "p⭕rn", "p⚪rn", "p⊙rn", "p()rn", "P●RN")),
        *((said, "cock") for said in ("cocks", "cocck", "ʞɔoɔ", "c◉ck", "coc k")),
        *((said, "crocodile") for said in ("crocodiles", "cro codile", "cr oco dile", "ǝlᴉpoɔoɹɔ", "crocoddile")),
        *((said, "slut") for said in ("s│ut", "s¦ut", "s❘ut", "sluts", "slu t")),
        *((said, "blow job") for said in ("blow jobs", "bloww job", "qoɾ ʍolq")),
        ("bitches", "bitch"),
        ("pussies", "pussy"),
        ("d┃ck", "dick"),
    ],
)
def test_plural_doubled_split_turned_and_drawn(said: str, rule: str) -> None:
    found = LEXICON.find(f"a {said} picture")
    assert found is not None and found.pattern == rule


@pytest.mark.parametrize(
    "said",
    [
        "the pen is on the table", "an us flag", "an al fresco lunch", "a good dog", "a shoot in the studio", "bass",
        "rap e minor", "as s", "ti ts", "grape, skill, cocktail, peacock, canal", "a therapist", "a ○ and a |",
        "red●blue│green", "it is so, so good", "a SS 20 train", "Λ Ω ∩", "a photo shoot", "whole, who re",
    ],
)  # fmt: skip
def test_ordinary_words_stay_ordinary(said: str) -> None:
    words = [word for word in WORDS if word not in ("tits", "whore")]
    assert lexicon(*words).find(said) is None


def test_the_lists_of_safe_sentences_pass() -> None:
    """Nothing but the words themselves is found in them."""
    here = Path(__file__).parent
    texts = [
        *tomllib.loads((here / "meaning_heldout.toml").read_text(encoding="utf-8"))["safe"],
        *tomllib.loads((here.parents[2] / "bot/domain/moderation/anchors.toml").read_text(encoding="utf-8"))["safe"],
        *(Path(pocket.__file__).parent / "everyday.txt").read_text(encoding="utf-8").splitlines(),
    ]
    found = {text: rule.pattern for text in texts if text and (rule := LEXICON.find(text))}
    assert len(texts) > 300
    assert {text: rule for text, rule in found.items() if rule not in NAMED} == {}
    assert all(rule in text for text, rule in found.items())


def test_an_exception_covers_pieces_too() -> None:
    rules = with_rule(with_rule((), RuleKind.WORD, "porn"), RuleKind.ALLOW, "po rn")
    assert WordFilter(rules).find("po rn") is None
