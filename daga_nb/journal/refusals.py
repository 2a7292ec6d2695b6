"""What is said of a value that the journal does not keep: where it stands, what it is, and what to do."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from enum import Enum
from logging import getLogger
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

from daga_nb.engine.preview import preview
from daga_nb.errors import JournalValueError, kind_of
from daga_nb.journal.kinds import defined_again

__all__ = ["ATTRIBUTE", "ITEM", "KEY", "MEMBER", "Place", "refusal", "refused"]

log = getLogger(__name__)

Place = tuple[Any, str, Any] | None
"""Where a value stands: the place of what holds it, the kind of step from there, and the index or key."""

ITEM, ATTRIBUTE, KEY, MEMBER = "[{}]", ".{}", ".keys()[{}]", "{{…}}"

_KEPT = (
    "The journal keeps None, bool, int, float, complex, str, bytes, bytearray, Decimal, UUID, dates "
    "and times; lists, tuples, sets, frozensets and dicts of these; and dataclasses and enums marked "
    "with @journaled."
)

_MADE_PLAIN = (dict, list, tuple, set, frozenset, str, bytes, bytearray, int, float, complex, Decimal)


def refused(place: Place, what: str) -> JournalValueError:
    """Give the error for a value at a place, of which `what` is said.

    >>> print(refused((((None, ITEM, "user"), ATTRIBUTE, "session"), ITEM, 3), "goes too deep"))
    ['user'].session[3] goes too deep
    """
    steps: list[str] = []
    while place is not None:
        place, step, part = place
        steps.append(step.format(part if step is ATTRIBUTE else preview(part, 60)))
    if len(steps) > 12:
        steps[6:-6] = ["…"]
    return JournalValueError(f"{''.join(reversed(steps)) or 'the value'} {what}")


def refusal(value: object, place: Place) -> JournalValueError:
    """Give the error for a value of a class that is not kept."""
    try:
        advice = _advice(value)
    except Exception as broken:  # its metaclass may do anything
        log.debug("a class cannot be looked at: %s", type(broken))
        advice = _ADVICE
    return refused(
        place, f"is of the class {kind_of(value)}, which the journal does not keep: {advice}. {_KEPT}"
    )


_ADVICE = "hand on a dict of what is needed of it, or make its class a dataclass and mark it with @journaled"


def _advice(value: object) -> str:
    kind = type(value)
    library = str(kind.__module__).partition(".")[0]
    if library == "numpy":
        return ".tolist() makes plain values of it"
    if library == "pandas":
        return ".to_dict(), .tolist(), .to_pydatetime() or .to_pytimedelta() makes plain values of it"
    if defined_again(kind):
        return "its class was defined again since; make it anew, of the new class"
    if issubclass(kind, Enum):
        return "mark its class with @journaled, or hand on its .value"
    if dataclasses.is_dataclass(kind):
        return "write @journaled above the @dataclass of its class"
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        return "it is a namedtuple: hand on tuple(value) or value._asdict()"
    for plain in _MADE_PLAIN:
        if issubclass(kind, plain):
            return f"it is a subclass of {plain.__name__}: hand on {plain.__name__}(value)"
    if hasattr(kind, "__await__"):
        return "await it, and hand on what it gives"
    if issubclass(kind, BaseException):
        return "raise it, or hand on str(error)"
    if issubclass(kind, FunctionType | BuiltinFunctionType | MethodType | type):
        return "hand on its name, or what it gives when it is called"
    if hasattr(kind, "__next__"):
        return "hand on list(value)"
    return _ADVICE
