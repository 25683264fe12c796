"""Word rules of a server: whole words, phrases, regular expressions and exceptions; adding and removing them."""

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
"""Seconds for one regular expression on one text."""

_PROBES = ("a" * 2000 + "!", "ab" * 1000 + "!", "0" * 2000 + "x", " " * 2000 + "x", "a red fox in the snow, 3d " * 80)


class RuleKind(enum.StrEnum):
    """How the pattern of a rule is matched."""

    WORD = "word"
    """One whole word, or several as a phrase."""
    REGEX = "regex"
    ALLOW = "allow"
    """Exception: a word or phrase that is allowed although another rule matches in it."""


class WordRule(Value):
    """One word rule of a server."""

    id: int
    kind: RuleKind
    pattern: str
    label: str = ""

    @property
    def name(self) -> str:
        """The name of the rule in a refusal; the pattern stays private."""
        return self.label or f"word list, no. {self.id}"


def compiled(pattern: str) -> regex.Pattern[str]:
    """Compile a pattern, case-insensitive. Raises `regex.error`."""
    return regex.compile(pattern, regex.IGNORECASE | regex.VERSION1)


def spellings(folded: str) -> list[tuple[str, ...]]:
    """Return the word sequences of a rule; a single word with digits or symbols gives each of its readings."""
    chunks = folded.split()
    if len(chunks) == 1 and not chunks[0].isalpha():
        return [(reading,) for reading in readings(chunks[0]) if reading]
    words = tuple(options[0] for options in tokens(folded) if options)[: len(chunks) * 4]
    return [words] if words else []


def with_rule(rules: Sequence[WordRule], kind: RuleKind, pattern: str, label: str = "") -> tuple[WordRule, ...]:
    """Return the rules with a new one. Raise `BadOption` for an empty, invalid, duplicate or too slow pattern."""
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
        raise BadOption(pattern, "a rule needs at least one letter or digit")
    number = max((rule.id for rule in rules), default=0) + 1
    return (*rules, WordRule(id=number, kind=kind, pattern=pattern, label=label.strip()[:80]))


def rule_named(rules: Sequence[WordRule], named: str) -> WordRule:
    """Return the rule with this number, else with this pattern. Raise `BadOption` for none or several."""
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
    """Return the rules without one, named by number or pattern. Raises `BadOption` as `rule_named`."""
    gone = rule_named(rules, named)
    return tuple(rule for rule in rules if rule != gone)


def _check_regex(pattern: str, others: int) -> None:
    if others >= MAX_REGEXES:
        raise BadOption(pattern, f"there are {MAX_REGEXES} regular expressions already; remove one first")
    try:
        found = compiled(pattern)
    except regex.error as error:
        raise BadOption(pattern, f"this is no valid regular expression: {error}") from error
    if found.search("", timeout=REGEX_TIMEOUT_S):
        raise BadOption(pattern, "this regular expression matches every prompt")
    for probe in (*_PROBES, pattern * 20):
        try:
            found.search(probe, timeout=REGEX_TIMEOUT_S)
        except TimeoutError:
            raise BadOption(
                pattern, "this regular expression is too slow on long prompts; avoid repeats inside repeats"
            ) from None
