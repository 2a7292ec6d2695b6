"""Values that come back from JSON exactly as they were, types included, or are refused."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from daga_nb.errors import DagaError

__all__ = [
    "MAX_BYTES",
    "MAX_DEPTH",
    "MAX_DIGITS",
    "Refuse",
    "check_text",
    "fields_of",
    "kind_of",
    "plain",
    "short",
    "why_not",
]

MAX_BYTES = 1_000_000
MAX_DEPTH = 100
MAX_DIGITS = 640  # what every Python reads and writes, however its limit is set

_TOO_LARGE = 10**MAX_DIGITS

_Path = tuple[Any, Any]  # where the container stands, and the key in it

Refuse = Callable[[str], DagaError]
"""Makes the error that is raised, of its message: a scenario's is another than a fault's."""


def short(value: Any) -> str:
    """Give a value for a message, cut when it is long."""
    try:
        text = repr(value)
    except Exception as broken:  # a number with too many digits is one
        return f"{kind_of(value)} that cannot be shown ({type(broken).__name__})"
    return text if len(text) <= 60 else text[:59] + "…"


def check_text(value: Any, where: str, refuse: Refuse) -> str:
    """Give a text back, if a file can hold it.

    Raises
    ------
    DagaError
        As `refuse` makes it, if it is no text, or has half a character (a surrogate) in it.
    """
    if type(value) is not str:
        raise refuse(f"{where} is {kind_of(value)}, {short(value)}: a text is meant")
    if _has_half(value):
        raise refuse(f"{where} has half a character (a surrogate) in it, which a file cannot hold")
    return value


def fields_of(data: Any, fields: Iterable[str], where: str, refuse: Refuse) -> list[Any]:
    """Give the values of the fields of a JSON object that has these, and no others.

    Raises
    ------
    DagaError
        As `refuse` makes it, if it is no object, or a field is missing or unknown.
    """
    wanted = list(fields)
    told = f"{where} is an object with the fields {', '.join(wanted)}"
    if type(data) is not dict:
        raise refuse(f"{told}, and not {kind_of(data)}")
    missing = [name for name in wanted if name not in data]
    if missing:
        raise refuse(f"{told}, and {', '.join(map(repr, missing))} is missing")
    unknown = [name for name in data if name not in wanted]
    if unknown:
        raise refuse(f"{told}, and nothing knows the field {short(unknown[0])}")
    return [data[name] for name in wanted]


# ---------------------------------------------------------------------------------- values


def plain(value: Any, where: str, refuse: Refuse) -> Any:
    """Give a copy of a value that JSON gives back as it is, its types included.

    Raises
    ------
    DagaError
        As `refuse` makes it, if JSON would not; the message names the part.

    Examples
    --------
    >>> plain({"items": [1, 2.5, None]}, "input", DagaError)
    {'items': [1, 2.5, None]}
    >>> plain({"items": [1, 2, {3}]}, "input", DagaError)
    Traceback (most recent call last):
    daga_nb.errors.DagaError: input['items'][2] is a set, which JSON does not have: ...
    """
    left = MAX_BYTES

    def copied(value: Any, path: _Path, depth: int) -> Any:
        nonlocal left
        left -= 1
        kind = type(value)
        # A list that stands in itself, or many times in others, has no end as text.
        if depth >= MAX_DEPTH and kind in (list, dict):
            raise refuse(f"{where} goes deeper than {MAX_DEPTH} levels, or stands in itself")
        if left < 0:
            raise refuse(f"{where} is too large: a file of it has at most {MAX_BYTES:,} bytes")
        if kind is list:
            return [copied(one, (path, number), depth + 1) for number, one in enumerate(value)]
        if kind is dict:
            for key in value:
                wrong = _why_not_key(key)
                if wrong:
                    raise refuse(f"{_place(where, path)} has the key {short(key)}, {wrong}")
            return {key: copied(one, (path, key), depth + 1) for key, one in value.items()}
        wrong = why_not(value)
        if wrong:
            raise refuse(f"{_place(where, path)} {wrong}")
        return value

    return copied(value, (None, None), 0)


def why_not(value: Any) -> str:
    """Tell why JSON would not give this value, which is no list and no dict, back; "" if it would."""
    kind = type(value)
    if value is None or kind is bool:
        return ""
    if kind is str:
        return (
            "has half a character (a surrogate) in it, which a file cannot hold" if _has_half(value) else ""
        )
    if kind is int:
        return f"is a number of more than {MAX_DIGITS} digits" if abs(value) >= _TOO_LARGE else ""
    if kind is float:
        return "" if math.isfinite(value) else f"is {value}, which JSON does not have"
    advice = (
        "make it a list"
        if isinstance(value, tuple)
        else "give None, True, False, numbers, texts, lists and dicts, and let the first action make the rest"
    )
    return f"is {kind_of(value)}, which JSON does not have: {advice}"


def _why_not_key(key: Any) -> str:
    if type(key) is not str:
        return f"{kind_of(key)}: in JSON, keys are texts"
    return "with half a character (a surrogate) in it, which a file cannot hold" if _has_half(key) else ""


def _has_half(text: str) -> bool:
    """Whether there is a surrogate in it: two of them would come back as one character."""
    return not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text)


def _place(where: str, path: _Path) -> str:
    steps: list[str] = []
    above, key = path
    while above is not None:
        steps.append(f"[{short(key)}]")
        above, key = above
    if len(steps) > 8:
        steps[4:-4] = ["[…]"]
    return where + "".join(reversed(steps))


def kind_of(value: Any) -> str:
    """Give what kind of thing a value is, in words: "an int", "a decimal.Decimal"."""
    kind = type(value)
    name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"
