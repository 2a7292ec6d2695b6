"""The saga machine: events in, what may start next out. Pure: it knows neither asyncio nor a clock.

The forward run, the rollback, stepping and looking back are all this one fold over events. The rules are
those of a saga (Garcia-Molina and Salem, 1987) on a graph, with the choices that TaskFlow made: the failing
batch is drained, and the failed action is rolled back too. Save points are of the same paper; the pivot is
that of Richardson (Microservices Patterns, 2018): a point of no return.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from daga_nb.core.events import Event
from daga_nb.core.fronts import Front, back_front
from daga_nb.core.moves import Policy, Undo
from daga_nb.core.outlook import Outlook
from daga_nb.core.plan import Plan
from daga_nb.core.states import NODE_TRANSITIONS, RUN_TRANSITIONS, NodeState, RunState, State
from daga_nb.errors import IllegalTransition, StoryError

__all__ = ["Machine", "fold"]

# Enum members are looked up in a dict of the class at each access; these names are read for every event.
_PENDING, _RUNNING, _SUCCEEDED = NodeState.PENDING, NodeState.RUNNING, NodeState.SUCCEEDED
_FAILED, _UNKNOWN, _ABANDONED = NodeState.FAILED, NodeState.UNKNOWN, NodeState.ABANDONED
_ROLLING_BACK, _ROLLED_BACK = NodeState.ROLLING_BACK, NodeState.ROLLED_BACK
_ROLLBACK_FAILED = NodeState.ROLLBACK_FAILED

_ENDS = tuple(state for state in RunState if state.ended)


class Machine(Outlook):
    """The state of one run, folded from its events. See `Outlook` for what it tells.

    Examples
    --------
    >>> import networkx as nx
    >>> plan = Plan.compile(nx.DiGraph([("a", "b")]), str)
    >>> machine = Machine(plan, [Undo.CALL, Undo.CALL])
    >>> machine.apply(Event(1, 0.0, None, RunState.RUNNING))
    >>> machine.ready().nodes
    (0,)
    >>> machine.apply(Event(2, 0.0, "b", NodeState.RUNNING))
    Traceback (most recent call last):
    daga_nb.errors.IllegalTransition: b cannot go from PENDING (not its turn) to RUNNING. ...
    """

    __slots__ = ()

    def apply(self, event: Event) -> None:
        """Take one event in.

        Raises
        ------
        IllegalTransition
            If the tables do not allow the change, or its turn has not come. Nothing has changed then.
        StoryError
            If the event does not continue this story: a gap in `seq`, an unknown node, a wrong attempt.
        """
        if event.seq != len(self.events) + 1:
            raise StoryError(f"event {event.seq} does not follow event {len(self.events)}")
        if event.node is None:
            self._apply_to_run(event)
        else:
            self._apply_to_node(event)
        self.events.append(event)

    def _apply_to_run(self, event: Event) -> None:
        old, new = self.run_state, event.state
        why = ""
        if self.running:
            why = f" ({self.running} actions still running)"
        elif self.pivot is not None and new is RunState.ROLLING_BACK:
            why = f" (past the pivot {self.plan.names[self.pivot]!r})"
        elif (new in _ENDS or RunState.RECOVERING in (old, new)) and not self._is_due(new):
            why = " (not its turn)"
        if not isinstance(new, RunState) or (old, new) not in RUN_TRANSITIONS or why:
            raise IllegalTransition(
                "the run", f"{old}{why}", str(new), [e for e in self.events if e.node is None]
            )
        if new is RunState.RECOVERING:
            self.saved = self._save_point()
        elif old is RunState.RECOVERING and new is RunState.RUNNING:
            self._go_forward_again()
        if new is RunState.ROLLING_BACK:
            self.saved = None
            self._front.startable = {}
        if new.back:
            owing = [node for node in self._since(self.saved) if self._owes(node)]
            self._back = back_front(self.plan, self.policy.order, owing, self._ended)
        self.run_state = new

    def _is_due(self, new: State) -> bool:
        closing = "asked for" if new is RunState.ROLLING_BACK else ""
        return any(change[:2] == (None, new) for change in self.due(closing))

    def _go_forward_again(self) -> None:
        assert self.saved is not None
        since = self._since(self.saved)
        self._points.use(self.saved)
        for node in since:
            if self.states[node] is not _PENDING and self.states[node] is not _ABANDONED:
                self._before[node, "forward"] = self.attempts(node, "forward")
            if self.states[node] is _ROLLED_BACK and self.undo[node] is Undo.CALL:
                self._undone.add(node)
                self._before[node, "back"] = self.attempts(node, "back")
        self.recoveries += 1
        self.failures.clear()
        self.skipped = {node for node in self.skipped if self.states[node] is _SUCCEEDED}
        self.doubtful = {node for node in self.doubtful if self.states[node] is _SUCCEEDED}
        done = [node for node, state in enumerate(self.states) if state is _SUCCEEDED]
        self._front = Front(self.plan, self.policy.schedule == "batch", done)
        self.saved = None

    def _apply_to_node(self, event: Event) -> None:
        node = self.plan.ids.get(event.node)  # type: ignore[arg-type]
        if node is None:
            raise StoryError(f"event {event.seq}: the plan has no action {event.node!r}")
        new = event.state
        old = self.states[node]
        # The words of a run's states and of a node's are equal as strings.
        if type(new) is not NodeState or (old, new) not in NODE_TRANSITIONS:
            raise self._illegal(event, str(old))
        attempt = self.attempt(node, new)
        if event.attempt != attempt:
            raise StoryError(f"event {event.seq}: this is attempt {attempt}, not {event.attempt}")
        if old is _PENDING:
            self._leave_pending(event, node, new)
        elif new is _RUNNING and node in self._front.startable:
            self._start(event, node)
            self._attempts[node] = attempt
        elif old is _RUNNING:
            if new is _ABANDONED:
                if self.calls(node, "forward") > 1:
                    raise self._illegal(event, "RUNNING (it was called before)")
                self._front.take_back(node)
            self.running -= 1
            if new is _SUCCEEDED:
                self.doubtful.discard(node)
                self._succeed(node)
            elif new is not _ABANDONED:
                if new is NodeState.UNKNOWN:
                    self.doubtful.add(node)
                self.failures.append(node)
                self._end(node)
        elif old is _ROLLING_BACK:
            self._leave_rolling_back(node, new)
        elif old is _ROLLBACK_FAILED:
            if not self.run_state.back:
                raise self._illegal(event, f"{old} (the run is not rolling back)")
            self._undo_attempts[node] = attempt
            self._again.add(node)
            self.running += 1
        elif new is _RUNNING or new is _SUCCEEDED:
            self._decide(event, node, new, attempt)
        else:
            self._begin_settling(event, node, new, attempt)
        self.states[node] = new

    def _leave_pending(self, event: Event, node: int, new: NodeState) -> None:
        state = self.run_state
        if new is _ABANDONED:
            if state is not RunState.ROLLING_BACK:
                raise self._illegal(event, "PENDING (the run is not rolling back)")
        elif new is _RUNNING:
            self._start(event, node)
        else:
            if node not in self._front.startable or state is not RunState.READY:
                raise self._illegal(event, "PENDING (nothing is inherited but before the start)")
            self._front.start(node)
            self._succeed(node)
        self._unstarted -= 1

    def _start(self, event: Event, node: int) -> None:
        if node not in self._front.startable or self.run_state is not RunState.RUNNING or self.failures:
            raise self._illegal(event, f"{self.states[node]} (not its turn)")
        self._front.start(node)
        self.running += 1

    def _succeed(self, node: int) -> None:
        self._front.through(node)
        self._end(node)
        if self.pivot is None and node in self.policy.pivots:
            self.pivot = node

    def _end(self, node: int) -> None:
        if self._in_order:
            self._ended.pop(node, None)
            self._ended[node] = None

    def _decide(self, event: Event, node: int, new: NodeState, attempt: int) -> None:
        """Take note that what failed is tried again, or skipped."""
        if self.run_state is not RunState.RUNNING or node not in self.failures:
            raise self._illegal(event, f"{self.states[node]} (it is not to be decided)")
        self.failures.remove(node)
        if new is _RUNNING:
            self._attempts[node] = attempt
            self.running += 1
        else:
            self.skipped.add(node)
            self._succeed(node)

    def _begin_settling(self, event: Event, node: int, new: State, attempt: int) -> None:
        back = self._back
        turn = back is not None and node in back.undoable and not (self._stopped or self._again)
        if back is None or not turn or not self._allowed(node, new):
            raise self._illegal(event, f"{self.states[node]} (not its turn)")
        back.start(node)
        if new is _ROLLING_BACK:
            if attempt > 1:
                self._undo_attempts[node] = attempt
            self.running += 1
        else:
            back.settle(node)

    def _leave_rolling_back(self, node: int, new: NodeState) -> None:
        self.running -= 1
        stops = self.policy.on_rollback_error == "stop"
        if new is _ROLLBACK_FAILED:
            self._stopped = stops
        elif node in self._again and stops:
            others = (state for one, state in enumerate(self.states) if one != node)
            self._stopped = any(state is _ROLLBACK_FAILED for state in others)
        if node in self._again:  # it was settled when it failed the first time
            self._again.discard(node)
        elif self._back is not None:
            self._back.settle(node)

    def _allowed(self, node: int, new: State) -> bool:
        undo = self.undo[node]
        if new is _ROLLING_BACK:
            return undo is Undo.CALL
        return undo is (Undo.NOTHING if new is _ROLLED_BACK else Undo.MISSING)

    def _illegal(self, event: Event, old: str) -> IllegalTransition:
        story = [one for one in self.events if one.node == event.node]
        return IllegalTransition(str(event.node), old, str(event.state), story)


def fold(plan: Plan, undo: Sequence[Undo], events: Iterable[Event], policy: Policy = Policy()) -> Machine:  # noqa: B008
    """Give the machine as it stood after `events`: looking back is folding a shorter story.

    Raises
    ------
    IllegalTransition, StoryError
        If the events are no story of such a flow.
    """
    machine = Machine(plan, undo, policy)
    for event in events:
        machine.apply(event)
    return machine
