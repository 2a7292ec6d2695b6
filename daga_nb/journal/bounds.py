"""How large and how deep a value may be, so that nobody's value or text takes long."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from daga_nb.errors import JournalValueError, describe
from daga_nb.journal.refusals import Place, refused

__all__ = ["DEEPEST", "LARGEST_VALUE", "MOST_DIGITS", "check_keys", "too_deep"]

LARGEST_VALUE = 1024 * 1024
"""Characters of the longest text of one value; it is ASCII, so these are also its bytes."""

DEEPEST = 64
"""How deep values may stand in others."""

MOST_DIGITS = 640
"""Digits of a number that every Python reads and writes, however its limit is set."""

_MOST_ALIKE = 100


def too_deep(place: Place) -> JournalValueError:
    """Give the error for what stands deeper than `DEEPEST`."""
    return refused(
        place, f"goes deeper than {DEEPEST} levels, or stands in itself: hand on something flatter"
    )


def check_keys(keys: Iterable[Any], place: Place) -> None:
    """Refuse what cannot be the keys of a dict or the members of a set, or only after minutes.

    Raises
    ------
    JournalValueError
        If one has no hash, or if very many have the same one: then each is compared with each.
    """
    try:
        alike = max(Counter(map(hash, keys)).values(), default=0)
    except Exception as error:  # whatever the __hash__ of a class raises
        raise refused(place, f"has a key that cannot be one: {describe(error)}") from error
    if alike > _MOST_ALIKE:
        raise refused(
            place, f"has more than {_MOST_ALIKE} keys with the same hash, which the journal does not keep"
        )
