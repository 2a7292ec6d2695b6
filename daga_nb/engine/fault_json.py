"""The JSON form of a fault: what a file carries, and reads back exactly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

from daga_nb.engine.exact import check_text, fields_of, short
from daga_nb.engine.fault_errors import error_from_json, error_to_json
from daga_nb.engine.fault_tasks import OFF, Cancel, Corrupt, Delay, Hang, Raise, Repeat, Task, Term, Where
from daga_nb.engine.fault_text import FaultParts
from daga_nb.engine.triggers import Comparison, check_seed
from daga_nb.errors import FaultError

__all__ = ["fault_from_json", "fault_to_json"]

_SHORT = ("at", "where", "error", "args")
_LONG = ("at", "where", "terms", "if", "seed")
_COMPARED = ("name", "operator", "value")


def _raise(name: Any, args: Any) -> Task:
    return Raise(error_from_json(name, args, "what it raises"))


# What a file says of each kind, and how it is made of that.
_KINDS: dict[str, tuple[tuple[str, ...], Callable[..., Task]]] = {
    "raise": (("error", "args"), _raise),
    "delay": (("seconds",), Delay),
    "hang": ((), Hang),
    "corrupt": (("value",), Corrupt.by),
    "repeat": (("times",), Repeat),
    "cancel": ((), Cancel),
    "off": ((), lambda: OFF),
}


def fault_to_json(parts: FaultParts, where: str) -> dict[str, Any]:
    """Give a fault as JSON values: in short, if it raises an error in every call.

    Raises
    ------
    FaultError
        If a file could not carry it as it is; `where` says which one it is.
    """
    at = check_text(parts.at, f"the 'at' of {where}, the display name of an action,", FaultError)
    place: dict[str, Any] = {"at": at, "where": parts.where}
    told = f"what {where} raises at {short(at)}"
    if len(parts.terms) == 1 and parts.condition is None and not parts.seed:
        (term,) = parts.terms
        if isinstance(term.task, Raise) and term == Term(term.task):
            return {**place, **error_to_json(term.task.error, told)}
    compared = None
    if parts.condition is not None:
        if not isinstance(parts.condition, Comparison):
            raise FaultError(
                f"{where}: its condition is a function, which a file cannot carry; "
                "write a comparison, 'quote > 500'"
            )
        compared = {name: getattr(parts.condition, name) for name in _COMPARED}
    terms = [_term_to_json(term, where, told) for term in parts.terms]
    return {**place, "terms": terms, "if": compared, "seed": parts.seed}


def _term_to_json(term: Term, where: str, told: str) -> dict[str, Any]:
    task = term.task
    try:
        said = error_to_json(task.error, told) if isinstance(task, Raise) else task.to_json()
    except FaultError as refused:
        raise refused if isinstance(task, Raise) else FaultError(f"{where}: {refused}") from None
    return {"task": task.word, **said, "percent": term.percent, "at most": term.times}


def fault_from_json(data: Any, where: str) -> FaultParts:
    """Read a fault back, checking every field.

    Raises
    ------
    FaultError
        If a field is missing, unknown, or of the wrong kind; `where` says in which fault.
    """
    in_full = type(data) is dict and "terms" in data
    at, place, *more = fields_of(data, _LONG if in_full else _SHORT, where, FaultError)
    check_text(at, f"the 'at' of {where}", FaultError)
    if place not in get_args(Where):
        either = " or ".join(map(repr, get_args(Where)))
        raise FaultError(f"the 'where' of {where} is {short(place)}: it is {either}")
    if not in_full:
        name, args = more
        error = error_from_json(name, args, f"what {where} raises at {short(at)}")
        return FaultParts((Term(Raise(error)),), at, place, None, 0)
    listed, compared, seed = more
    if type(listed) is not list:
        raise FaultError(f"the 'terms' of {where} are {short(listed)}: a list is meant")
    terms = tuple(_term_from_json(one, f"terms[{n}] of {where}") for n, one in enumerate(listed))
    condition = None
    if compared is not None:
        condition = Comparison(*fields_of(compared, _COMPARED, f"the 'if' of {where}", FaultError))
    return FaultParts(terms, at, place, condition, check_seed(seed))


def _term_from_json(data: Any, where: str) -> Term:
    word = data.get("task") if type(data) is dict else None
    if type(word) is not str or word not in _KINDS:
        raise FaultError(f"{where} is an object with a 'task', which is one of {', '.join(_KINDS)}")
    names, make = _KINDS[word]
    _, *given, percent, times = fields_of(data, ("task", *names, "percent", "at most"), where, FaultError)
    try:
        return Term(make(*given), times, percent)
    except FaultError as refused:
        raise FaultError(f"{where}: {refused}") from None
