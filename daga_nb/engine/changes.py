"""What is other in one value than in another, in words: dictionaries, sets, lists, and what is in them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any

from daga_nb.engine.preview import preview, whole
from daga_nb.errors import ObserveError, describe

__all__ = ["changes_between"]

MOST_CHANGES = 200
_DEEPEST = 8
_LONGEST = 160


def changes_between(before: Any, after: Any) -> tuple[str, ...]:
    """Give what was added, removed and changed, as texts; nothing if the two are equal.

    >>> changes_between({"rooms": 3, "paid": [17]}, {"rooms": 2, "paid": [17, 18], "new": 1})
    ('rooms: 3 → 2', 'paid: added 18', 'added new: 1')
    >>> changes_between({"a.txt"}, {"b.txt"})
    ("removed 'a.txt'", "added 'b.txt'")

    Raises
    ------
    ObserveError
        If the two cannot be compared.
    """
    found: list[str] = []
    more = 0
    try:
        for change in _changes("", _with_one_nan(before), _with_one_nan(after), _DEEPEST):
            if len(found) < MOST_CHANGES:
                found.append(change)
            else:
                more += 1
    except Exception as error:
        raise ObserveError(f"what observe gave cannot be compared: {describe(error)}") from error
    return (*found, f"and {more} more") if more else tuple(found)


def _with_one_nan(value: Any) -> Any:
    """Give `value` with the same nan throughout: one is not equal to another, and yet nothing is other."""
    kind = type(value)
    if kind is dict:
        return {key: _with_one_nan(one) for key, one in value.items()}
    if kind in (list, tuple, set, frozenset):
        return kind(map(_with_one_nan, value))
    return math.nan if isinstance(value, float) and math.isnan(value) else value


def _changes(place: str, before: Any, after: Any, depth: int) -> Iterator[str]:
    if before is after or bool(before == after):
        return
    if depth and isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in before:
            if key not in after:
                yield f"{_at(place)}removed {_key(key)}: {_text(before[key])}"
            else:
                inner = f"{place}.{_key(key)}" if place else _key(key)
                yield from _changes(inner, before[key], after[key], depth - 1)
        for key in after:
            if key not in before:
                yield f"{_at(place)}added {_key(key)}: {_text(after[key])}"
    elif isinstance(before, Set) and isinstance(after, Set):
        yield from _moved(place, sorted(map(_text, before - after)), sorted(map(_text, after - before)))
    elif _is_list(before) and _is_list(after):
        yield from _in_lists(place, before, after, depth)
    else:
        yield f"{place + ': ' if place else ''}{_text(before)} → {_text(after)}"


def _in_lists(place: str, before: Sequence[Any], after: Sequence[Any], depth: int) -> Iterator[str]:
    try:
        less, more = Counter(before), Counter(after)
    except TypeError:  # what is in them can only be told by its place
        for number in range(max(len(before), len(after))):
            inner = f"{place}[{number}]"
            if number >= len(after):
                yield f"{_at(place)}removed [{number}]: {_text(before[number])}"
            elif number >= len(before):
                yield f"{_at(place)}added [{number}]: {_text(after[number])}"
            else:
                yield from _changes(inner, before[number], after[number], max(0, depth - 1))
        return
    gone, new = [*(less - more).elements()], [*(more - less).elements()]
    if gone or new:
        yield from _moved(place, map(_text, gone), map(_text, new))
    else:
        yield f"{_at(place)}the same in another order"


def _moved(place: str, gone: Any, new: Any) -> Iterator[str]:
    yield from (f"{_at(place)}removed {text}" for text in gone)
    yield from (f"{_at(place)}added {text}" for text in new)


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _at(place: str) -> str:
    return f"{place}: " if place else ""


def _key(key: Any) -> str:
    return whole(key[:_LONGEST]) if type(key) is str and key else _text(key)


def _text(value: Any) -> str:
    return preview(value, _LONGEST)
