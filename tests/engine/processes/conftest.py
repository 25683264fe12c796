"""Tests of how processes begin, which begin on their own."""

import pytest


@pytest.fixture(scope="module", autouse=True)
def forked_workers() -> None:
    """Fork servers are started as they are for people."""
