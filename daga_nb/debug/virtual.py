"""One run in virtual time: the machine says what may start and what is due, and nothing is executed.

It heeds what the engine's loop heeds (`daga_nb.engine.driver`, `daga_nb.engine.chronicle`): retries and how
long they wait, deadlines, threads that cannot be stopped, how many may go at once. The two are held against
each other by the tests, event by event.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from heapq import heapify, heappop, heappush
from typing import NamedTuple

from daga_nb.core.events import Event
from daga_nb.core.machine import Machine
from daga_nb.core.moves import Direction, Policy, Undo
from daga_nb.core.plan import Plan
from daga_nb.core.states import NodeState, RunState, State
from daga_nb.engine.calls import ActionCall
from daga_nb.engine.retries import Retry

__all__ = ["Draw", "Part", "Setup", "VirtualRun"]

# Enum members are looked up in a dict of the class at each access; these names are read for every event.
_N = NodeState
_RUNNING, _SUCCEEDED, _FAILED, _UNKNOWN = _N.RUNNING, _N.SUCCEEDED, _N.FAILED, _N.UNKNOWN
_ROLLING_BACK, _ROLLED_BACK, _ROLLBACK_FAILED = _N.ROLLING_BACK, _N.ROLLED_BACK, _N.ROLLBACK_FAILED
_RUN_RUNNING = RunState.RUNNING

Draw = Callable[[int, Direction], tuple[float, bool]]
"""Gives the seconds that the next call of an action, or of its rollback, takes, and whether it fails."""

Part = tuple[int, Direction]
"""An action, or its rollback."""


class Setup(NamedTuple):
    """What is simulated: the shape of a flow, its policy, and how each of its actions would be called."""

    plan: Plan
    undo: Sequence[Undo]
    policy: Policy
    calls: Sequence[ActionCall]
    max_parallel: int | None
    patience: float


class _End(Enum):
    """How a call ends."""

    WELL = "well"
    BADLY = "failed, as drawn"
    LATE = "stopped at its deadline"
    LOST = "not stopped at its deadline: it still runs, and is not tried again"
    UNCALLED = "it waited to be called again, and the run turned back"


_WELL, _BADLY, _LATE, _LOST, _UNCALLED = _End


class VirtualRun:
    """One run in virtual time.

    Attributes
    ----------
    machine
        How it stands.
    now
        Seconds of virtual time since it began.
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

    __slots__ = (
        "_calendar",
        "_draw",
        "_ended",
        "_mended",
        "_order",
        "_setup",
        "_strays",
        "_turned_at",
        "_waiting",
        "back",
        "failed",
        "machine",
        "now",
        "turned",
    )

    def __init__(self, setup: Setup, draw: Draw, mended: Part | None = None) -> None:
        self.machine = Machine(setup.plan, setup.undo, setup.policy)
        self.now = self.back = 0.0
        self.turned = False
        self.failed: dict[Part, None] = {}
        self._setup = setup
        self._draw = draw
        self._mended = mended  # never fails, whatever is drawn
        self._calendar: list[tuple[float, int, int, _End | None]] = []  # None: it is to be called
        self._order = 0
        self._ended: list[tuple[int, _End]] = []
        self._waiting: set[int] = set()  # of actions, to be called again
        self._strays: dict[int, float] = {}  # when the actions that were given up will really end
        self._turned_at: float | None = None

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
        machine = self.machine
        if self._ended:
            self._record_ended()
        if self._waiting and self._turning():
            self._withdraw_waiting()
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
        if not self._ended and not self._calendar:
            return bool(machine.due())
        self._advance()
        return True

    def _stands(self) -> bool:
        """Whether it goes no further by itself although it has not ended: it has passed a pivot."""
        machine = self.machine
        if machine.pivot is None or machine.running:
            return False
        return bool(machine.undecided() and not machine.due())

    def _turning(self) -> bool:
        return bool(self.machine.failures) and self.machine.run_state is _RUN_RUNNING

    def _advance(self) -> None:
        """Go on to the next moment at which a call ends; all that end then are heard at once."""
        calendar = self._calendar
        while calendar and (not self._ended or calendar[0][0] == self.now):
            self.now, _, node, end = heappop(calendar)
            if end is None:
                self._call(node)
            else:
                self._ended.append((node, end))

    def _plan(self, at: float, node: int, end: _End | None) -> None:
        self._order += 1
        heappush(self._calendar, (at, self._order, node, end))

    def _start(self, nodes: Sequence[int]) -> bool:
        """Call `nodes`, forward or back; give whether some needed no call."""
        machine, record = self.machine, self._record
        if machine.run_state is RunState.READY:
            record(None, _RUN_RUNNING)
        if machine.run_state is _RUN_RUNNING:
            for node in nodes:
                record(node, _RUNNING)
            for node in nodes:
                self._call(node)
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
            self._call(node)
        return len(calls) < len(nodes)

    def _call(self, node: int) -> None:
        """Draw how the call of an action, or of its rollback, ends, and when."""
        call = self._setup.calls[node]
        now = self.now
        if self.machine.states[node] is _RUNNING:
            self._waiting.discard(node)
            seconds, fails = self._draw(node, "forward")
            deadline = call.timeout
            late = deadline is not None and seconds > deadline
            mended = self._mended == (node, "forward")
            threaded = call.action.in_thread and not call.action.is_async
            if late and threaded and not mended:
                self._strays[node] = now + seconds
        else:
            deadline = call.rollback_timeout or self._setup.patience
            waits = max(0.0, self._strays.get(node, 0.0) - now)
            if waits > deadline:  # its action still runs, which it must not overtake
                self._plan(now + deadline, node, _LOST)
                return
            self._strays.pop(node, None)
            seconds, fails = self._draw(node, "back")
            seconds += waits
            late = seconds > deadline
            mended = self._mended == (node, "back")
            threaded = call.rollback is not None and call.rollback.in_thread and not call.rollback.is_async
        if late:
            assert deadline is not None
            end = _WELL if mended else _LOST if threaded else _LATE
            self._plan(now + deadline, node, end)
        else:
            self._plan(now + seconds, node, _BADLY if fails and not mended else _WELL)

    def _record_ended(self) -> None:
        turning = self._turning()
        ended, self._ended = self._ended, []
        for node, end in ended:
            if self.machine.states[node] is _RUNNING:
                self._end_forward(node, end, turning)
            elif end is _WELL:
                self._record(node, _ROLLED_BACK)
            else:
                self.failed[node, "back"] = None
                self._record(node, _ROLLBACK_FAILED, self._reason(node, "back", end))
                self._call_again(node, "back", end)

    def _end_forward(self, node: int, end: _End, turning: bool) -> None:
        if end is _WELL:
            self._record(node, _SUCCEEDED)
            return
        self.failed[node, "forward"] = None
        state = _UNKNOWN if end is _LOST else _FAILED
        self._record(node, state, self._reason(node, "forward", end))
        if not turning and end is not _UNCALLED:
            self._call_again(node, "forward", end)

    def _reason(self, node: int, direction: Direction, end: _End) -> str:
        if end is _BADLY:
            return "simulated failure"
        if end is _UNCALLED:
            return "the run turned back before it was called"
        if end is _LOST and direction == "forward":
            return "its thread still runs"
        call = self._setup.calls[node]
        seconds = call.timeout if direction == "forward" else call.rollback_timeout or self._setup.patience
        return f"TimeoutError: it did not end within {seconds:g} s"

    def _call_again(self, node: int, direction: Direction, end: _End) -> None:
        call = self._setup.calls[node]
        retries = call.retries if direction == "forward" else call.rollback_retries
        number = self.machine.calls(node, direction)
        if retries is None or number > retries.times or end is _LOST:
            return
        if end is _LATE and not retries.covers(TimeoutError()):
            return
        again = Retry(direction, number, retries.times, retries.delay(number))
        self._record(node, _RUNNING if direction == "forward" else _ROLLING_BACK, str(again))
        if not again.delay:
            self._call(node)
            return
        self._plan(self.now + again.delay, node, None)
        if direction == "forward":
            self._waiting.add(node)

    def _withdraw_waiting(self) -> None:
        """Do not call the actions that wait to be called again: the run is about to turn back."""
        withdrawn = sorted(entry[1:3] for entry in self._calendar if entry[3] is None and entry[2] in self._waiting)
        self._calendar = [e for e in self._calendar if e[3] is not None or e[2] not in self._waiting]
        heapify(self._calendar)
        self._waiting.clear()
        self._ended += [(node, _UNCALLED) for _, node in withdrawn]

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
