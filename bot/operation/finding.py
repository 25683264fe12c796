"""What one check found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """What one check found; `remedy` is empty when all is well."""

    name: str
    found: str
    remedy: str = ""

    @property
    def is_well(self) -> bool:
        """Nothing needs mending."""
        return not self.remedy
