"""What a fault raises: each time a fresh one; in a file, builtin exceptions alone, exactly as they are."""

from __future__ import annotations

import builtins
from copy import copy
from logging import getLogger
from types import GetSetDescriptorType, MemberDescriptorType
from typing import Any

from daga_nb.engine.exact import kind_of, short, why_not
from daga_nb.errors import FaultError, describe

__all__ = ["BUILTIN", "error_from_json", "error_to_json", "fresh"]

log = getLogger(__name__)

BUILTIN: dict[str, type[Exception]] = {
    name: kind
    for name, kind in vars(builtins).items()
    if isinstance(kind, type)
    and issubclass(kind, Exception)
    and kind.__module__ == "builtins"
    and kind.__name__ == name  # IOError is another name of OSError
    and not name.startswith("_")
}
"""The exceptions that a file may name. Nothing else is ever looked up by a name that stands in a file."""

# An error has these from having been raised; a fault is raised anew.
_OF_RAISING = {"__traceback__", "__context__", "__cause__", "__suppress_context__", "__dict__"}


def fresh(error: BaseException) -> BaseException:
    """Give a copy of an error without its traceback; the error itself if it cannot be copied as it is."""
    try:
        made = copy(error)
        parts = zip(made.args, error.args, strict=True)
        if (
            type(made) is type(error)
            and all(one is other for one, other in parts)
            and str(made) == str(error)
        ):
            notes = made.__dict__.get("__notes__")
            if isinstance(notes, list):  # the copy has the very list
                made.__dict__["__notes__"] = list(notes)
            return made
    except BaseException as refused:  # its `str` may do anything
        log.debug("%s is raised as it is, not copied: %s", type(error).__name__, describe(refused))
    return error.with_traceback(None)


def error_to_json(error: BaseException | type[BaseException], where: str) -> dict[str, Any]:
    """Give what a fault raises as JSON values: the name of its class, and what it is made with.

    Raises
    ------
    FaultError
        If it could not be made again from these, exactly as it is.

    Examples
    --------
    >>> error_to_json(TimeoutError("no answer"), "the error")
    {'error': 'TimeoutError', 'args': ['no answer']}
    >>> error_to_json(TimeoutError, "the error")
    {'error': 'TimeoutError', 'args': None}
    """
    kind = error if isinstance(error, type) else type(error)
    if BUILTIN.get(kind.__name__) is not kind:
        raise FaultError(
            f"{where} is a {kind.__module__}.{kind.__qualname__}: builtin exceptions can be saved "
            "(RuntimeError, TimeoutError, ...), and no others"
        )
    if isinstance(error, type):
        return {"error": kind.__name__, "args": None}
    if vars(error):
        raise FaultError(
            f"{where} carries {' and '.join(map(short, vars(error)))}, which a file does not: "
            f"give a fresh {kind.__name__}"
        )
    args = list(error.args)
    made = _made(kind, args, where)
    lost = [name for name in _data_of(kind) if not _same(error, made, name)]
    if lost:
        raise FaultError(
            f"{where} has a {lost[0]!r} that is not among its arguments, and that a file would lose: "
            f"give a {kind.__name__} that is made from its arguments alone"
        )
    return {"error": kind.__name__, "args": args}


def error_from_json(name: Any, args: Any, where: str) -> Exception | type[Exception]:
    """Make what a fault raises.

    Raises
    ------
    FaultError
        If there is no such builtin exception, or it cannot be made with `args`, exactly.
    """
    kind = BUILTIN.get(name) if type(name) is str else None
    if kind is None:
        raise FaultError(f"{where} is {short(name)}, and this Python has no such builtin exception")
    if args is None:
        return kind
    if type(args) is not list:
        raise FaultError(f"the 'args' of {where} are {kind_of(args)}: a list is meant, or null for the class")
    return _made(kind, args, where)


def _made(kind: type[Exception], args: list[Any], where: str) -> Exception:
    for number, one in enumerate(args):
        listed = f"is {kind_of(one)}: texts, numbers, True, False and None can be saved"
        wrong = listed if isinstance(one, list | tuple | dict) else why_not(one)
        if wrong:
            raise FaultError(f"argument {number + 1} of {where}, a {kind.__name__}, {wrong}")
    try:
        made = kind(*args)
    except Exception as refused:
        raise FaultError(f"{where}: {kind.__name__} takes no such arguments ({describe(refused)})") from None
    if type(made) is not kind:
        raise FaultError(
            f"{where}: {kind.__name__} with these arguments becomes {kind_of(made)}: name that class"
        )
    if len(made.args) != len(args) or any(one is not two for one, two in zip(made.args, args, strict=True)):
        raise FaultError(f"{where}: a {kind.__name__} does not keep all of these arguments")
    # Some Pythons read beyond the text when they show an error whose place is not in it.
    if isinstance(made, UnicodeEncodeError | UnicodeTranslateError) and not (
        0 <= made.args[-3] < made.args[-2] <= len(made.object)
    ):
        raise FaultError(f"{where}: the place that this {kind.__name__} names is not in its text")
    return made


def _data_of(kind: type[Exception]) -> list[str]:
    """Give the names of what exceptions of this class hold, besides what raising them adds."""
    return [
        name
        for one in kind.__mro__
        for name, thing in vars(one).items()
        if isinstance(thing, GetSetDescriptorType | MemberDescriptorType) and name not in _OF_RAISING
    ]


def _same(error: Exception | BaseException, made: Exception, name: str) -> bool:
    one, other = getattr(error, name, None), getattr(made, name, None)
    return one is other or (type(one) is type(other) and bool(one == other))
