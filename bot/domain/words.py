"""Word rules: whole words, phrases, regular expressions and exceptions, compiled once, checked in under 1 ms."""

from __future__ import annotations

import enum
import time
from collections.abc import Iterable, Sequence
from typing import Final

import regex

from bot.domain.folding import fold, foldings, readings, tokens
from bot.domain.model import Value
from bot.errors import BadOption

MAX_RULES: Final = 2000
MAX_REGEXES: Final = 50
MAX_PATTERN: Final = 200
REGEX_TIMEOUT_S: Final = 0.01
REGEX_BUDGET_S: Final = 0.02
"""For all regular expressions of one check together; a rule that runs out of it counts as broken."""

_UNSPACED = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]")
_PROBES = ("a" * 2000 + "!", "ab" * 1000 + "!", "0" * 2000 + "x", " " * 2000 + "x", "a red fox in the snow, 3d " * 80)


class RuleKind(enum.StrEnum):
    """How a rule's pattern is read."""

    WORD = "word"
    """One whole word, or several as a phrase."""
    REGEX = "regex"
    ALLOW = "allow"
    """A word or phrase that is fine though another rule would find a word in it."""


class WordRule(Value):
    """One rule of a server's list."""

    id: int
    kind: RuleKind
    pattern: str
    label: str = ""

    @property
    def name(self) -> str:
        """What a refusal calls it."""
        return self.label or f"word list, no. {self.id}"


class Lexicon:
    """Many word rules, ready to be asked."""

    def __init__(self, rules: Iterable[WordRule]) -> None:
        self._words: dict[str, WordRule] = {}
        self._phrases: dict[str, list[tuple[tuple[str, ...], WordRule]]] = {}
        self._parts: list[tuple[str, WordRule]] = []
        self._allowed: dict[str, list[tuple[str, ...]]] = {}
        self._regexes: list[tuple[regex.Pattern[str], WordRule]] = []
        for rule in rules:
            self._add(rule)

    def _add(self, rule: WordRule) -> None:
        if rule.kind is RuleKind.REGEX:
            self._regexes.append((_compiled(rule.pattern), rule))
            return
        folded = fold(rule.pattern)
        if rule.kind is RuleKind.WORD and _UNSPACED.search(folded):
            self._parts.append((folded, rule))
            return
        for words in _spellings(folded):
            if rule.kind is RuleKind.ALLOW:
                self._allowed.setdefault(words[0], []).append(words)
            elif len(words) == 1:
                self._words.setdefault(words[0], rule)
            else:
                self._phrases.setdefault(words[0], []).append((words, rule))

    def find(self, text: str) -> WordRule | None:
        """The first rule the text breaks, or None."""
        read = foldings(text)
        for folded in read:
            said = list(tokens(folded))
            if self._allowed:
                self._forgive(said)
            if rule := self._said(said) or self._written(folded):
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

    def _written(self, folded: str) -> WordRule | None:
        return next((rule for part, rule in self._parts if part in folded), None)

    def _matched(self, texts: Iterable[str]) -> WordRule | None:
        """Regular expressions see the text as it is and as it is folded; one that takes too long counts as broken."""
        end = time.perf_counter() + REGEX_BUDGET_S
        for pattern, rule in self._regexes:
            for seen in texts:
                left = min(REGEX_TIMEOUT_S, end - time.perf_counter())
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


def _compiled(pattern: str) -> regex.Pattern[str]:
    return regex.compile(pattern, regex.IGNORECASE | regex.VERSION1)


def _spellings(folded: str) -> list[tuple[str, ...]]:
    """The words of a rule: as written, and for a single word with digits or symbols also what that reads as."""
    chunks = folded.split()
    if len(chunks) == 1 and not chunks[0].isalpha():
        return [(reading,) for reading in readings(chunks[0]) if reading]
    words = tuple(options[0] for options in tokens(folded) if options)[: len(chunks) * 4]
    return [words] if words else []


def with_rule(rules: Sequence[WordRule], kind: RuleKind, pattern: str, label: str = "") -> tuple[WordRule, ...]:
    """The rules with a new one. Raises `BadOption` with the reason for one that is empty, broken, or far too slow."""
    pattern = pattern.strip()
    if not 0 < len(pattern) <= MAX_PATTERN:
        raise BadOption(pattern[:50] or kind, f"a rule has 1 to {MAX_PATTERN} characters")
    if len(rules) >= MAX_RULES:
        raise BadOption(pattern, f"there are {MAX_RULES} rules already; remove some first")
    if any((rule.kind, rule.pattern) == (kind, pattern) for rule in rules):
        raise BadOption(pattern, "this rule is there already")
    if kind is RuleKind.REGEX:
        _check_regex(pattern, sum(rule.kind is kind for rule in rules))
    elif not _spellings(fold(pattern)):
        raise BadOption(pattern, "there is no letter or digit in it")
    number = max((rule.id for rule in rules), default=0) + 1
    return (*rules, WordRule(id=number, kind=kind, pattern=pattern, label=label.strip()[:80]))


def without_rule(rules: Sequence[WordRule], pattern: str) -> tuple[WordRule, ...]:
    """The rules without the one of that pattern or number. Raises `BadOption` when there is none."""
    wanted = pattern.strip().removeprefix("#")
    kept = tuple(rule for rule in rules if wanted not in (rule.pattern, str(rule.id)))
    if len(kept) == len(rules):
        raise BadOption(pattern, "there is no such rule; the list shows them with their numbers")
    return kept


def _check_regex(pattern: str, others: int) -> None:
    if others >= MAX_REGEXES:
        raise BadOption(pattern, f"there are {MAX_REGEXES} regular expressions already; remove one first")
    try:
        compiled = _compiled(pattern)
    except regex.error as error:
        raise BadOption(pattern, f"it does not compile: {error}") from error
    if compiled.search("", timeout=REGEX_TIMEOUT_S):
        raise BadOption(pattern, "it matches everything")
    for probe in (*_PROBES, pattern * 20):
        try:
            compiled.search(probe, timeout=REGEX_TIMEOUT_S)
        except TimeoutError:
            raise BadOption(pattern, "it takes too long on long prompts; avoid repeats inside repeats") from None
