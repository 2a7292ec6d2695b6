"""What each command of the page does in a lab."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from daga_nb.debug.breakpoints import Phase
from daga_nb.page.marks import PHASES, PLACES
from daga_nb.widgets.commands import Command
from daga_nb.widgets.literals import literal

if TYPE_CHECKING:
    from daga_nb.widgets.lab import FlowLab

__all__ = ["obey", "value_of"]


def obey(lab: FlowLab, command: Command) -> None:
    """Do what a command asks for; a button that cannot be pressed now does nothing."""
    if command.name in _BUTTONS:
        if command.name in lab.possible:
            _BUTTONS[command.name](lab)
    elif command.name in _ON_RUN:
        _ON_RUN[command.name](lab, command)
    elif command.name in _ON_ACTION and command.node is not None:
        _ON_ACTION[command.name](lab, lab.run.plan.names[command.node], command)


def value_of(text: str) -> Any:
    """Give the value to skip with; nothing written means None.

    >>> value_of("{'id': 17}"), value_of(" ")
    ({'id': 17}, None)

    Raises
    ------
    StepError
        If it is none.
    """
    return literal(text.strip() or "None", "; for anything else: run.skip(name, value) in a cell")


def _speed(lab: FlowLab, command: Command) -> None:
    lab.speed = float(command.to)
    lab._log.say(f"{{lab}}.speed = {lab.speed:.2f}")


def _failure(lab: FlowLab, command: Command) -> None:
    lab.on_failure = command.to


def _journal(lab: FlowLab, command: Command) -> None:
    if lab._idle:
        lab.turn_journal(command.to)


def _rerun(lab: FlowLab, command: Command) -> None:
    if "rerun" in lab.possible:
        lab.rerun(command.to)


def _replay(lab: FlowLab, command: Command) -> None:
    # By its name: the list that the page shows may be older than the one here.
    for path in lab._scenarios or []:
        if lab._idle and path.name == command.to:
            lab.replay(path)
            return


def _look(lab: FlowLab, name: str, command: Command) -> None:
    if command.node is not None:
        lab._watch.add(lab.run, command.node)


def _cycle(lab: FlowLab, name: str, command: Command) -> None:
    """Move the failure at a node on: before, after, in the rollback, none."""
    planted = [fault.where for fault in lab.run.faults if fault.at == name]
    places = [place for place in PLACES if place != "rollback" or _has_rollback(lab, name)]
    following = places.index(planted[-1]) + 1 if planted else 0
    if planted:
        lab.unplant(name)
    if following < len(places):
        lab.plant(name, places[following])


def _draft(lab: FlowLab, name: str, command: Command) -> None:
    """Say what a filled-in form means, or which field is wrong; nothing is planted."""
    lab._say_draft(command.node or 0, command.where, command.to)


def _plant(lab: FlowLab, name: str, command: Command) -> None:
    fault = lab._say_draft(command.node or 0, command.where, command.to)
    if fault is not None:
        lab._inject(fault)


def _stops(lab: FlowLab, name: str, command: Command) -> None:
    """Move the breakpoint at a node on: before it, before its rollback, none."""
    stands = [one.phase for one in lab.run.breakpoints if one.at == name]
    phases = [phase for phase in PHASES if phase == "forward" or _has_rollback(lab, name)]
    following = phases.index(stands[-1]) + 1 if stands else 0
    for phase in stands:
        lab.clear_break(name, phase)
    if following < len(phases):
        lab.break_at(name, phases[following])


def _toggle(lab: FlowLab, name: str, phase: Phase) -> None:
    """Set or take out one breakpoint."""
    if any((one.at, one.phase) == (name, phase) for one in lab.run.breakpoints):
        lab.clear_break(name, phase)
    else:
        lab.break_at(name, phase)


def _has_rollback(lab: FlowLab, name: str) -> bool:
    return lab.run.calls[lab.run.plan.ids[name]].rollback is not None


def _until(lab: FlowLab, name: str, command: Command) -> None:
    """Run up to an action: going forward to itself, going back to its rollback."""
    if "run" in lab.possible and lab._idle:
        lab.until(name, "rollback" if lab.run.next.direction == "back" else "forward")


def _predict(lab: FlowLab, name: str, command: Command) -> None:
    if lab._asking:
        lab.predict(name)


def _retry_one(lab: FlowLab, name: str, command: Command) -> None:
    if name in lab.run.undecided and "retry" in lab.possible:
        lab.retry(name)


def _skip(lab: FlowLab, name: str, command: Command) -> None:
    if name in lab.run.undecided and "skip" in lab.possible:
        lab.skip(name, value_of(command.to))


_BUTTONS: dict[str, Callable[[FlowLab], None]] = {
    "run": lambda lab: lab.play(),
    "pause": lambda lab: lab.pause(),
    "step": lambda lab: lab.step(),
    "action": lambda lab: lab.step_action(),
    "rollback": lambda lab: lab.rollback(),
    "reset": lambda lab: lab.reset(),
    "retry": lambda lab: lab.retry(),
    "fix": lambda lab: lab.fix(),
    "use": lambda lab: lab.use(),
    "resume": lambda lab: lab.resume(),
    "leave": lambda lab: lab.leave(),
    "older": lambda lab: lab.older(),
    "find": lambda lab: lab.find(),
}

_ON_RUN: dict[str, Callable[[FlowLab, Command], None]] = {
    "speed": _speed,
    "failure": _failure,
    "journal": _journal,
    "rerun": _rerun,
    "scenarios": lambda lab, command: lab._list_scenarios(),
    "keep": lambda lab, command: lab._keep_scenario(command.to),
    "replay": _replay,
}

_ON_ACTION: dict[str, Callable[[FlowLab, str, Command], None]] = {
    "look": _look,
    "cycle": _cycle,
    "draft": _draft,
    "plant": _plant,
    "clear": lambda lab, name, command: lab.unplant(name, command.where),
    "stop": lambda lab, name, command: _toggle(lab, name, command.to),
    "stops": _stops,
    "predict": _predict,
    "until": _until,
    "again": _retry_one,
    "skip": _skip,
}
