import pytest


@pytest.fixture
def quick_previews() -> None:
    """Previews are looked at here: their map is fitted as it is for people."""
