"""One run in virtual time: the machine says what may start and what is due, and nothing is executed.

It heeds what the engine's loop heeds (`daga_nb.engine.driver`, `daga_nb.engine.chronicle`): retries and how
long they wait, deadlines, threads that cannot be stopped, how many may go at once. The two are held against
each other by the tests, event by event.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from daga_nb.core.events import Event
from daga_nb.core.machine import Machine
from daga_nb.core.moves import Direction, Policy, Undo
from daga_nb.core.plan import Plan
from daga_nb.core.states import NodeState, RunState, State
from daga_nb.debug.calendar import Calendar, Draw, End, Part
from daga_nb.engine.calls import ActionCall
from daga_nb.engine.retries import Retry

__all__ = ["Setup", "VirtualRun"]

# Enum members are looked up in a dict of the class at each access; these names are read for every event.
_N = NodeState
_RUNNING, _SUCCEEDED, _FAILED, _UNKNOWN = _N.RUNNING, _N.SUCCEEDED, _N.FAILED, _N.UNKNOWN
_ROLLING_BACK, _ROLLED_BACK, _ROLLBACK_FAILED = _N.ROLLING_BACK, _N.ROLLED_BACK, _N.ROLLBACK_FAILED
_RUN_RUNNING = RunState.RUNNING


class Setup(NamedTuple):
    """What is simulated: the shape of a flow, its policy, and how each of its actions would be called."""

    plan: Plan
    undo: Sequence[Undo]
    policy: Policy
    calls: Sequence[ActionCall]
    max_parallel: int | None
    patience: float


_WELL, _BADLY, _LATE, _LOST, _UNCALLED = End


class VirtualRun:
    """One run in virtual time.

    Attributes
    ----------
    machine
        How it stands.
    back
        Seconds spent on rollbacks: from each turn back to where it ended, or went forward again.
    turned
        Whether it ever turned back.
    failed
        Which actions, and which rollbacks, failed at least once.

    Examples
    --------
    >>> import networkx as nx
    >>> from daga_nb import DagaFlow
    >>> flow = DagaFlow([(len, max)])
    >>> undo = [call.undo for call in flow.calls]
    >>> setup = Setup(flow.plan, undo, flow.policy, flow.calls, None, 30.0)
    >>> run = VirtualRun(setup, lambda node, direction: (2.0, node == 1)).finish()
    >>> run.machine.run_state.word, run.now
    ('rollback incomplete', 4.0)
    """

    __slots__ = ("_calendar", "_setup", "_turned_at", "back", "failed", "machine", "turned")

    def __init__(self, setup: Setup, draw: Draw, mended: Part | None = None) -> None:
        self.machine = Machine(setup.plan, setup.undo, setup.policy)
        self.back = 0.0
        self.turned = False
        self.failed: dict[Part, None] = {}
        self._setup = setup
        self._calendar = Calendar(setup.calls, setup.patience, draw, mended)
        self._turned_at: float | None = None

    @property
    def now(self) -> float:
        """Seconds of virtual time since it began."""
        return self._calendar.now

    def finish(self) -> VirtualRun:
        """Go on until it ends, or stands still past a pivot."""
        while self._turn():
            pass
        self._count_back(None)
        return self

    @property
    def ended(self) -> RunState:
        """How it ended; `RUNNING` if it stands still past a pivot."""
        state = self.machine.run_state
        return state if state.ended else _RUN_RUNNING

    def _turn(self) -> bool:
        machine, calendar = self.machine, self._calendar
        if calendar.ended:
            self._record_ended()
        if calendar.waiting and self._turning():
            calendar.withdraw_waiting()
        for change in machine.due():
            self._record(change.node, change.state, change.reason)
        if machine.run_state.ended or self._stands():
            return False
        most = self._setup.max_parallel
        room = None if most is None else most - machine.running
        if room is None or room > 0:
            nodes = machine.ready(room).nodes
            if nodes and self._start(nodes):
                return True  # what comes after those that are through may start too
        if not calendar:
            return bool(machine.due())
        calendar.go_on()
        return True

    def _stands(self) -> bool:
        """Whether it goes no further by itself although it has not ended: it has passed a pivot."""
        machine = self.machine
        if machine.pivot is None or machine.running:
            return False
        return bool(machine.undecided() and not machine.ready(1).nodes and not machine.due())

    def _turning(self) -> bool:
        machine = self.machine
        return bool(machine.failures) and machine.run_state is _RUN_RUNNING and machine.may_go_back()

    def _start(self, nodes: Sequence[int]) -> bool:
        """Call `nodes`, forward or back; give whether some needed no call."""
        machine, record, call = self.machine, self._record, self._calendar.call
        if machine.run_state is RunState.READY:
            record(None, _RUN_RUNNING)
        if machine.run_state is _RUN_RUNNING:
            for node in nodes:
                record(node, _RUNNING)
            for node in nodes:
                call(node, "forward")
            return False
        calls = []
        for node in nodes:
            undo = machine.undo[node]
            if undo is Undo.CALL:
                calls.append(node)
                record(node, _ROLLING_BACK)
            elif undo is Undo.NOTHING:
                record(node, _ROLLED_BACK, "no effect")
            else:
                record(node, _N.KEPT, "no rollback")
        for node in calls:
            call(node, "back")
        return len(calls) < len(nodes)

    def _record_ended(self) -> None:
        ended, self._calendar.ended = self._calendar.ended, []
        for node, end in ended:
            if self.machine.states[node] is _RUNNING:
                self._end_forward(node, end)
            elif end is _WELL:
                self._record(node, _ROLLED_BACK)
            else:
                self.failed[node, "back"] = None
                self._record(node, _ROLLBACK_FAILED, self._reason(node, "back", end))
                self._call_again(node, "back", end)

    def _end_forward(self, node: int, end: End) -> None:
        if end is _WELL:
            self._record(node, _SUCCEEDED)
            return
        turning = self._turning()  # by what was recorded before
        self.failed[node, "forward"] = None
        state = _UNKNOWN if end is _LOST else _FAILED
        self._record(node, state, self._reason(node, "forward", end))
        if not turning and end is not _UNCALLED:
            self._call_again(node, "forward", end)

    def _reason(self, node: int, direction: Direction, end: End) -> str:
        if end is _BADLY:
            return "simulated failure"
        if end is _UNCALLED:
            return "the run turned back before it was called"
        if end is _LOST and direction == "forward":
            return "its thread still runs"
        call = self._setup.calls[node]
        seconds = call.timeout if direction == "forward" else call.rollback_timeout or self._setup.patience
        return f"TimeoutError: it did not end within {seconds:g} s"

    def _call_again(self, node: int, direction: Direction, end: End) -> None:
        call = self._setup.calls[node]
        retries = call.retries if direction == "forward" else call.rollback_retries
        number = self.machine.calls(node, direction)
        if retries is None or number > retries.times or end is _LOST:
            return
        if end is _LATE and not retries.covers(TimeoutError()):
            return
        again = Retry(direction, number, retries.times, retries.delay(number))
        self._record(node, _RUNNING if direction == "forward" else _ROLLING_BACK, str(again))
        self._calendar.call(node, direction, again.delay)

    def _record(self, node: int | None, state: State, reason: str = "") -> None:
        machine = self.machine
        if node is None:
            name, attempt = None, 1
            self._count_back(state)
        else:
            name, attempt = machine.plan.names[node], machine.attempt(node, state)
        machine.apply(Event(len(machine.events) + 1, self.now, name, state, attempt, reason))

    def _count_back(self, state: State | None) -> None:
        back = isinstance(state, RunState) and state.back
        if back and self._turned_at is None:
            self._turned_at, self.turned = self.now, True
        elif not back and self._turned_at is not None:
            self.back += self.now - self._turned_at
            self._turned_at = None
