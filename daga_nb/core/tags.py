"""What an action has agreed on about failures, in a few words each."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["KINDS_OF_TAGS", "Tag"]

KINDS_OF_TAGS = (
    "pivot", "save point", "retries", "timeout", "no effect", "idempotent", "rollback retries",
    "rollback timeout", "rollback failed",
)  # fmt: skip
"""What a tag may be about, the most important first."""


class Tag(NamedTuple):
    """One agreement: what it is about, what it says, and the same so short that it fits on a card.

    >>> print(Tag("retries", "3, from 0.5 s apart", "3"))
    retries: 3, from 0.5 s apart
    """

    kind: str
    value: str = ""
    short: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.value}" if self.value else self.kind
