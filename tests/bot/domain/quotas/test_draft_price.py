"""What a sheet of drafts is charged."""

from __future__ import annotations

import pytest

from bot.domain.model import Verb
from bot.domain.quotas.quota import pictures


@pytest.mark.parametrize(("drawn", "charged"), [(24, 4), (23, 4), (6, 1), (1, 1), (0, 0)])
def test_six_drafts_count_as_one_picture(drawn: int, charged: int) -> None:
    assert pictures(Verb.DRAFT, drawn) == charged
    assert pictures(Verb.DEVELOP, 1) == 1
