"""The ledger in the file of a story: a short row for each entry. What is read is data of others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from daga_nb.core.entries import Entry
from daga_nb.core.plan import Plan
from daga_nb.engine.effects import LONGEST_KEY, LONGEST_NAME, MOST_DETAILS
from daga_nb.engine.preview import whole
from daga_nb.errors import StoryError

__all__ = ["entries_of", "rows_of"]

_FIELDS = 10
_LONGEST_TIME = 3.2e9  # a century, in seconds


def rows_of(entries: Iterable[Entry], plan: Plan) -> list[list[Any]]:
    """Give the entries as JSON values."""
    number = plan.ids
    return [
        [
            entry.seq,
            entry.at,
            number[entry.node],
            entry.attempt,
            entry.direction,
            entry.kind,
            entry.name,
            entry.key,
            entry.once,
            [list(pair) for pair in entry.details],
        ]
        for entry in entries
    ]


def entries_of(rows: Any, plan: Plan, events: int) -> tuple[Entry, ...]:
    """Give the entries in JSON values, for a story of so many events.

    Raises
    ------
    StoryError
        If they are none; the message says which.
    """
    if not isinstance(rows, list):
        raise StoryError("effects is not what it should be")
    found: list[Entry] = []
    last = 0
    for number, row in enumerate(rows, start=1):
        try:
            entry = _entry(row, plan)
        except StoryError as error:
            raise StoryError(f"effect {number}: {error}") from None
        if not last <= entry.seq <= events:
            raise StoryError(
                f"effect {number}: it stands after an event that is not, or before the one before it"
            )
        found.append(entry)
        last = entry.seq
    return tuple(found)


def _entry(row: Any, plan: Plan) -> Entry:
    if not isinstance(row, list) or len(row) != _FIELDS:
        raise StoryError(f"it is not a list of {_FIELDS} values")
    node = row[2]
    if type(node) is not int or not 0 <= node < len(plan):
        raise StoryError("there is no such action")
    entry = Entry.from_json(dict(zip(Entry._fields, [*row[:2], plan.names[node], *row[3:]], strict=True)))
    texts = [text for pair in entry.details for text in pair]
    longest = max(map(len, (entry.key, *texts)))
    if len(entry.name) > LONGEST_NAME or longest > LONGEST_KEY or len(entry.details) > MOST_DETAILS:
        raise StoryError("a text of it is too long, or there are too many")
    if not 0 <= entry.at <= _LONGEST_TIME:
        raise StoryError("its time is none")
    return entry._replace(
        name=whole(entry.name),
        key=whole(entry.key),
        details=tuple((whole(label), whole(text)) for label, text in entry.details),
    )
