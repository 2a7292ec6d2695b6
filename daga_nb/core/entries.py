"""One line of a ledger, as a value: an effect that was done, or taken back."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from daga_nb.core.moves import Direction
from daga_nb.errors import StoryError

__all__ = ["Entry", "Kind"]

Kind = Literal["done", "undone"]


class Entry(NamedTuple):
    """What was said of one effect.

    Attributes
    ----------
    seq
        After how many events of the run.
    at
        Seconds of run time.
    node
        The display name of the action.
    attempt
        Which attempt of the action, or of its rollback.
    direction
        ``"forward"`` if the action said it, ``"back"`` if its rollback did.
    kind
        ``"done"`` or ``"undone"``.
    name, key
        What the effect is, and which one, as text.
    once
        Whether the service heeds the key, so that a second time changes nothing.
    details
        What else was told, as text, by name.

    Examples
    --------
    >>> entry = Entry(2, 0.25, "payment", 1, "forward", "done", "charge", "order 17")
    >>> print(entry)
    charge order 17 done by payment
    >>> Entry.from_json(entry.to_json()) == entry
    True
    """

    seq: int
    at: float
    node: str
    attempt: int
    direction: Direction
    kind: Kind
    name: str
    key: str
    once: bool = False
    details: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        back = "" if self.direction == "forward" else "the rollback of "
        return f"{self.name} {self.key} {self.kind} by {back}{self.node}"

    def to_json(self) -> dict[str, Any]:
        """Give the entry as JSON values."""
        return {**self._asdict(), "details": [list(pair) for pair in self.details]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Entry:
        """Read an entry back, checking every field.

        Raises
        ------
        StoryError
            If a field is missing, unknown, or of the wrong kind.
        """
        if not isinstance(data, Mapping) or set(data) != set(cls._fields):
            raise StoryError(f"not an entry of a ledger: expected the fields {', '.join(cls._fields)}")
        seq, at, node, attempt, direction, kind, name, key, once, details = (data[one] for one in cls._fields)
        whole = type(seq) is int and type(attempt) is int and seq >= 0 and attempt >= 1
        timed = type(at) in (int, float) and abs(at) <= sys.float_info.max  # False for nan
        texts = all(isinstance(text, str) for text in (node, direction, kind, name, key)) and name
        known = texts and direction in ("forward", "back") and kind in ("done", "undone")
        if not (whole and timed and known and type(once) is bool and isinstance(details, list | tuple)):
            raise StoryError("an entry of the ledger: a field has a value of the wrong kind")
        for pair in details:
            texts = isinstance(pair, list | tuple) and all(isinstance(text, str) for text in pair)
            if not texts or len(pair) != 2:
                raise StoryError("an entry of the ledger: its details are pairs of texts")
        told = tuple((label, text) for label, text in details)
        return cls(seq, float(at), node, attempt, direction, kind, name, key, once, told)
