"""From JSON text to values: the text is never trusted, and names in it are looked up, never imported."""

from __future__ import annotations

import json
import math
import re
from itertools import accumulate
from typing import Any

from daga_nb.errors import describe
from daga_nb.journal.bounds import DEEPEST, LARGEST_VALUE, MOST_DIGITS, check_keys, too_deep
from daga_nb.journal.kinds import Kind, kind_named
from daga_nb.journal.refusals import ATTRIBUTE, ITEM, KEY, Place, refused
from daga_nb.journal.scalars import SCALARS, read_scalar

__all__ = ["read"]

_DEEPEST_TEXT = 3 * DEEPEST + 2  # no tag has more than three brackets, and a text in pieces two

# Strings, and all that is no bracket; possessive and without an end that must be there, so that it is linear.
_NO_BRACKET = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[^\[\]{}"]++', re.DOTALL)

_STEPS = {"[": 1, "{": 1, "]": -1, "}": -1}


def read(text: str) -> Any:
    """Give the value of a text that may be anybody's.

    Raises
    ------
    JournalValueError
        If it is not the text of a value.
    """
    if type(text) is not str:
        raise refused(None, "is read from a str of JSON, and this is something else")
    if len(text) > LARGEST_VALUE:
        raise refused(
            None, f"is longer than {LARGEST_VALUE:,} characters, and was not written by the journal"
        )
    # Before the parser, which goes as deep as the text does.
    if _depth(text) > _DEEPEST_TEXT:
        raise too_deep(None)
    try:
        tree = json.loads(text, parse_int=_parse_int, parse_constant=_parse_constant)
    except ValueError as error:
        raise refused(None, f"cannot be read, its text is not JSON: {describe(error, 100)}") from error
    return _value(tree, None, 0)


def _depth(text: str) -> int:
    brackets = _NO_BRACKET.sub("", text)
    return max(accumulate(_STEPS.get(one, 0) for one in brackets), default=0)


def _parse_int(digits: str) -> int:
    if len(digits) > MOST_DIGITS + 1:
        raise ValueError("a number has too many digits")
    return int(digits)


def _parse_constant(name: str) -> float:
    raise ValueError(f"JSON has no {name}")


def _value(tree: Any, place: Place, depth: int) -> Any:
    kind = type(tree)
    if kind is list or kind is dict:
        if kind is list or "$" not in tree:
            if depth >= DEEPEST:
                raise too_deep(place)
            if kind is list:
                return _values(tree, place, depth + 1)
            return {key: _value(one, (place, ITEM, key), depth + 1) for key, one in tree.items()}
        return _tagged(tree, place, depth)
    if kind is float and not math.isfinite(tree):
        raise refused(place, "is a number that is too large for a float")
    return tree


def _values(tree: Any, place: Place, depth: int) -> list[Any]:
    if type(tree) is not list:
        raise refused(place, "has a tag without the list that belongs to it")
    return [_value(one, (place, ITEM, number), depth) for number, one in enumerate(tree)]


def _tagged(tree: dict[str, Any], place: Place, depth: int) -> Any:
    tag, v = tree["$"], tree.get("v")
    if len(tree) != 2 or "v" not in tree or type(tag) is not str:
        raise refused(place, "is no tag: one has the fields $ and v alone, and $ is a text")
    if tag in SCALARS:
        try:
            return read_scalar(SCALARS[tag], v)
        except ValueError as error:
            raise refused(place, f"cannot be read: {error}") from error
    if tag == "str":
        if type(v) is not list or any(type(one) is not str for one in v):
            raise refused(place, "is no text in pieces")
        return "".join(v)
    if tag == "enum":
        return _member(v, place)
    if depth >= DEEPEST:
        raise too_deep(place)
    if tag == "tuple":
        return tuple(_values(v, place, depth + 1))
    if tag == "set" or tag == "frozenset":
        members = _values(v, place, depth + 1)
        made = _keyed([(one, None) for one in members], place)
        return set(made) if tag == "set" else frozenset(made)
    if tag == "dict":
        return _keyed(_pairs(v, place, depth + 1), place)
    if tag == "dataclass":
        return _dataclass(v, place, depth + 1)
    raise refused(place, "has a tag that this version of daga_nb does not know")


def _pairs(v: Any, place: Place, depth: int) -> list[tuple[Any, Any]]:
    if type(v) is not list or any(type(one) is not list or len(one) != 2 for one in v):
        raise refused(place, "is a dict whose keys and values are no pairs")
    return [
        (_value(key, (place, KEY, number), depth), _value(one, (place, ITEM, number), depth))
        for number, (key, one) in enumerate(v)
    ]


def _keyed(pairs: list[tuple[Any, Any]], place: Place) -> dict[Any, Any]:
    check_keys([key for key, _ in pairs], place)
    try:
        return dict(pairs)
    except Exception as error:  # whatever the __eq__ of a class raises
        raise refused(place, f"has a key that cannot be one: {describe(error)}") from error


def _known(v: Any, place: Place) -> Kind:
    if type(v) is not list or len(v) != 2 or type(v[0]) is not str:
        raise refused(place, "is of a class, and lacks its name or its parts")
    known = kind_named(v[0])
    if known is None:
        raise refused(
            place,
            f"is of the class {v[0][:200]!r}, which is not defined here: run the cell, or import the module, "
            "that defines it with @journaled, and read again",
        )
    return known


def _member(v: Any, place: Place) -> Any:
    known = _known(v, place)
    if known.fields is not None or type(v[1]) is not str or v[1] not in known.made.__members__:
        raise refused(place, f"is no member of {known.name}, as it is defined now")
    return known.made.__members__[v[1]]


def _dataclass(v: Any, place: Place, depth: int) -> Any:
    known = _known(v, place)
    if known.fields is None or type(v[1]) is not dict:
        raise refused(place, f"is no dataclass {known.name}, as it is defined now")
    parts = {name: _value(one, (place, ATTRIBUTE, name), depth) for name, one in v[1].items()}
    try:
        return known.build(parts)
    except ValueError as error:
        raise refused(place, str(error)) from error
