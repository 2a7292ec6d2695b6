"""The saga machine: events in, what may start next out. Pure: it knows neither asyncio nor a clock.

The forward run, the rollback, stepping and looking back are all this one fold over events. The rules are
those of a saga (Garcia-Molina and Salem, 1987) on a graph, with the choices that TaskFlow made: the failing
batch is drained, and the failed action is rolled back too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

from daga_nb.core.events import Event
from daga_nb.core.fronts import BackFront, Front
from daga_nb.core.moves import Direction, Due, Policy, Ready, Undo
from daga_nb.core.plan import Plan
from daga_nb.core.states import NODE_TRANSITIONS, RUN_TRANSITIONS, NodeState, RunState, State
from daga_nb.errors import IllegalTransition, StoryError

__all__ = ["Machine", "fold"]

# Enum members are looked up in a dict of the class at each access; these names are read for every event.
_PENDING, _RUNNING, _SUCCEEDED = NodeState.PENDING, NodeState.RUNNING, NodeState.SUCCEEDED
_FAILED, _UNKNOWN, _ABANDONED = NodeState.FAILED, NodeState.UNKNOWN, NodeState.ABANDONED
_ROLLING_BACK, _ROLLED_BACK = NodeState.ROLLING_BACK, NodeState.ROLLED_BACK
_ROLLBACK_FAILED, _KEPT = NodeState.ROLLBACK_FAILED, NodeState.KEPT


_IDLE = Ready(None, -1, (), 0)
_ENDS = tuple(state for state in RunState if state.ended)


class Machine:
    """The state of one run, folded from its events.

    Attributes
    ----------
    events
        The story so far.
    states
        The state of each node, by number.
    run_state
        The state of the run.
    running
        How many actions and rollbacks are being carried out now.
    failures
        The nodes that failed, or whose outcome was lost, in the order in which that was found; without those
        that have been tried again, or skipped.
    skipped
        The failed nodes that were given a value by hand.

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

    __slots__ = (
        "_again",
        "_attempts",
        "_back",
        "_front",
        "_stopped",
        "_undo_attempts",
        "_unstarted",
        "events",
        "failures",
        "plan",
        "policy",
        "run_state",
        "running",
        "skipped",
        "states",
        "undo",
    )

    def __init__(self, plan: Plan, undo: Sequence[Undo], policy: Policy = Policy()) -> None:  # noqa: B008
        self.plan = plan
        self.undo = list(undo)
        self.policy = policy
        self.events: list[Event] = []
        self.states: list[NodeState] = [_PENDING] * len(plan)
        self.run_state = RunState.READY
        self.running = 0
        self.failures: list[int] = []
        self.skipped: set[int] = set()
        self._unstarted = len(plan)
        self._front = Front(plan, policy.schedule == "batch")
        self._back: BackFront | None = None
        self._stopped = False
        self._again: set[int] = set()
        self._attempts: dict[int, int] = {}  # of those that were called more than once
        self._undo_attempts: dict[int, int] = {}

    def ready(self, limit: int | None = None) -> Ready:
        """Give what may start next, forward or back, at most `limit` nodes."""
        in_batches = self.policy.schedule == "batch"
        if self.run_state is RunState.ROLLING_BACK:
            back = self._back
            if back is None or self._stopped or self._again or not back.undoable:
                return _IDLE
            nodes = tuple(islice(back.undoable, limit))
            batch = back.batch if in_batches else max(map(self.plan.batch_of.__getitem__, nodes), default=0)
            return Ready("back", batch, nodes, self.running)
        if self.failures or not self._front.startable:
            return _IDLE
        front = self._front
        nodes = tuple(islice(front.startable, limit))
        batch = front.batch if in_batches else min(map(self.plan.batch_of.__getitem__, nodes), default=0)
        return Ready("forward", batch, nodes, self.running)

    def due(self, closing: str = "", *, undecided: bool = False) -> list[Due]:
        """Give the changes that are due without a call: turning back, abandoning, coming to the end.

        `closing` is the reason why the run is to be rolled back although no action failed. If it is
        `undecided` what is to become of the failures, they alone do not turn the run back.
        """
        if self.running:
            return []
        state = self.run_state
        if state is RunState.ROLLING_BACK:
            if self._unstarted:  # the story was cut off here
                return self._abandoned()
            if self._back is not None and self._back.owed and not self._stopped:
                return []
            return [Due(None, RunState.ROLLED_BACK if self._clean() else RunState.ROLLBACK_INCOMPLETE, "")]
        if state is RunState.READY or state is RunState.RUNNING:
            if closing or (self.failures and not undecided):
                why = closing or ", ".join(
                    f"{self.plan.names[node]} {self.states[node].word}" for node in self.failures
                )
                return [Due(None, RunState.ROLLING_BACK, why), *self._abandoned()]
            if not self._front.left and not self.failures:
                return [Due(None, RunState.SUCCEEDED, "")]
        elif state is RunState.SUCCEEDED and closing:
            return [Due(None, RunState.ROLLING_BACK, closing)]
        return []

    def _abandoned(self) -> list[Due]:
        return [Due(node, _ABANDONED, "") for node, state in enumerate(self.states) if state is _PENDING]

    def attempt(self, node: int | None, state: State) -> int:
        """Give the attempt that a change of `node` to `state` would belong to, from 1.

        The calls of an action are counted, and those of its rollback by themselves.
        """
        if node is None:
            return 1
        if state is _RUNNING:
            again = self.states[node] is not _PENDING
            return self._attempts.get(node, 1) + again
        if state is _ROLLING_BACK:
            again = self.states[node] is _ROLLBACK_FAILED
            return self._undo_attempts.get(node, 1) + again
        back = state is _ROLLED_BACK or state is _ROLLBACK_FAILED
        return (self._undo_attempts if back else self._attempts).get(node, 1)

    def attempts(self, node: int, direction: Direction) -> int:
        """Give how many times an action, or its rollback, has been called, the present call included."""
        counted = self._attempts if direction == "forward" else self._undo_attempts
        return counted.get(node, 1)

    def undecided(self) -> list[int]:
        """Give the nodes that failed and can be tried again: the actions, or going back the rollbacks."""
        if self.run_state is RunState.RUNNING:
            return list(self.failures)
        if self.run_state in (RunState.ROLLING_BACK, RunState.ROLLBACK_INCOMPLETE):
            return [node for node, state in enumerate(self.states) if state is _ROLLBACK_FAILED]
        return []

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
        elif new in _ENDS and not any(change[:2] == (None, new) for change in self.due()):
            why = " (not its turn)"
        if not isinstance(new, RunState) or (old, new) not in RUN_TRANSITIONS or why:
            raise IllegalTransition(
                "the run", f"{old}{why}", str(new), [e for e in self.events if e.node is None]
            )
        self.run_state = new
        if new is RunState.ROLLING_BACK:
            self._front.startable = {}
            owing = [node for node in range(len(self.plan)) if self._owes(node)]
            self._back = BackFront(self.plan, self.policy.schedule == "batch", owing)

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
        elif old is _RUNNING:
            if new is _ABANDONED and attempt > 1:
                raise self._illegal(event, "RUNNING (it was called before)")
            self.running -= 1
            if new is _SUCCEEDED:
                self._front.through(node)
            elif new is not _ABANDONED:
                self.failures.append(node)
        elif old is _ROLLING_BACK:
            self._leave_rolling_back(node, new)
        elif old is _ROLLBACK_FAILED:
            if self.run_state is not RunState.ROLLING_BACK:
                raise self._illegal(event, f"{old} (the run is not rolling back)")
            self._undo_attempts[node] = attempt
            self._again.add(node)
            self.running += 1
        elif new is _RUNNING or new is _SUCCEEDED:
            self._decide(event, node, new, attempt)
        else:
            self._begin_settling(event, node, new)
        self.states[node] = new

    def _leave_pending(self, event: Event, node: int, new: NodeState) -> None:
        front, state = self._front, self.run_state
        if new is _ABANDONED:
            if state is not RunState.ROLLING_BACK:
                raise self._illegal(event, "PENDING (the run is not rolling back)")
        elif new is _RUNNING:
            if node not in front.startable or state is not RunState.RUNNING or self.failures:
                raise self._illegal(event, "PENDING (not its turn)")
            front.start(node)
            self.running += 1
        else:
            if node not in front.startable or state is not RunState.READY:
                raise self._illegal(event, "PENDING (nothing is inherited but before the start)")
            front.start(node)
            front.through(node)
        self._unstarted -= 1

    def _decide(self, event: Event, node: int, new: NodeState, attempt: int) -> None:
        """Take note that what failed is tried again, or skipped."""
        if self.run_state is not RunState.RUNNING:
            raise self._illegal(event, f"{self.states[node]} (the run is not running)")
        self.failures.remove(node)
        if new is _RUNNING:
            self._attempts[node] = attempt
            self.running += 1
        else:
            self.skipped.add(node)
            self._front.through(node)

    def _begin_settling(self, event: Event, node: int, new: State) -> None:
        back = self._back
        turn = back is not None and node in back.undoable and not (self._stopped or self._again)
        if back is None or not turn or not self._allowed(node, new):
            raise self._illegal(event, f"{self.states[node]} (not its turn)")
        back.start(node)
        if new is _ROLLING_BACK:
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

    def _owes(self, node: int) -> bool:
        """Whether `node` has still to be settled when the run turns back."""
        state, undo = self.states[node], self.undo[node]
        if state is _SUCCEEDED:
            if node in self.skipped and not self.policy.rollback_failed:
                return False
            return undo is not Undo.ELSEWHERE
        return undo is Undo.CALL and (state is _UNKNOWN or (state is _FAILED and self.policy.rollback_failed))

    def leftovers(self) -> list[int]:
        """Give the nodes whose effect is, or may be, left when the run is rolled back."""
        return [node for node in range(len(self.plan)) if not self._is_clean(node)]

    def _clean(self) -> bool:
        return all(map(self._is_clean, range(len(self.plan))))

    def _is_clean(self, node: int) -> bool:
        state, undo = self.states[node], self.undo[node]
        if state is _FAILED or state is _UNKNOWN:
            return undo is Undo.NOTHING or (state is _FAILED and not self.policy.rollback_failed)
        if state is _SUCCEEDED:
            return undo is Undo.ELSEWHERE or (node in self.skipped and not self.policy.rollback_failed)
        return state is _ROLLED_BACK or state is _ABANDONED


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
