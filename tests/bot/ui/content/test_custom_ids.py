from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.commands.registry import PRESSES
from bot.ui.content.buttons import FACES
from bot.ui.content.custom_ids import Act, ButtonId

ids = st.builds(
    ButtonId,
    st.sampled_from(Act),
    st.text("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-", min_size=1, max_size=64),
    st.integers(0, 99),
)


@given(ids)
def test_an_id_survives_the_way_through_discord(button_id: ButtonId) -> None:
    assert ButtonId.parse(str(button_id)) == button_id
    assert len(str(button_id)) <= 100


@given(st.text(max_size=120))
def test_any_other_text_is_none_of_ours_or_the_same(text: str) -> None:
    parsed = ButtonId.parse(text)
    assert parsed is None or ButtonId.parse(str(parsed)) == parsed


def test_ids_of_messages_from_today_stay_readable() -> None:
    assert ButtonId.parse("dr:us:0123456789:3") == ButtonId(Act.UPSCALE_SUBTLE, "0123456789", 3)


def test_every_button_has_a_face_and_does_something() -> None:
    assert set(FACES) == set(Act) == set(PRESSES)
