"""Scenarios: the input, the failures and the breakpoints of a run, under a name, to keep and to replay."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from daga_nb.debug.breakpoints import Breakpoint
from daga_nb.debug.scenario_file import check_name, file_name, read_json, scenario_files, write_json
from daga_nb.debug.scenario_json import check_text, fields_of, plain
from daga_nb.debug.scenario_parts import (
    break_from_json,
    break_to_json,
    check_places,
    fault_from_json,
    fault_to_json,
)
from daga_nb.engine.admission import OnFailure
from daga_nb.engine.exact import short
from daga_nb.engine.faults import Fault
from daga_nb.engine.run import FlowRun
from daga_nb.errors import FaultError, ScenarioError, StepError

if TYPE_CHECKING:
    from daga_nb.flow import DagaFlow

__all__ = ["Scenario", "scenario_files"]

FORMAT = "daga-nb scenario"
VERSIONS = (1, 2)  # without a fault that does more than raise, the first is written

_FIELDS = ("format", "version", "name", "flow", "on_failure", "input", "faults", "breakpoints")

T = TypeVar("T", Fault, Breakpoint)


@dataclass(frozen=True, eq=False, repr=False)
class Scenario:
    """What is to happen in a run: its input, and the failures and breakpoints planted in it, under a name.

    It can be saved as JSON next to the notebook, loaded, replayed, and shared. What a file could not give
    back exactly as it is, is refused when the scenario is made. Two scenarios are equal if their files are.

    Attributes
    ----------
    name
        What it is called; at most 80 characters, in one line.
    input
        What the run gets: None, True, False, numbers, texts, and lists and dicts of these. A copy is kept,
        and each run gets one of its own.
    faults
        What goes wrong: of builtin exceptions and JSON values, at actions named by their display names.
    breakpoints
        Where the run stops, without conditions.
    on_failure
        What a failure does: ``"rollback"``, or ``"pause"``.
    flow
        The name of the flow that it was made for. It is for people: any flow with such actions will do.

    Raises
    ------
    ScenarioError
        If a file could not carry it as it is.

    Examples
    --------
    >>> import asyncio
    >>> from daga_nb import DagaAction, DagaFlow
    >>> async def quote(results): return results[0] * 2
    >>> async def charge(results): return f"paid {results[0]}"
    >>> flow = DagaFlow([(quote, charge)], name="shop")
    >>> run = flow.start(21)
    >>> run.inject(Fault.raising(TimeoutError("no answer"), at="charge"))
    Fault.raising(TimeoutError('no answer'), at='charge', where='before')
    >>> print(Scenario.of(run, "card declined"))
    card declined: input 21, 1 failure
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Scenario.of(run, "card declined").save(f"{folder}/card.scenario.json")
    ...     again = Scenario.load(path).start(flow)
    >>> events = asyncio.run(again.go())
    >>> again.results, again.errors
    ({'quote': 42}, {'charge': TimeoutError('no answer')})
    """

    name: str
    input: Any = None
    faults: tuple[Fault, ...] = ()
    breakpoints: tuple[Breakpoint, ...] = ()
    on_failure: OnFailure = "rollback"
    flow: str = ""

    def __post_init__(self) -> None:
        check_name(self.name)
        check_text(self.flow, "the name of the flow")
        if self.on_failure not in get_args(OnFailure):
            raise ScenarioError(f"on_failure is {short(self.on_failure)}: it is 'rollback' or 'pause'")
        object.__setattr__(self, "input", plain(self.input, "input"))
        object.__setattr__(self, "faults", _all(self.faults, Fault, "faults"))
        object.__setattr__(self, "breakpoints", _all(self.breakpoints, Breakpoint, "breakpoints"))
        data = self.to_json()
        check_places(data["faults"], "where", "faults")
        check_places(data["breakpoints"], "phase", "breakpoints")

    @classmethod
    def of(cls, run: FlowRun, name: str) -> Scenario:
        """Give what is planted in a run now, and its input.

        What else was done to the run by hand is no part of it: functions replaced, values given for what
        failed, results that a fork inherited.

        Raises
        ------
        ScenarioError
            If a file could not carry it as it is.
        """
        if not isinstance(run, FlowRun):
            raise ScenarioError(f"{short(run)} is no run: give one, flow.start(...)")
        return cls(name, run.input, run.faults, run.breakpoints, run.on_failure, run.flow.name)

    def start(
        self,
        flow: DagaFlow[Any, Any],
        prepare: Callable[[FlowRun], object] = lambda run: None,
        *,
        journal: str | os.PathLike[str] | None = None,
    ) -> FlowRun:
        """Give a run of `flow` in which all this is planted, and that has run nothing yet.

        `prepare` is given the run before that: what it replaces may bring the rollback that is to fail.
        `journal` is as for `DagaFlow.start`.

        Raises
        ------
        ScenarioError
            If the flow has no such action, or one of the failures or breakpoints could never come up in it.
        """
        if isinstance(flow, FlowRun):
            raise ScenarioError("a scenario starts a run of its own: give the flow, run.flow")
        try:
            run = flow.start(plain(self.input, "input"), on_failure=self.on_failure, journal=journal)
            prepare(run)
            for fault in self.faults:
                run.inject(fault)
            for one in self.breakpoints:
                run.break_at(one.at, one.phase)
        except (FaultError, StepError) as error:
            made_for = f", made for {short(self.flow)}," if self.flow not in ("", flow.name) else ""
            raise ScenarioError(
                f"the scenario {self.name!r}{made_for} does not fit the flow {short(flow.name)}: {error}"
            ) from error
        return run

    def save(self, path: str | os.PathLike[str] | None = None) -> Path:
        """Write it as JSON, and give the path. The file is written whole or not at all.

        Parameters
        ----------
        path
            The file, which is overwritten if it is there. If not given, one in the current folder (that of
            the notebook) that is named after the scenario: "Card declined" goes to
            ``card-declined.scenario.json``. Names that differ in capitals, accents, blanks or signs alone
            lead to the same file; another scenario's file is not overwritten unless its path is given.

        Raises
        ------
        ScenarioError
            If it cannot be written.
        """
        data = self.to_json()
        target = Path(file_name(self.name) if path is None else path)
        if path is None and target.exists():
            other = _name_in(target)
            if other not in (None, self.name):
                raise ScenarioError(
                    f"{target} is there already, with the scenario {short(other)}: "
                    f"give this one, {self.name!r}, another name, or a path"
                )
        write_json(target, data)
        return target

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Scenario:
        """Read a scenario from its file. Nothing in it is ever run.

        Raises
        ------
        ScenarioError
            If the file holds none, or cannot be read; the message says where, and what is wrong.
        """
        data = read_json(path)
        try:
            return cls.from_json(data)
        except ScenarioError as error:
            raise ScenarioError(f"{os.fsdecode(path)}: {error}") from None

    def to_json(self) -> dict[str, Any]:
        """Give it as JSON values.

        >>> Scenario("stop there", breakpoints=(Breakpoint("pay"),)).to_json()["breakpoints"]
        [{'at': 'pay', 'phase': 'forward'}]
        """
        faults = [fault_to_json(one, f"faults[{n}]") for n, one in enumerate(self.faults)]
        return {
            "format": FORMAT,
            "version": VERSIONS[any("terms" in one for one in faults)],
            "name": self.name,
            "flow": self.flow,
            "on_failure": self.on_failure,
            "input": plain(self.input, "input"),
            "faults": faults,
            "breakpoints": [
                break_to_json(one, f"breakpoints[{n}]") for n, one in enumerate(self.breakpoints)
            ],
        }

    @classmethod
    def from_json(cls, data: Any) -> Scenario:
        """Read it back, checking every field.

        Raises
        ------
        ScenarioError
            If a field is missing, unknown, or of the wrong kind.
        """
        if type(data) is not dict or data.get("format") != FORMAT:
            raise ScenarioError(f"this is no scenario: one has the field 'format' with {FORMAT!r} in it")
        version = data.get("version")
        if type(version) is not int or version not in VERSIONS:
            raise ScenarioError(
                f"it is a scenario of version {short(version)}, and this daga-nb reads versions 1 and 2"
            )
        _, _, name, flow, on_failure, given, faults, breakpoints = fields_of(data, _FIELDS, "a scenario")
        return cls(
            name,
            given,
            tuple(fault_from_json(*one) for one in _listed(faults, "faults")),
            tuple(break_from_json(*one) for one in _listed(breakpoints, "breakpoints")),
            on_failure,
            flow,
        )

    def __eq__(self, other: object) -> bool:
        # As text, 1 and True and 1.0 are three.
        if not isinstance(other, Scenario):
            return NotImplemented
        return json.dumps(self.to_json()) == json.dumps(other.to_json())

    def __hash__(self) -> int:
        return hash(self.name)

    def __str__(self) -> str:
        told = [
            "no input" if self.input is None else f"input {short(self.input)}",
            _counted(len(self.faults), "failure"),
        ]
        if self.breakpoints:
            told.append(_counted(len(self.breakpoints), "breakpoint"))
        if self.on_failure == "pause":
            told.append("pausing at a failure")
        return f"{self.name}: {', '.join(told)}"

    def __repr__(self) -> str:
        return f"<Scenario {self}>"


# ---------------------------------------------------------------------------------- checks


def _all(given: Any, kind: type[T], where: str) -> tuple[T, ...]:
    if not isinstance(given, Iterable) or isinstance(given, str | bytes):
        raise ScenarioError(f"{where}={short(given)}: a list of {kind.__name__}s is meant")
    found = tuple(given)
    for number, one in enumerate(found):
        if type(one) is not kind:
            raise ScenarioError(f"{where}[{number}] is {short(one)}: a {kind.__name__} is meant")
    return found


def _counted(count: int, what: str) -> str:
    return f"{count or 'no'} {what}{'' if count == 1 else 's'}"


def _name_in(path: Path) -> str | None:
    """Give the name of the scenario in a file; None if there is none in it."""
    try:
        return Scenario.load(path).name
    except ScenarioError:
        return None


def _listed(data: Any, where: str) -> list[tuple[Any, str]]:
    if type(data) is not list:
        raise ScenarioError(f"{where!r} is {short(data)}: a list is meant")
    return [(one, f"{where}[{number}]") for number, one in enumerate(data)]
