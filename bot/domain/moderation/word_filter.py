"""Word filter: word rules, compiled once; checks a prompt against 1,000 rules in less than 1 ms."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Final

import regex

from bot.domain.moderation.inflections import Forms, is_ordinary, plurals
from bot.domain.moderation.text_folding import fold, foldings, readings, tokens
from bot.domain.moderation.word_rules import REGEX_TIMEOUT_S, RuleKind, WordRule, compiled, spellings

REGEX_BUDGET_S: Final = 0.02
"""Seconds for all regular expressions of one check; a rule that runs out of time counts as matched."""

MIN_SPLIT: Final = 4
"""Shorter words are not searched for across pieces: "as s" would be ambiguous."""
MAX_PIECES: Final = 3
"""Number of pieces into which a word may be split."""

_UNSPACED = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]")


class WordFilter:
    """Compiled word rules."""

    def __init__(self, rules: Iterable[WordRule]) -> None:
        self._words: dict[str, WordRule] = {}
        self._forms = Forms()
        self._phrases: dict[str, list[tuple[tuple[str, ...], WordRule]]] = {}
        self._parts: list[tuple[str, WordRule]] = []
        self._allowed: dict[str, list[tuple[str, ...]]] = {}
        self._regexes: list[tuple[regex.Pattern[str], WordRule]] = []
        for rule in rules:
            self._add(rule)

    def _add(self, rule: WordRule) -> None:
        if rule.kind is RuleKind.REGEX:
            self._regexes.append((compiled(rule.pattern), rule))
            return
        folded = fold(rule.pattern)
        if rule.kind is RuleKind.WORD and _UNSPACED.search(folded):
            self._parts.append((folded, rule))
            return
        for words in spellings(folded):
            for last in (words[-1], *plurals(words[-1])):
                self._add_words((*words[:-1], last), rule)

    def _add_words(self, words: tuple[str, ...], rule: WordRule) -> None:
        if rule.kind is RuleKind.ALLOW:
            self._allowed.setdefault(words[0], []).append(words)
            return
        for word in words:
            self._forms.learn(word)
        if len(words) == 1:
            self._words.setdefault(words[0], rule)
        else:
            self._phrases.setdefault(words[0], []).append((words, rule))

    def find(self, text: str) -> WordRule | None:
        """Return the first rule that the text breaks, or None."""
        read = foldings(text)
        for folded in read:
            said = [(*options, *self._forms.meant(options)) for options in tokens(folded)]
            if self._allowed:
                self._forgive(said)
            if rule := self._said(said) or self._split(folded) or self._written(folded):
                return rule
        return self._matched(dict.fromkeys((text, *read)))

    def _forgive(self, said: list[tuple[str, ...]]) -> None:
        for start, options in enumerate(list(said)):
            for word in options:
                for phrase in self._allowed.get(word, ()):
                    if _is_at(said, start, phrase):
                        said[start : start + len(phrase)] = [()] * len(phrase)

    def _said(self, said: Sequence[tuple[str, ...]]) -> WordRule | None:
        for start, options in enumerate(said):
            for word in options:
                if rule := self._words.get(word):
                    return rule
                for phrase, rule in self._phrases.get(word, ()):
                    if _is_at(said, start, phrase):
                        return rule
        return None

    def _split(self, folded: str) -> WordRule | None:
        """Find a word in two or three pieces. One piece must be no ordinary word: "po rn" counts, "pen is" does not."""
        chunks = folded.split()
        odd = [not is_ordinary(chunk) for chunk in chunks]
        for start in range(len(chunks) - 1):
            for end in range(start + 2, min(start + MAX_PIECES, len(chunks)) + 1):
                if any(odd[start:end]) and (rule := self._joined(chunks[start:end])):
                    return rule
        return None

    def _joined(self, pieces: Sequence[str]) -> WordRule | None:
        joined = "".join(pieces)
        if len(joined) > self._forms.longest:
            return None
        for word in (joined,) if joined.isalpha() else readings(joined):
            if len(word) >= MIN_SPLIT and (rule := self._words.get(word)):
                return None if tuple(pieces) in self._allowed.get(pieces[0], ()) else rule
        return None

    def _written(self, folded: str) -> WordRule | None:
        return next((rule for part, rule in self._parts if part in folded), None)

    def _matched(self, texts: Iterable[str]) -> WordRule | None:
        """Match regular expressions with the text and its foldings; a timeout counts as a match.

        The budget is processor time: a pause of a busy machine is no reason to refuse a prompt.
        """
        end = time.thread_time() + REGEX_BUDGET_S
        for pattern, rule in self._regexes:
            for seen in texts:
                left = min(REGEX_TIMEOUT_S, end - time.thread_time())
                if left <= 0 or _matches(pattern, seen, left):
                    return rule
        return None


def _is_at(said: Sequence[tuple[str, ...]], start: int, phrase: tuple[str, ...]) -> bool:
    heard = said[start : start + len(phrase)]
    return len(heard) == len(phrase) and all(word in options for word, options in zip(phrase, heard, strict=True))


def _matches(pattern: regex.Pattern[str], text: str, timeout_s: float) -> bool:
    try:
        return pattern.search(text, timeout=timeout_s) is not None
    except TimeoutError:
        return True
