"""Richer prompts: what an instruct model answered, made fit to be proposed; or the nearest lines of word lists."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from bot.domain.model import Options
from bot.domain.prompting.permutations import expand
from bot.domain.prompting.prompt import clean, parse
from bot.domain.prompting.word_weights import Embed
from bot.errors import BadOption, NoProposal

INSTRUCTION = (
    "Rewrite this prompt for an image generator. Keep everything that it names, and add place, light, materials and "
    "mood. Answer with the new prompt alone: one line, at most 60 words, no explanation, no list, no quotation marks."
)
FOLDER = "richer/"
"""Word lists below this folder are proposed; the others are only chosen from by their names."""
MOST_WORDS = 80
MOST_ADDED = 3
"""At most so many lists add a line."""
MOST_LINES = 300
"""Of a list; what stands behind is not read."""
MIN_LIKENESS = 0.35
"""Cosine similarity with the prompt; an answer below it speaks of something else."""
_LABEL = re.compile(r"^\W*(?:(?:new|rewritten|richer|enhanced|improved)\s+)?prompt\s*:\s*", re.IGNORECASE)
_CHATTER = re.compile(
    r"^\W*(?:(?:sure|certainly|of course|absolutely|okay|sorry|unfortunately|here (?:is|are)|here['’]s|step \d|"
    r"i['’]?(?:m|ll)|i (?:am|can|will|cannot)|as an? (?:ai|language|assistant)|you (?:can|should|could|need|must)|"
    r"to (?:create|make|draw|achieve|generate)|first|let['’]s|note|instructions?)\b|1[.)]|[-*•] )",
    re.IGNORECASE,
)
_LISTED = re.compile(r"^\s*(?:\d+[.)]|[-*•])\s", re.MULTILINE)
_TAGS = re.compile(r"<think>.*?(?:</think>|$)", re.DOTALL)


def proposed(answer: str, before: str) -> tuple[str, str]:
    """Return the prompt in a model's answer, and a sentence on what was cut off ("" where nothing was).

    Raises `NoProposal` for instructions, chatter, lists, flags and signs of the prompt language, and for nothing new.
    """
    said = _TAGS.sub("", answer).strip()
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    if not lines:
        raise NoProposal("the model said nothing")
    text = _LABEL.sub("", clean(lines[0])).strip(" \"'“”„‟*`")
    if _CHATTER.match(lines[0]) or len(_LISTED.findall(said)) > 1 or text.endswith(":"):
        raise NoProposal("the model answered with instructions or an explanation, not with a prompt")
    text, cut = _cut(text)
    if len(lines) > 1:
        cut = cut or "what stood below its first line was cut off"
    _check_plain(text)
    if text.casefold() == before.casefold():
        raise NoProposal("the model had nothing to add")
    return text, cut


async def check_likeness(before: str, after: str, embed: Embed) -> None:
    """Raise `NoProposal` where the proposal speaks of something else, and what `embed` raises."""
    first, second = await embed([before, after])
    if float(first @ second) < MIN_LIKENESS:
        raise NoProposal("the model spoke of something else than your prompt")


def has_lists(names: Iterable[str]) -> bool:
    """Whether any of these lists is one that richer words come from."""
    return any(name.startswith(FOLDER) for name in names)


async def from_lists(before: str, lists: Mapping[str, Sequence[str]], embed: Embed) -> str:
    """Return the prompt with the nearest line of each list behind it, the nearest first.

    Raises `NoProposal` where there are no lists or they hold nothing new, and what `embed` raises.
    """
    here = {name: lines for name, lines in lists.items() if name.startswith(FOLDER)}
    if not here:
        raise NoProposal("the host has set up neither an instruct model nor word lists for this")
    known = set(before.casefold().replace(",", " ").split())
    offered = {name: [line for line in lines[:MOST_LINES] if _is_new(line, known)] for name, lines in here.items()}
    flat = [(name, line) for name, lines in offered.items() for line in lines]
    if not flat:
        raise NoProposal("the host's word lists hold nothing that your prompt does not say")
    vectors = await embed([before, *(line for _, line in flat)])
    near = sorted(zip((vectors[1:] @ vectors[0]).tolist(), flat, strict=True), reverse=True)
    best = dict[str, str]()
    for _, (name, line) in near:
        best.setdefault(name, line)
    return ", ".join([before.rstrip(" ,."), *list(best.values())[:MOST_ADDED]])


def _is_new(line: str, known: set[str]) -> bool:
    try:
        _check_plain(line)
    except NoProposal:
        return False
    return not set(line.casefold().replace(",", " ").split()) <= known


def _cut(text: str) -> tuple[str, str]:
    """At most `MOST_WORDS` words, up to the last sentence or comma before that."""
    words = text.split()
    if len(words) <= MOST_WORDS:
        return text, ""
    head = " ".join(words[:MOST_WORDS])
    at = max(head.rfind(". "), head.rfind(", "), head.rfind("; "))
    return head[
        :at
    ] if at > 0 else head, f"it had {len(words)} words, and what stood behind the first {MOST_WORDS} was cut"


def _check_plain(text: str) -> None:
    """Raise `NoProposal` for what is read as anything but words: flags, weights, choices, lists' names."""
    try:
        is_plain = parse(text) == Options(prompt=text) and expand(text) == [text]
    except BadOption:
        is_plain = False
    if not is_plain or "__" in text or "`" in text or "<" in text:
        raise NoProposal("the model wrote signs that are no words, such as flags or weights")
