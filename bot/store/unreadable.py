"""Rows that this version cannot read: set aside and named, so that everything else goes on."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from types import MappingProxyType

log = logging.getLogger(__name__)


class UnreadableRows:
    """Which rows were met that cannot be read, by table and id, with what is wrong; each is logged once."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], str] = {}

    def set_aside(self, table: str, row_id: str, why: object) -> None:
        """Note a row, and say so the first time."""
        if (table, row_id) not in self._found:
            self._found[table, row_id] = str(why)
            log.error("a row of %s cannot be read and is set aside: %s", table, why, extra={"job": row_id})

    @property
    def rows(self) -> Mapping[tuple[str, str], str]:
        """What is wrong with each, by table and id."""
        return MappingProxyType(self._found)

    def ids(self, table: str) -> set[str]:
        """Those of one table."""
        return {row_id for where, row_id in self._found if where == table}
