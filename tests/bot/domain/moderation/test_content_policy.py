from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from bot.domain.model import Ask, Cell, JobSpec, Member, Options, Place, ReplyTo, Verb, Verdict
from bot.domain.moderation.access import Ban, QueueState
from bot.domain.moderation.content_policy import effective_text, picture_verdict
from bot.domain.moderation.guild_rules import DIRECT_MESSAGES, GuildRules, PicturePolicy
from bot.domain.moderation.rule_checker import RuleChecker
from bot.domain.moderation.semantic_filter import SemanticFilter, Sentences, Vectors, clauses
from bot.domain.moderation.word_rules import RuleKind, with_rule
from bot.domain.prompting.prompt import parse
from bot.errors import Banned, Paused, PromptRejected

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

WORDS = with_rule((), RuleKind.WORD, "gore", "no gore")


def cell(score: float | None, number: int = 0) -> Cell:
    return Cell(
        job_id="j", cell=number, key="k", width=1, height=1, seed=1, sha256="", size_bytes=1, unsafe_score=score,
        check_error="" if score is not None else "no model",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("policy", "scores", "verdict"),
    [
        (PicturePolicy.BLOCK, [0.1, 0.79], Verdict.DELIVER),
        (PicturePolicy.BLOCK, [0.1, 0.8], Verdict.BLOCK),
        (PicturePolicy.SPOILER, [0.9], Verdict.SPOILER),
        (PicturePolicy.REVIEW, [0.9], Verdict.REVIEW),
        (PicturePolicy.OFF, [0.9, None], Verdict.DELIVER),
        # What could not be checked goes to review, whatever happens to flagged ones.
        (PicturePolicy.SPOILER, [0.1, None], Verdict.REVIEW),
        (PicturePolicy.BLOCK, [None], Verdict.REVIEW),
        (PicturePolicy.REVIEW, [None], Verdict.REVIEW),
    ],
)
def test_pictures(policy: PicturePolicy, scores: list[float | None], verdict: Verdict) -> None:
    cells = [cell(score, number) for number, score in enumerate(scores)]
    rules = GuildRules(guild_id=5, pictures=policy, pictures_age_restricted=PicturePolicy.OFF)
    assert picture_verdict(rules, cells, age_restricted=False) is verdict
    assert picture_verdict(rules, cells, age_restricted=True) is Verdict.DELIVER


@pytest.mark.parametrize("score", [0.9, None])
def test_outside_servers_nobody_reviews(score: float | None) -> None:
    rules = GuildRules(guild_id=DIRECT_MESSAGES, pictures=PicturePolicy.REVIEW)
    assert picture_verdict(rules, [cell(score)], age_restricted=False) is Verdict.BLOCK


def test_the_words_that_count_are_all_but_the_negative_ones() -> None:
    assert effective_text(parse("a fox", suffixes=("with gore",))) == "a fox with gore"
    assert "gore" not in effective_text(parse("a fox --no gore"))
    assert effective_text(Options(prompt="plain", parts=(("fox", 1.0), ("gore", 2.0), ("cat", -1.0)))) == "fox, gore"


def test_what_a_negative_weight_keeps_away_may_be_named() -> None:
    assert effective_text(parse("cat::1 gore::-0.5")) == "cat"


@pytest.mark.parametrize("guidance", [0.0, 0.5, 0.99])
def test_below_a_guidance_of_1_the_negative_prompt_counts(guidance: float) -> None:
    """Guiders of Modular pipelines draw it there."""
    assert "gore" in effective_text(parse(f"a fox --guidance {guidance} --no gore"))
    assert "gore" not in effective_text(parse("a fox --guidance 1 --no gore"))


class RulesReader:
    """One server's rules, and nothing remembered about jobs."""

    def __init__(self, **rules: Any) -> None:
        self.rules = GuildRules(guild_id=5, meaning_margin=rules.pop("meaning_margin", None), **rules)
        self.restricted = False

    async def get(self, guild_id: int) -> GuildRules:
        return self.rules if guild_id == 5 else GuildRules(guild_id=guild_id)

    async def was_age_restricted(self, job_id: str) -> bool:
        return self.restricted


def rule_checker(rules_store: RulesReader, meaning: SemanticFilter | None = None) -> RuleChecker:
    return RuleChecker(rules_store, rules_store, lambda: NOW, meaning)


