from __future__ import annotations

from bot.ui.content.custom_ids import FormId, FormKind
from bot.ui.content.form_kinds import form_of
from bot.ui.content.modals import MAX_FIELDS, PROMPT_CHARS, Form


def test_a_long_prompt_stands_whole_in_several_fields() -> None:
    prompt = ("a red fox in deep snow " * 350).strip() + " --seed 7"
    form = Form("Remix", FormId(FormKind.REMIX, "x"), prompt)
    parts = [str(part.default) for part in form.prompt]
    assert 1 < len(parts) <= MAX_FIELDS and all(len(part) <= PROMPT_CHARS for part in parts)
    assert " ".join(parts) == form.filled().prompt == prompt
    assert len(Form("Remix", FormId(FormKind.REMIX, "x"), "a fox").prompt) == 1


def test_every_field_is_read_back() -> None:
    form = form_of(FormId(FormKind.REGION, "x"))
    assert len(form.prompt) == MAX_FIELDS and form.filled().prompt == ""
    assert len(form.children) == 5
