"""The form in which a fault is set: the page draws it, and the kernel checks by it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from daga_nb.engine.preview import whole
from daga_nb.engine.triggers import Operator

__all__ = ["ERRORS", "FIELDS", "KINDS", "WHENS", "Field", "Kind", "form_json", "is_draft"]

ERRORS: Mapping[str, type[Exception]] = {
    kind.__name__: kind
    for kind in (RuntimeError, TimeoutError, ConnectionError, PermissionError, ValueError, KeyError)
}
"""What a fault that is set in the form can raise."""

LONGEST_TEXT = 200
LONGEST_CODE = 2000


@dataclass(frozen=True)
class Field:
    """One field of the form.

    Attributes
    ----------
    label
        What stands before it.
    holds
        A ``"whole"`` number or any ``"number"``, a ``"text"``, a value written in Python (``"code"``), a
        ``"choice"``, or the number of an ``"input"`` of the action.
    start
        What stands in it first.
    least, most
        The bounds of a number; `most` also of the characters of a text.
    choices
        Of a choice.
    hint
        What it is, when the pointer rests on it.
    """

    label: str
    holds: Literal["whole", "number", "text", "code", "choice", "input"]
    start: Any
    least: float = 0
    most: float = 10**6
    choices: tuple[str, ...] = ()
    hint: str = ""

    def takes(self, value: Any) -> bool:
        """Whether a page may send this value.

        >>> FIELDS["seconds"].takes(0.5), FIELDS["seconds"].takes(True), FIELDS["seconds"].takes("0.5")
        (True, False, False)
        """
        if self.holds in ("text", "code"):
            return type(value) is str and len(value) <= self.most and value == whole(value)
        if self.holds == "choice":
            return type(value) is str and value in self.choices
        if type(value) is not int and not (self.holds == "number" and type(value) is float):
            return False
        return self.least <= value <= self.most and math.isfinite(value)

    def to_json(self) -> dict[str, Any]:
        """Give what the page needs to draw it."""
        return {**vars(self), "choices": list(self.choices)}


_CODE_HINT = "As Python writes it: 42, 'text', [1, 2], None"

FIELDS: Mapping[str, Field] = {
    "error": Field("error", "choice", "RuntimeError", choices=tuple(ERRORS), hint="What is raised"),
    "text": Field("message", "text", "planted", most=LONGEST_TEXT, hint="What the error says"),
    "times": Field(
        "failing calls", "whole", 2, 1, 1000, hint="So many calls fail, then it works; a retry is a call"
    ),
    "seconds": Field("seconds", "number", 2, 0.001, 3600, hint="How late it is"),
    "wrong": Field("wrong value", "code", "None", most=LONGEST_CODE, hint=_CODE_HINT),
    "calls": Field("calls in all", "whole", 2, 2, 100, hint="How often it is called, with the same key"),
    "call": Field("call number", "whole", 2, 1, hint="Counted from 1; a retry is a call"),
    "first": Field("calls", "whole", 1, 1, hint="It strikes so many calls, from the first one on"),
    "percent": Field("% of calls", "number", 20, 0.01, 100, hint="In how many of a hundred calls"),
    "seed": Field("seed", "whole", 0, 0, 2**32, hint="With the same seed it strikes the same calls"),
    "input": Field("input", "input", 0, hint="Which input is compared"),
    "operator": Field("is", "choice", "==", choices=get_args(Operator)),
    "value": Field("value", "code", "0", most=LONGEST_CODE, hint="A number, a 'text', True, False or None"),
}
"""Each field, by the name that it has in a message."""

WHENS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "always": ("every time", ()),
    "call": ("in one call only", ("call",)),
    "first": ("in the first calls", ("first",)),
    "chance": ("by chance", ("percent", "seed")),
    "if": ("if an input is …", ("input", "operator", "value")),
}
"""When a fault strikes: in words, and the fields that belong to it."""

_EVERY = tuple(WHENS)
_NOT_FIRST = tuple(when for when in WHENS if when != "first")


class Kind:
    """One kind of fault in the form: in words for each place, its fields, and when it may strike."""

    def __init__(self, *words: str, fields: tuple[str, ...] = (), whens: tuple[str, ...] = _EVERY) -> None:
        self.words = words if len(words) > 1 else words * 3
        self.fields = fields
        self.whens = whens


KINDS: Mapping[str, Kind] = {
    # To raise in the first calls is to be flaky; a run is cancelled once.
    "raise": Kind(
        "is not called, and fails",
        "is done, and yet fails",
        "its rollback fails",
        fields=("error", "text"),
        whens=_NOT_FIRST,
    ),
    "flaky": Kind("fails at first, then works", fields=("error", "text", "times"), whens=("always", "if")),
    "delay": Kind("starts late", "replies late", "its rollback starts late", fields=("seconds",)),
    "hang": Kind("never starts", "is done, and never replies", "its rollback never ends"),
    "corrupt": Kind(
        "gets wrong inputs", "gives a wrong result", "its rollback gets a wrong result", fields=("wrong",)
    ),
    "repeat": Kind(
        "is called several times at once",
        "is called again",
        "its rollback is called again",
        fields=("calls",),
    ),
    "cancel": Kind("the run is cancelled", whens=_NOT_FIRST),
}


def form_json() -> dict[str, Any]:
    """Give the form for the page."""
    return {
        "fields": {name: field.to_json() for name, field in FIELDS.items()},
        "kinds": {
            name: {"words": kind.words, "fields": kind.fields, "whens": kind.whens}
            for name, kind in KINDS.items()
        },
        "whens": {name: {"words": words, "fields": fields} for name, (words, fields) in WHENS.items()},
    }


def is_draft(value: Any) -> bool:
    """Whether a value is the form filled in: a kind, when it strikes, and just the fields of these.

    >>> is_draft({"kind": "delay", "seconds": 2, "when": "always"})
    True
    >>> is_draft({"kind": "delay", "seconds": -2, "when": "always"}), is_draft({"kind": "delay"})
    (False, False)
    """
    if type(value) is not dict:
        return False
    name, when = value.get("kind"), value.get("when")
    if type(name) is not str or type(when) is not str or name not in KINDS or when not in KINDS[name].whens:
        return False
    fields = (*KINDS[name].fields, *WHENS[when][1])
    if set(value) != {"kind", "when", *fields}:
        return False
    return all(FIELDS[field].takes(value[field]) for field in fields)
