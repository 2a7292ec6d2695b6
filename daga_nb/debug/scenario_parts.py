"""The parts of a scenario as JSON: its faults, and its breakpoints."""

from __future__ import annotations

from typing import Any, get_args

from daga_nb.debug.breakpoints import Breakpoint, Phase
from daga_nb.debug.scenario_json import check_text, fields_of
from daga_nb.engine.exact import short
from daga_nb.engine.faults import Fault
from daga_nb.errors import FaultError, ScenarioError

__all__ = ["break_from_json", "break_to_json", "check_places", "fault_from_json", "fault_to_json"]


def fault_to_json(fault: Fault, where: str) -> dict[str, Any]:
    """Give a fault as JSON values.

    Raises
    ------
    ScenarioError
        If a file could not carry it as it is.
    """
    try:
        return fault.to_json(where)
    except FaultError as refused:
        raise ScenarioError(str(refused)) from None


def fault_from_json(data: Any, where: str) -> Fault:
    """Read a fault back, checking every field.

    Raises
    ------
    ScenarioError
        If a field is missing, unknown, or of the wrong kind.
    """
    try:
        return Fault.from_json(data, where)
    except FaultError as refused:
        raise ScenarioError(str(refused)) from None


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


def check_places(parts: list[dict[str, Any]], key: str, where: str) -> None:
    """Make sure that no two stand at the same place: a run would keep the last one alone.

    Raises
    ------
    ScenarioError
        If two do.
    """
    taken: dict[tuple[str, str], int] = {}
    for number, part in enumerate(parts):
        first = taken.setdefault((part["at"], part[key]), number)
        if first != number:
            raise ScenarioError(
                f"{where}[{first}] and {where}[{number}] stand at the same place "
                f"({short(part['at'])}, {part[key]}): leave one of them out"
            )
