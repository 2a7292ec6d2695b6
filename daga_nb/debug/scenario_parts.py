"""The parts of a scenario as JSON: its failures, and its breakpoints."""

from __future__ import annotations

import builtins
from types import GetSetDescriptorType, MemberDescriptorType
from typing import Any, get_args

from daga_nb.debug.breakpoints import Breakpoint, Phase
from daga_nb.debug.scenario_json import check_text, fields_of, kind_of, short, why_not
from daga_nb.engine.faults import Fault, Where
from daga_nb.errors import FaultError, ScenarioError, describe

__all__ = [
    "BUILTIN",
    "break_from_json",
    "break_to_json",
    "error_from_json",
    "error_to_json",
    "fault_from_json",
    "fault_to_json",
]

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


def fault_to_json(fault: Fault, where: str) -> dict[str, Any]:
    """Give a failure as JSON values.

    Raises
    ------
    ScenarioError
        If a file could not carry it as it is.
    """
    check_text(fault.at, f"the 'at' of {where}, the display name of an action,")
    told = f"what {where} raises at {short(fault.at)}"
    return {"at": fault.at, "where": fault.where, **error_to_json(fault.error, told)}


def fault_from_json(data: Any, where: str) -> Fault:
    """Read a failure back, checking every field.

    Raises
    ------
    ScenarioError
        If a field is missing, unknown, or of the wrong kind.
    """
    at, place, name, args = fields_of(data, ("at", "where", "error", "args"), where)
    check_text(at, f"the 'at' of {where}")
    if place not in get_args(Where):
        raise ScenarioError(f"the 'where' of {where} is {short(place)}: it is {_either(Where)}")
    error = error_from_json(name, args, f"what {where} raises at {short(at)}")
    try:
        return Fault(error, at, place)
    except FaultError as refused:
        raise ScenarioError(f"{where}: {refused}") from None


def break_to_json(one: Breakpoint, where: str) -> dict[str, Any]:
    """Give a breakpoint as JSON values.

    Raises
    ------
    ScenarioError
        If a file could not carry it as it is.
    """
    if one.when is not None:
        raise ScenarioError(
            f"{where} stops {short(str(one))}: a condition is a function, which a file cannot carry; "
            "leave it out, and set it on the run (break_at)"
        )
    if one.phase not in get_args(Phase):
        raise ScenarioError(f"the 'phase' of {where} is {short(one.phase)}: it is {_either(Phase)}")
    return {
        "at": check_text(one.at, f"the 'at' of {where}, the display name of an action,"),
        "phase": one.phase,
    }


def break_from_json(data: Any, where: str) -> Breakpoint:
    """Read a breakpoint back, checking every field.

    Raises
    ------
    ScenarioError
        If a field is missing, unknown, or of the wrong kind.
    """
    at, phase = fields_of(data, ("at", "phase"), where)
    return Breakpoint(check_text(at, f"the 'at' of {where}"), phase)


def _either(choice: Any) -> str:
    return " or ".join(map(repr, get_args(choice)))


# ---------------------------------------------------------------------------------- errors


def error_to_json(error: BaseException | type[BaseException], where: str) -> dict[str, Any]:
    """Give what a fault raises as JSON values: the name of its class, and what it is made with.

    Raises
    ------
    ScenarioError
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
        raise ScenarioError(
            f"{where} is a {kind.__module__}.{kind.__qualname__}: builtin exceptions can be saved "
            "(RuntimeError, TimeoutError, ...), and no others"
        )
    if isinstance(error, type):
        return {"error": kind.__name__, "args": None}
    if vars(error):
        raise ScenarioError(
            f"{where} carries {' and '.join(map(short, vars(error)))}, which a file does not: "
            f"give a fresh {kind.__name__}"
        )
    args = list(error.args)
    made = _made(kind, args, where)
    lost = [name for name in _data_of(kind) if not _same(error, made, name)]
    if lost:
        raise ScenarioError(
            f"{where} has a {lost[0]!r} that is not among its arguments, and that a file would lose: "
            f"give a {kind.__name__} that is made from its arguments alone"
        )
    return {"error": kind.__name__, "args": args}


def error_from_json(name: Any, args: Any, where: str) -> Exception | type[Exception]:
    """Make what a fault raises.

    Raises
    ------
    ScenarioError
        If there is no such builtin exception, or it cannot be made with `args`, exactly.
    """
    kind = BUILTIN.get(name) if type(name) is str else None
    if kind is None:
        raise ScenarioError(f"{where} is {short(name)}, and this Python has no such builtin exception")
    if args is None:
        return kind
    if type(args) is not list:
        raise ScenarioError(
            f"the 'args' of {where} are {kind_of(args)}: a list is meant, or null for the class"
        )
    return _made(kind, args, where)


def _made(kind: type[Exception], args: list[Any], where: str) -> Exception:
    for number, one in enumerate(args):
        listed = f"is {kind_of(one)}: texts, numbers, True, False and None can be saved"
        wrong = listed if isinstance(one, list | tuple | dict) else why_not(one)
        if wrong:
            raise ScenarioError(f"argument {number + 1} of {where}, a {kind.__name__}, {wrong}")
    try:
        made = kind(*args)
    except Exception as refused:
        raise ScenarioError(
            f"{where}: {kind.__name__} takes no such arguments ({describe(refused)})"
        ) from None
    if type(made) is not kind:
        raise ScenarioError(
            f"{where}: {kind.__name__} with these arguments becomes {kind_of(made)}: name that class"
        )
    if len(made.args) != len(args) or any(one is not two for one, two in zip(made.args, args, strict=True)):
        raise ScenarioError(f"{where}: a {kind.__name__} does not keep all of these arguments")
    # Some Pythons read beyond the text when they show an error whose place is not in it.
    if isinstance(made, UnicodeEncodeError | UnicodeTranslateError) and not (
        0 <= made.args[-3] < made.args[-2] <= len(made.object)
    ):
        raise ScenarioError(f"{where}: the place that this {kind.__name__} names is not in its text")
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
