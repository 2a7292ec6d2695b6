"""Failures planned in advance: which action, where, and what is raised."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import copy
from dataclasses import dataclass
from logging import getLogger
from typing import Any, Literal, get_args

from daga_nb.core.machine import Machine
from daga_nb.core.moves import Undo
from daga_nb.core.plan import Plan
from daga_nb.errors import FaultError, UnknownAction, describe

__all__ = ["Fault", "FaultPlan", "Where", "find_node"]

log = getLogger(__name__)

Where = Literal["before", "after", "rollback"]

_IN_WORDS = {"before": "before the effect", "after": "after the effect", "rollback": "in the rollback"}


@dataclass(frozen=True)
class Fault:
    """A failure planned in advance. It belongs to the run that it is injected into, never to the process.

    Attributes
    ----------
    error
        What is raised: a copy of this exception, or a new one of this class.
    at
        The display name of the action, or the action itself.
    where
        ``"before"``: the action is not called. ``"after"``: its effect has happened, and it reports failure
        all the same. ``"rollback"``: its rollback is not called, and fails.

    Examples
    --------
    >>> Fault.raising(TimeoutError("no answer"), at="charge", where="after")
    Fault.raising(TimeoutError('no answer'), at='charge', where='after')
    """

    error: BaseException | type[BaseException]
    at: Any
    where: Where = "before"

    @classmethod
    def raising(
        cls, error: BaseException | type[BaseException], at: str | Callable[..., Any], where: Where = "before"
    ) -> Fault:
        """Give a fault that raises `error` at the action `at`.

        Raises
        ------
        FaultError
            If `error` cannot be raised, or `where` is no place.
        """
        return cls(error, at, where)

    def __post_init__(self) -> None:
        kind = self.error if isinstance(self.error, type) else type(self.error)
        if not issubclass(kind, BaseException):
            raise FaultError(f"a fault raises an exception, and {self.error!r} is none")
        if isinstance(self.error, type):
            try:
                self.error()
            except Exception as refused:
                raise FaultError(
                    f"{self.error.__name__} cannot be made without arguments ({describe(refused)}): "
                    "give an instance"
                ) from None
        if self.where not in get_args(Where):
            raise FaultError(
                f"where={self.where!r}: a fault is 'before' or 'after' the effect, or in the 'rollback'"
            )

    @property
    def place(self) -> str:
        """Where it strikes, in words."""
        return _IN_WORDS[self.where]

    def fire(self) -> BaseException:
        """Give what is to be raised, each time a fresh one: the runs that it strikes do not share it."""
        return self.error() if isinstance(self.error, type) else _fresh(self.error)

    def __str__(self) -> str:
        at = self.at if isinstance(self.at, str) else getattr(self.at, "__name__", self.at)
        error = self.error.__name__ if isinstance(self.error, type) else repr(self.error)
        return f"Fault.raising({error}, at={at!r}, where={self.where!r})"

    __repr__ = __str__


def _fresh(error: BaseException) -> BaseException:
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


def find_node(plan: Plan, at: Any) -> int:
    """Give the number of the action `at`: its display name, or the node of the graph itself.

    Raises
    ------
    UnknownAction
        If there is no such action; the message names the nearest ones.
    """
    if isinstance(at, str):
        return plan.find(at)
    for number, node in enumerate(plan.nodes):
        if node is at or node == at:  # a bound method is a new object each time
            return number
    raise UnknownAction(f"{at!r} is no action of this flow")


class FaultPlan:
    """The faults of one run, by action.

    Attributes
    ----------
    at
        For each action with faults, its faults in the order in which they were planted; one for each place.
    """

    __slots__ = ("_machine", "at")

    def __init__(self, machine: Machine, faults: Iterable[Fault]) -> None:
        self._machine = machine
        self.at: dict[int, list[Fault]] = {}
        if isinstance(faults, Fault):
            raise FaultError(f"faults={faults}: a list of faults is meant, [{faults}]")
        for fault in faults:
            self.add(fault)

    def add(self, fault: Fault) -> None:
        """Plant a fault; one that stands at the same place already makes way for it.

        Raises
        ------
        FaultError
            If it could never fire.
        """
        if not isinstance(fault, Fault):
            raise FaultError(f"{fault!r} is no Fault; write Fault.raising(error, at='action')")
        node = find_node(self._machine.plan, fault.at)
        name = self._machine.plan.names[node]
        undo = self._machine.undo[node]
        if fault.where == "rollback" and undo is Undo.ELSEWHERE:
            raise FaultError(
                f"{name!r} was done by another run, whose it is to undo: a fault could never fire"
            )
        if fault.where == "rollback" and undo is not Undo.CALL:
            raise FaultError(f"{name!r} has no rollback, so a fault in it could never fire")
        planted = [one for one in self.at.get(node, ()) if one.where != fault.where]
        self.at[node] = [*planted, Fault(fault.error, name, fault.where)]

    def remove(self, at: Any = None, where: Where | None = None) -> tuple[Fault, ...]:
        """Take out the faults at one action (or all), at one place (or all), and give them."""
        nodes = list(self.at) if at is None else [find_node(self._machine.plan, at)]
        removed: list[Fault] = []
        for node in nodes:
            planted = self.at.pop(node, [])
            kept = [fault for fault in planted if where is not None and fault.where != where]
            removed += [fault for fault in planted if fault not in kept]
            if kept:
                self.at[node] = kept
        return tuple(removed)

    def find(self, node: int, where: Where) -> Fault | None:
        """Give the fault that strikes at this place, if one is planted."""
        for fault in self.at.get(node, ()):
            if fault.where == where:
                return fault
        return None

    def all(self) -> tuple[Fault, ...]:
        """Give every planted fault, in plan order."""
        return tuple(fault for node in sorted(self.at) for fault in self.at[node])
