"""From values to JSON text: each of exactly the classes that can be read again, and nothing else."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import Any

from daga_nb.journal.bounds import DEEPEST, LARGEST_VALUE, MOST_DIGITS, check_keys, too_deep
from daga_nb.journal.kinds import kind_of_class
from daga_nb.journal.refusals import ATTRIBUTE, ITEM, KEY, MEMBER, Place, refusal, refused
from daga_nb.journal.scalars import Scalar, read_scalar, scalar_of

__all__ = ["Writer"]

_TOO_LARGE = 10**MOST_DIGITS

_PAIR = re.compile("(?<=[\ud800-\udbff])(?=[\udc00-\udfff])")


class Writer:
    """Writes values, and knows whether there was a dataclass in them."""

    def __init__(self) -> None:
        self.has_dataclasses = False
        self._left = LARGEST_VALUE

    def text(self, value: Any) -> str:
        """Give a value as JSON text.

        Raises
        ------
        JournalValueError
            If it cannot be written so that it can be read again.
        """
        text = _dumps(self._tree(value, None, 0))
        self._left = LARGEST_VALUE
        self._spend(len(text))
        return text

    def _spend(self, characters: int) -> None:
        # What is sure, before the text is there: a list that stands many times in others has no end as text.
        self._left -= characters
        if self._left < 0:
            raise refused(
                None,
                f"is larger than {LARGEST_VALUE:,} characters as text, which is the most that the journal "
                "keeps: put the bulk into a file of your own, and hand on its path",
            )

    def _tree(self, value: Any, place: Place, depth: int) -> Any:
        kind = type(value)
        self._spend(1)
        if value is None or kind is bool:
            return value
        if kind is str:
            self._spend(len(value))
            halves = _halves(value)
            return value if halves is None else _tag("str", halves)
        if kind is int and -_TOO_LARGE < value < _TOO_LARGE:
            return value
        if kind is float and math.isfinite(value):
            return value
        scalar = scalar_of(kind)
        if scalar is not None:
            return self._scalar(value, scalar, place)
        if depth >= DEEPEST:
            raise too_deep(place)
        return self._parts(value, kind, place, depth + 1)

    def _scalar(self, value: Any, scalar: Scalar, place: Place) -> Any:
        if scalar.kind in (bytes, bytearray):  # refused before there is a text as large
            self._spend(len(value))
        elif scalar.kind is int:
            self._spend(value.bit_length() // 4)
        try:
            text = scalar.write(value)
        except ValueError as error:
            raise refused(place, str(error)) from error
        try:
            # Tried at once: a zone may not be found again, and Python 3.11 drops an offset of microseconds.
            read_scalar(scalar, text)
        except ValueError as error:
            raise refused(place, f"could not be read again: {error}") from error
        return _tag(scalar.tag, text)

    def _parts(self, value: Any, kind: type, place: Place, depth: int) -> Any:
        if kind is list:
            return self._items(value, place, depth)
        if kind is dict:
            return self._dict(value, place, depth)
        if kind is tuple:
            return _tag("tuple", self._items(value, place, depth))
        if kind is set or kind is frozenset:
            members = list(value)
            check_keys(members, place)
            # In an order of their own: that of a set is another in every process.
            return _tag(
                kind.__name__,
                sorted((self._tree(one, (place, MEMBER, None), depth) for one in members), key=_dumps),
            )
        known = kind_of_class(kind)
        if known is None:
            raise refusal(value, place)
        try:
            if known.fields is None:
                return _tag("enum", [known.name, known.member(value)])
            self.has_dataclasses = True
            parts = known.parts(value)
        except ValueError as error:
            raise refused(place, str(error)) from error
        fields = {name: self._tree(part, (place, ATTRIBUTE, name), depth) for name, part in parts.items()}
        return _tag("dataclass", [known.name, fields])

    def _items(self, value: Sequence[Any], place: Place, depth: int) -> list[Any]:
        self._spend(len(value))
        return [self._tree(one, (place, ITEM, number), depth) for number, one in enumerate(value)]

    def _dict(self, value: dict[Any, Any], place: Place, depth: int) -> Any:
        pairs = list(value.items())  # at once: a thread that still runs may change it
        if all(type(key) is str and key != "$" and _halves(key) is None for key, _ in pairs):
            self._spend(sum(len(key) + 4 for key, _ in pairs))
            return {key: self._tree(one, (place, ITEM, key), depth) for key, one in pairs}
        check_keys([key for key, _ in pairs], place)
        trees = [
            [self._tree(key, (place, KEY, number), depth), self._tree(one, (place, ITEM, key), depth)]
            for number, (key, one) in enumerate(pairs)
        ]
        return _tag("dict", trees)


_dumps = json.JSONEncoder(allow_nan=False, check_circular=False, separators=(",", ":")).encode


def _tag(tag: str, value: Any) -> dict[str, Any]:
    return {"$": tag, "v": value}


def _halves(text: str) -> list[str] | None:
    r"""Give a text in pieces, if two halves of a character (surrogates) in it would come back as a whole one.

    >>> _halves("a\ud83d\ude00")
    ['a\ud83d', '\ude00']
    """
    return None if text.isascii() or len(pieces := _PAIR.split(text)) == 1 else pieces
