from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.domain.model import Cell, Verb
from bot.domain.prompting.prompt import clean
from bot.ui.content import texts
from bot.ui.job_reply.live_reply import NOTICE
from engine.events import Progress, Queued, Started
from tests.bot.scripted import a_job

prompts = st.text(min_size=1, max_size=6000).map(clean).filter(bool)
events = st.one_of(
    st.builds(Queued, st.integers(0, 999), st.none() | st.floats(0, 1e5), st.text(max_size=600)),
    st.just(Started("cuda:0")),
    st.builds(Progress, st.integers(0, 500), st.integers(0, 500), st.none(), st.none() | st.floats(0, 1e5)),
)


@pytest.mark.parametrize(
    "text",
    [
        "[free pictures](https://evil.example)",
        "[one](https://a.example) and [two](https://b.example) and [three](<https://c.example>)",
        "[a\nb](https://evil.example)",
        "\\[a](https://evil.example)",
        "\\\\[a](https://evil.example)",
        "[[a]](https://evil.example)",
        "https://fine.example/[a](https://evil.example)",
    ],
)
def test_no_masked_link_is_live(text: str) -> None:
    shown = texts.safe(text)
    for at, char in enumerate(shown):
        before = shown[:at]
        assert char != "[" or (len(before) - len(before.rstrip("\\"))) % 2 == 1, shown


def job_with(prompt: str, verb: Verb = Verb.IMAGINE, **fields: object):
    job = a_job()
    options = job.spec.options.model_copy(update={"prompt": prompt})
    return a_job(spec=job.spec.model_copy(update={"options": options, "verb": verb}), **fields)


@given(prompts, events, st.sampled_from(Verb))
@example("*" * 6000, Queued(3, 40.0, "they asked less today"), Verb.IMAGINE)
@example("🦊" * 6000, Queued(3, 40.0, "loading /" + "a long path/" * 40), Verb.IMAGINE)
@example("@everyone " * 400, Started("cpu"), Verb.REGION)
def test_every_reply_fits_and_pings_nobody(prompt: str, event, verb: Verb) -> None:
    text = texts.live(job_with(prompt, verb), event) + NOTICE
    assert len(text) <= texts.MESSAGE_LIMIT
    assert "@everyone" not in text and "@here" not in text


@given(prompts, st.lists(st.text(max_size=300), max_size=8), st.lists(st.text(max_size=300), max_size=8))
def test_every_result_and_its_alt_text_fit(prompt: str, notes: list[str], captions: list[str]) -> None:
    job = job_with(prompt, notes=tuple(notes), captions=tuple(captions))
    cell = Cell(job_id=job.id, cell=2, key="k", width=1, height=1, seed=1, sha256="", size_bytes=1)
    assert len(texts.result(job, "https://discord.com/channels/1/2/3")) <= texts.MESSAGE_LIMIT
    assert len(texts.cell_caption(job, cell, 1, "https://discord.com/channels/1/2/3")) <= texts.MESSAGE_LIMIT
    assert 0 < len(texts.alt_text(job)) <= texts.ALT_LIMIT


def test_waiting_reads_like_a_sentence() -> None:
    assert texts.waiting(Queued(2, 40.0)) == "⏳ waiting, 2 ahead of you, about 40 s"
    assert texts.waiting(Queued(0)) == "⏳ waiting, you are next"
    assert texts.waiting(Queued(3, 150.0, "they asked less today")) == (
        "⏳ waiting, 3 ahead of you, about 2 min (they asked less today)"
    )


def test_progress_can_be_read_without_the_bar() -> None:
    assert texts.progress(Progress(8, 30, None, 12.0)).endswith("step 8 of 30, about 12 s left")
