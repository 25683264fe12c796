"""Word rules: whole words, phrases, regular expressions and exceptions, and the list a server keeps of them."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Final

import regex

from bot.domain.model import Value
from bot.domain.moderation.text_folding import fold, readings, tokens
from bot.errors import BadOption

MAX_RULES: Final = 2000
MAX_REGEXES: Final = 50
MAX_PATTERN: Final = 200
REGEX_TIMEOUT_S: Final = 0.01

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


def compiled(pattern: str) -> regex.Pattern[str]:
    """A pattern as it is matched. Raises `regex.error`."""
    return regex.compile(pattern, regex.IGNORECASE | regex.VERSION1)


def spellings(folded: str) -> list[tuple[str, ...]]:
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
    elif not spellings(fold(pattern)):
        raise BadOption(pattern, "there is no letter or digit in it")
    number = max((rule.id for rule in rules), default=0) + 1
    return (*rules, WordRule(id=number, kind=kind, pattern=pattern, label=label.strip()[:80]))


def rule_named(rules: Sequence[WordRule], named: str) -> WordRule:
    """The rule of that number, else the one of that pattern. Raises `BadOption` when there is none, or several."""
    named = named.strip()
    number = [rule for rule in rules if str(rule.id) == named.removeprefix("#")]
    found = number or [rule for rule in rules if rule.pattern == named]
    if len(found) > 1:
        numbers = ", ".join(str(rule.id) for rule in found)
        raise BadOption(named, f"several rules have this pattern; say the number: {numbers}")
    if not found:
        raise BadOption(named, "there is no such rule; the list shows them with their numbers")
    return found[0]


def without_rule(rules: Sequence[WordRule], named: str) -> tuple[WordRule, ...]:
    """The rules without the one of that number or pattern. Raises as `rule_named`."""
    gone = rule_named(rules, named)
    return tuple(rule for rule in rules if rule != gone)


def _check_regex(pattern: str, others: int) -> None:
    if others >= MAX_REGEXES:
        raise BadOption(pattern, f"there are {MAX_REGEXES} regular expressions already; remove one first")
    try:
        found = compiled(pattern)
    except regex.error as error:
        raise BadOption(pattern, f"it does not compile: {error}") from error
    if found.search("", timeout=REGEX_TIMEOUT_S):
        raise BadOption(pattern, "it matches everything")
    for probe in (*_PROBES, pattern * 20):
        try:
            found.search(probe, timeout=REGEX_TIMEOUT_S)
        except TimeoutError:
            raise BadOption(pattern, "it takes too long on long prompts; avoid repeats inside repeats") from None