def ask(text: str = "a fox", *, member: int = 1, age_restricted: bool = False, roles: tuple[int, ...] = ()) -> Ask:
    return Ask(
        spec=JobSpec(verb=Verb.IMAGINE, options=parse(text), seed=1),
        member=Member(id=member, name="m", role_ids=roles),
        place=Place(guild_id=5, channel_id=10, age_restricted=age_restricted),
        reply=ReplyTo(channel_id=10),
        interaction_id=1,
    )


async def test_a_refusal_names_the_rule() -> None:
    with pytest.raises(PromptRejected) as caught:
        await rule_checker(RulesReader(words=WORDS)).check(ask("a fox with g0re"))
    assert caught.value.rule == "no gore"
    await rule_checker(RulesReader(words=WORDS)).check(ask("a fox --no gore"))


async def test_changed_words_count_at_once() -> None:
    rules_store = RulesReader()
    bench = rule_checker(rules_store)
    await bench.check(ask("gore"))
    rules_store.rules = rules_store.rules.model_copy(update={"words": WORDS})
    with pytest.raises(PromptRejected):
        await bench.check(ask("gore"))


async def test_bans_come_before_the_pause() -> None:
    rules_store = RulesReader(bans=(Ban(member_id=1),), gate=QueueState.PAUSED)
    with pytest.raises(Banned):
        await rule_checker(rules_store).check(ask())
    with pytest.raises(Paused):
        await rule_checker(rules_store).check(ask(member=2))


async def test_the_heaviest_role_counts() -> None:
    rules_store = RulesReader(role_weights=((7, 2.0), (8, 0.5)))
    assert await rule_checker(rules_store).weight(ask(roles=(7, 8))) == 2.0
    assert await rule_checker(rules_store).weight(ask(roles=(8,))) == 0.5
    assert await rule_checker(rules_store).weight(ask()) == 1.0


async def axes(texts: Sequence[str]) -> Vectors:
    """A stand-in for the encoder: one axis for each side of the line."""
    return np.array([["bad" in text, "worse" in text, "fine" in text] for text in texts], np.float32)


LINE = Sentences(safe=("fine",), unsafe={"sexual": ("bad",), "gore": ("worse",)})


async def test_meaning_is_measured_on_the_whole_and_on_every_clause() -> None:
    meaning = SemanticFilter(axes, LINE)
    assert (await meaning.leaning("something fine")).margin < 0
    leaning = await meaning.leaning("a fine castle, and a fine lake; something rather bad")
    assert (leaning.margin, leaning.kind) == (1.0, "sexual")
    assert clauses("a b, c, d e") == ["a b, c, d e", "a b", "d e"]


async def test_the_sides_are_learnt_once_however_many_ask_at_once() -> None:
    asked: list[Sequence[str]] = []

    async def counted(texts: Sequence[str]) -> Vectors:
        asked.append(texts)
        await asyncio.sleep(0)
        return await axes(texts)

    meaning = SemanticFilter(counted, LINE)
    await asyncio.gather(*(meaning.leaning("fine") for _ in range(20)))
    assert len(asked) == 20 + 1


async def test_no_length_hides_a_meaning() -> None:
    meaning = SemanticFilter(axes, LINE)
    for text in ("fine " * 400 + "bad", "fine lake, " * 400 + "bad thing"):
        asked = clauses(text)
        assert len(asked) <= 50
        assert all(len(part.split()) < 250 for part in asked[1:])
        assert any("bad" in part for part in asked[1:])
    assert (await meaning.leaning("a fine lake, " * 3 + "a rather bad thing")).margin == 1.0


async def test_meaning_counts_from_the_servers_margin_upwards() -> None:
    strict, off = RulesReader(meaning_margin=0.5), RulesReader(meaning_margin=None)
    with pytest.raises(PromptRejected, match="sexual"):
        await rule_checker(strict, SemanticFilter(axes, LINE)).check(ask("bad thing"))
    with pytest.raises(PromptRejected, match="gore"):
        await rule_checker(strict, SemanticFilter(axes, LINE)).check(ask("worse", age_restricted=True))
    await rule_checker(strict, SemanticFilter(axes, LINE)).check(ask("bad thing", age_restricted=True))
    with pytest.raises(PromptRejected, match="gore"):
        await rule_checker(strict, SemanticFilter(axes, LINE)).check(ask("bad thing, worse", age_restricted=True))
    await rule_checker(off, SemanticFilter(axes, LINE)).check(ask("bad thing"))
