"""The faults that are planted in one run: checked, counted, and what struck and what did not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any

from daga_nb.core.machine import Machine
from daga_nb.core.moves import Undo
from daga_nb.core.states import NodeState
from daga_nb.engine.calls import ActionCall
from daga_nb.engine.fault_plan import Faults, fault_of, faults_of
from daga_nb.engine.fault_tasks import OFF, Corrupt, Hang, Task, Where
from daga_nb.engine.faults import Fault, find_node
from daga_nb.engine.triggers import Comparison
from daga_nb.errors import DagaError, FaultError, describe

__all__ = ["PlantedFaults"]


class _Post:
    """A fault at its place, and how often it has struck there."""

    __slots__ = ("_left", "_random", "fault", "held", "node", "reached", "strikes")

    def __init__(self, node: int, fault: Fault) -> None:
        self.node = node
        self.fault = fault
        self.reached = self.held = self.strikes = 0
        self._left = [term.times for term in fault.terms]
        # Of its own, so that the calls of others draw nothing from it: the order of calls changes nothing.
        self._random = Random(f"{fault.seed}/{fault.at!r}/{fault.where}")

    def strike(self, inputs: Mapping[str, Any]) -> Task | None:
        self.reached += 1
        if not self._holds(inputs):
            return None
        self.held += 1
        for number, term in enumerate(self.fault.terms):
            left = self._left[number]
            if left == 0 or (term.percent < 100 and self._random.random() * 100 >= term.percent):
                continue
            if left is not None:
                self._left[number] = left - 1
            if term.task == OFF:
                return None
            self.strikes += 1
            return term.task
        return None

    def _holds(self, inputs: Mapping[str, Any]) -> bool:
        condition = self.fault.condition
        if condition is None:
            return True
        try:
            return condition.holds(inputs) if isinstance(condition, Comparison) else bool(condition(inputs))
        except Exception as error:
            raise FaultError(f"the condition of {self.fault} failed: {describe(error)}") from error


class PlantedFaults:
    """The faults of one run, by action.

    Attributes
    ----------
    at
        What is planted at each action that has faults, in the order of planting; one for each place.
    warned
        Whether those that have not struck were told at the end of the run.
    """

    __slots__ = ("_calls", "_machine", "_past", "at", "warned")

    def __init__(self, machine: Machine, calls: Sequence[ActionCall], faults: Faults) -> None:
        self._machine = machine
        self._calls = calls
        self._past: list[_Post] = []
        self.at: dict[int, list[_Post]] = {}
        self.warned = False
        for fault in faults_of(faults):
            self.add(fault)

    def add(self, given: Fault | str) -> Fault:
        """Plant a fault, and give it; one that stands at the same place already makes way for it.

        Raises
        ------
        FaultError
            If it could never be seen.
        """
        fault = fault_of(given)
        node = find_node(self._machine.plan, fault.at)
        self._check(node, fault)
        self.remove(fault.at, fault.where)
        named = Fault(fault.terms, self._machine.plan.names[node], fault.where, fault.condition, fault.seed)
        self.at.setdefault(node, []).append(_Post(node, named))
        return fault

    def remove(self, at: Any = None, where: Where | None = None) -> tuple[Fault, ...]:
        """Take out the faults at one action (or all), at one place (or all), and give them."""
        nodes = list(self.at) if at is None else [find_node(self._machine.plan, at)]
        removed: list[_Post] = []
        for node in nodes:
            planted = self.at.pop(node, [])
            kept = [post for post in planted if where is not None and post.fault.where != where]
            removed += [post for post in planted if post not in kept]
            if kept:
                self.at[node] = kept
        self._past += [post for post in removed if post.strikes]
        return tuple(post.fault for post in removed)

    def strike(self, node: int, where: Where, inputs: Sequence[Any]) -> Task | None:
        """Give what a fault does at this place now, and count it; None if nothing happens.

        Raises
        ------
        FaultError
            If a condition fails.
        """
        for post in self.at.get(node, ()):
            if post.fault.where == where:
                return post.strike(dict(zip(self._inputs(node), inputs, strict=True)))
        return None

    def all(self) -> tuple[Fault, ...]:
        """Give every planted fault, in plan order."""
        return tuple(post.fault for post in self._posts())

    def _posts(self) -> Iterator[_Post]:
        return (post for node in sorted(self.at) for post in self.at[node])

    def _inputs(self, node: int) -> list[str]:
        plan = self._machine.plan
        return [plan.names[before] for before in plan.predecessors[node]] or ["input"]

    # ------------------------------------------------------------- what struck

    @property
    def fired(self) -> tuple[Fault, ...]:
        """The faults that have struck at least once, in plan order, also those taken out since."""
        struck = [post for post in (*self._past, *self._posts()) if post.strikes]
        return tuple(post.fault for post in sorted(struck, key=lambda post: post.node))

    @property
    def unfired(self) -> tuple[Fault, ...]:
        """The planted faults that have not struck, in plan order."""
        return tuple(post.fault for post in self._posts() if not post.strikes)

    def strikes(self, at: Any, where: Where) -> int:
        """Give how often a fault has struck at this place, those taken out since included."""
        node = find_node(self._machine.plan, at)
        posts = (*self._past, *self.at.get(node, ()))
        return sum(post.strikes for post in posts if post.node == node and post.fault.where == where)

    def why_unfired(self) -> list[tuple[Fault, str]]:
        """Give the planted faults that have not struck, each with the reason, in words."""
        called = {event.node for event in self._machine.events if event.state == NodeState.RUNNING}
        return [(post.fault, _why(post, called)) for post in self._posts() if not post.strikes]

    # ----------------------------------------------------- what could never be seen

    def refusal(self, fault: Fault) -> str:
        """Say why a fault could not be planted; nothing if it can."""
        try:
            self._check(find_node(self._machine.plan, fault.at), fault)
        except DagaError as refused:
            return str(refused)
        return ""

    def _check(self, node: int, fault: Fault) -> None:
        """Refuse a fault that could never be seen."""
        name, call = self._machine.plan.names[node], self._calls[node]
        condition = fault.condition
        if isinstance(condition, Comparison) and condition.name not in self._inputs(node):
            among = ", ".join(map(repr, self._inputs(node)[:6]))
            raise FaultError(
                f"{fault}: {name!r} has no input {condition.name!r} that could be compared; it has {among}"
            )
        if fault.where == "rollback":
            self._check_rollback(node, name, call, fault)
            return
        kinds = [type(task) for task in fault.tasks]
        if Hang in kinds and call.timeout is None:
            raise FaultError(
                f"{name!r} has no timeout, so that a hang would never end: give it one, "
                "DagaAction(..., timeout=5), or plant a delay"
            )
        takes_none = not call.action.takes_results and "context" not in call.action.extras
        if Corrupt in kinds and fault.where == "before" and takes_none:
            raise FaultError(
                f"{name!r} takes no inputs that could be corrupted: corrupt its result, where='after'"
            )

    def _check_rollback(self, node: int, name: str, call: ActionCall, fault: Fault) -> None:
        undo = self._machine.undo[node]
        if undo is Undo.ELSEWHERE:
            raise FaultError(
                f"{name!r} was done by another run, whose it is to undo: a fault could never fire"
            )
        if undo is not Undo.CALL or call.rollback is None:
            raise FaultError(f"{name!r} has no rollback, so a fault in it could never fire")
        if "result" not in call.rollback.extras and any(isinstance(task, Corrupt) for task in fault.tasks):
            raise FaultError(
                f"the rollback of {name!r} has no parameter named result that could be corrupted: "
                "give it one, or corrupt what the action gives, where='after'"
            )


def _why(post: _Post, called: set[str | None]) -> str:
    fault, times = post.fault, f"{post.reached} call{'s' * (post.reached != 1)}"
    if not post.reached and fault.where == "rollback":
        return "its rollback was never called"
    if not post.reached:
        return "it never came to the end of a call" if fault.at in called else "it was never called"
    if not post.held:
        shown = f", {fault.condition}," if isinstance(fault.condition, Comparison) else ""
        return f"its condition{shown} never held in {times}"
    if any(term.percent < 100 for term in fault.terms):
        return f"by chance, in {times}"
    return f"there {'was' if post.reached == 1 else 'were'} only {times}"
