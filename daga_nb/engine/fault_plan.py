"""A plan of faults: what goes wrong in a run, as one value that can be written down."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, overload

from daga_nb.engine.exact import short
from daga_nb.engine.fault_text import read_fault
from daga_nb.engine.faults import Fault
from daga_nb.engine.scanner import Scanner
from daga_nb.errors import FaultError

__all__ = ["FaultPlan", "Faults", "fault_of", "faults_of"]

Faults = Iterable[Fault | str]
"""What is accepted as faults: a plan, a text of several, or a list of faults and texts."""


class FaultPlan(Sequence[Fault]):
    """Faults in their order. It holds no state of any run: those that it is planted in count for themselves.

    Parameters
    ----------
    faults
        Faults, and texts of them; or one text of several.

    Raises
    ------
    FaultError
        If something is no fault.

    Examples
    --------
    >>> plan = FaultPlan.parse('''
    ...     charge.after: 1*raise(Timeout)->off
    ...     ship.before: 20%delay(0.5) seed 7
    ... ''')
    >>> print(plan)
    charge.after: 1*raise(TimeoutError)->off; ship.before: 20%delay(0.5) seed 7
    >>> FaultPlan.from_json(plan.to_json()) == plan
    True
    """

    __slots__ = ("_faults",)

    def __init__(self, faults: Faults = ()) -> None:
        self._faults = faults_of(faults)

    @classmethod
    def parse(cls, text: str) -> FaultPlan:
        """Read the faults of a text, one a line or with ``;`` in between; see `Fault.parse`.

        Raises
        ------
        FaultError
            If one of them is none; the message says where, and what is meant.
        """
        return cls(_parsed(text))

    def to_json(self) -> list[dict[str, Any]]:
        """Give them as JSON values.

        Raises
        ------
        FaultError
            If a file could not carry one of them as it is.
        """
        return [fault.to_json(f"faults[{number}]") for number, fault in enumerate(self._faults)]

    @classmethod
    def from_json(cls, data: Any) -> FaultPlan:
        """Read them back, checking every field.

        Raises
        ------
        FaultError
            If it is no list of faults.
        """
        if type(data) is not list:
            raise FaultError(f"{short(data)} is no plan of faults: a list is meant")
        return cls([Fault.from_json(one, f"faults[{number}]") for number, one in enumerate(data)])

    @overload
    def __getitem__(self, index: int) -> Fault: ...

    @overload
    def __getitem__(self, index: slice) -> FaultPlan: ...

    def __getitem__(self, index: int | slice) -> Fault | FaultPlan:
        found = self._faults[index]
        return found if isinstance(found, Fault) else FaultPlan(found)

    def __iter__(self) -> Iterator[Fault]:
        return iter(self._faults)

    def __len__(self) -> int:
        return len(self._faults)

    def __eq__(self, other: object) -> bool:
        return self._faults == other._faults if isinstance(other, FaultPlan) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._faults)

    def __str__(self) -> str:
        return "; ".join(map(str, self._faults))

    def __repr__(self) -> str:
        return f"FaultPlan([{', '.join(map(repr, self._faults))}])"


def fault_of(given: Fault | str) -> Fault:
    """Give a fault, or the one that a text tells of.

    Raises
    ------
    FaultError
        If it is none.
    """
    if isinstance(given, str):
        return Fault.parse(given)
    if not isinstance(given, Fault):
        raise FaultError(f"{given!r} is no Fault; write Fault.raising(error, at='action')")
    return given


def faults_of(given: Faults) -> tuple[Fault, ...]:
    """Give the faults that ``faults=`` means.

    Raises
    ------
    FaultError
        If something of it is no fault.
    """
    if isinstance(given, Fault):
        raise FaultError(f"faults={given!r}: a list of faults is meant, [{given!r}]")
    if isinstance(given, str):
        return tuple(_parsed(given))
    if not isinstance(given, Iterable):
        raise FaultError(f"faults={short(given)}: a list of faults is meant, or a text of them")
    return tuple(map(fault_of, given))


def _parsed(text: str) -> list[Fault]:
    scanner = Scanner(text)
    found = []
    while scanner.next_line():
        found.append(scanner.made(Fault, *read_fault(scanner)))
        if scanner.rest and scanner.rest not in ";\r\n":
            raise scanner.wrong("a fault ends here: the next one stands in a line of its own, or behind ;")
    return found
