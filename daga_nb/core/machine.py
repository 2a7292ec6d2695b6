"""The saga machine: events in, what may start next out. Pure: it knows neither asyncio nor a clock.

The forward run, the rollback, stepping and looking back are all this one fold over events. The rules are
those of a saga (Garcia-Molina and Salem, 1987) on a graph, with the choices that TaskFlow made: the failing
batch is drained, and the failed action is rolled back too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

from daga_nb.core.events import Event
from daga_nb.core.moves import Due, Policy, Ready, Undo
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
        The nodes that failed, or whose outcome was lost, in the order in which that was found.

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
        "_back_front",
        "_back_left",
        "_batch",
        "_front",
        "_left",
        "_owed",
        "_owing",
        "_startable",
        "_stopped",
        "_undoable",
        "_unstarted",
        "_waiting",
        "events",
        "failures",
        "plan",
        "policy",
        "run_state",
        "running",
        "states",
        "undo",
    )

    def __init__(self, plan: Plan, undo: Sequence[Undo], policy: Policy = Policy()) -> None:  # noqa: B008
        self.plan = plan
        self.undo = undo
        self.policy = policy
        self.events: list[Event] = []
        self.states: list[NodeState] = [_PENDING] * len(plan)
        self.run_state = RunState.READY
        self.running = 0
        self.failures: list[int] = []
        self._unstarted = len(plan)
        self._batch = policy.schedule == "batch"
        # Forward: what may start, and how many are not through yet (in the front batch; before a node).
        self._front = 0
        self._left = len(plan) if not self._batch else len(plan.batches[0])
        self._startable: dict[int, None] = dict.fromkeys(plan.batches[0])
        self._waiting: list[int] = [] if self._batch else [len(before) for before in plan.predecessors]
        # Back: the same, filled when the run turns back.
        self._undoable: dict[int, None] = {}
        self._owing: set[int] = set()
        self._owed = 0
        self._back_front = len(plan.batches)
        self._back_left: list[int] = []
        self._stopped = False

    def ready(self, limit: int | None = None) -> Ready:
        """Give what may start next, forward or back, at most `limit` nodes."""
        if self.run_state is RunState.ROLLING_BACK:
            if self._stopped or not self._undoable:
                return _IDLE
            nodes = tuple(islice(self._undoable, limit))
            batch = (
                self._back_front
                if self._batch
                else max(map(self.plan.batch_of.__getitem__, nodes), default=0)
            )
            return Ready("back", batch, nodes, self.running)
        if self.failures or not self._startable:
            return _IDLE
        nodes = tuple(islice(self._startable, limit))
        batch = self._front if self._batch else min(map(self.plan.batch_of.__getitem__, nodes), default=0)
        return Ready("forward", batch, nodes, self.running)

    def due(self, closing: str = "") -> list[Due]:
        """Give the changes that are due without a call: turning back, abandoning, coming to the end.

        `closing` is the reason why the run is to be rolled back although no action failed.
        """
        if self.running:
            return []
        state = self.run_state
        if state is RunState.ROLLING_BACK:
            if self._unstarted:  # the story was cut off here
                return self._abandoned()
            if self._owed and not self._stopped:
                return []
            return [Due(None, RunState.ROLLED_BACK if self._clean() else RunState.ROLLBACK_INCOMPLETE, "")]
        if state is RunState.READY or state is RunState.RUNNING:
            if self.failures or closing:
                why = closing or ", ".join(
                    f"{self.plan.names[node]} {self.states[node].word}" for node in self.failures
                )
                return [Due(None, RunState.ROLLING_BACK, why), *self._abandoned()]
            if not self._left:
                return [Due(None, RunState.SUCCEEDED, "")]
        elif state is RunState.SUCCEEDED and closing:
            return [Due(None, RunState.ROLLING_BACK, closing)]
        return []

    def _abandoned(self) -> list[Due]:
        return [Due(node, _ABANDONED, "") for node, state in enumerate(self.states) if state is _PENDING]

    def apply(self, event: Event) -> None:
        """Take one event in.

        Raises
        ------
        IllegalTransition
            If the tables do not allow the change, or its turn has not come. Nothing has changed then.
        StoryError
            If the event does not continue this story: a gap in `seq`, or an unknown node.
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
            self._turn_back()

    def _apply_to_node(self, event: Event) -> None:
        node = self.plan.ids.get(event.node)  # type: ignore[arg-type]
        if node is None:
            raise StoryError(f"event {event.seq}: the plan has no action {event.node!r}")
        new = event.state
        old = self.states[node]
        # The words of a run's states and of a node's are equal as strings.
        if type(new) is not NodeState or (old, new) not in NODE_TRANSITIONS:
            raise self._illegal(event, str(old))
        if new is _RUNNING:
            if node not in self._startable or self.run_state is not RunState.RUNNING or self.failures:
                raise self._illegal(event, f"{old} (not its turn)")
            del self._startable[node]
            self._unstarted -= 1
            self.running += 1
        elif new is _SUCCEEDED:
            self.running -= 1
            self._advance(node)
        elif new is _FAILED or new is _UNKNOWN:
            self.running -= 1
            self.failures.append(node)
        elif new is _ABANDONED:
            if self.run_state is not RunState.ROLLING_BACK:
                raise self._illegal(event, f"{old} (the run is not rolling back)")
            self._unstarted -= 1
        elif old is _ROLLING_BACK:
            self.running -= 1
            if new is _ROLLBACK_FAILED and self.policy.on_rollback_error == "stop":
                self._stopped = True
            self._settle(node)
        else:
            if node not in self._undoable or self._stopped or not self._allowed(node, new):
                raise self._illegal(event, f"{old} (not its turn)")
            del self._undoable[node]
            if new is _ROLLING_BACK:
                self.running += 1
            else:
                self._settle(node)
        self.states[node] = new

    def _allowed(self, node: int, new: State) -> bool:
        undo = self.undo[node]
        if new is _ROLLING_BACK:
            return undo is Undo.CALL
        return undo is (Undo.NOTHING if new is _ROLLED_BACK else Undo.MISSING)

    def _illegal(self, event: Event, old: str) -> IllegalTransition:
        story = [one for one in self.events if one.node == event.node]
        return IllegalTransition(str(event.node), old, str(event.state), story)

    def _advance(self, node: int) -> None:
        """Open the way for those that waited for `node`."""
        self._left -= 1
        if not self._batch:
            for successor in self.plan.successors[node]:
                self._waiting[successor] -= 1
                if not self._waiting[successor]:
                    self._startable[successor] = None
        elif not self._left and self._front + 1 < len(self.plan.batches):
            self._front += 1
            batch = self.plan.batches[self._front]
            self._left = len(batch)
            self._startable = dict.fromkeys(batch)

    def _owes(self, node: int) -> bool:
        """Whether `node` has still to be settled when the run turns back."""
        state = self.states[node]
        if state is _SUCCEEDED:
            return True
        undoable = self.undo[node] is Undo.CALL
        return undoable and (state is _UNKNOWN or (state is _FAILED and self.policy.rollback_failed))

    def _turn_back(self) -> None:
        self._owing = {node for node in range(len(self.plan)) if self._owes(node)}
        self._owed = len(self._owing)
        self._startable = {}
        if self._batch:
            self._back_left = [0] * len(self.plan.batches)
            for node in self._owing:
                self._back_left[self.plan.batch_of[node]] += 1
            self._retreat()
        else:
            self._back_left = [sum(after in self._owing for after in some) for some in self.plan.successors]
            self._undoable = {node: None for node in sorted(self._owing) if not self._back_left[node]}

    def _retreat(self) -> None:
        """Go to the last batch that has something to settle."""
        while self._back_front and not (self._back_left[self._back_front - 1]):
            self._back_front -= 1
        if self._back_front:
            self._back_front -= 1
            batch = self.plan.batches[self._back_front]
            self._undoable = {node: None for node in batch if node in self._owing}

    def _settle(self, node: int) -> None:
        """Open the way back for those that waited for `node`."""
        self._owed -= 1
        if self._batch:
            self._back_left[self._back_front] -= 1
            if not self._back_left[self._back_front]:
                self._retreat()
            return
        for before in self.plan.predecessors[node]:
            self._back_left[before] -= 1
            if not self._back_left[before] and before in self._owing:
                self._undoable[before] = None

    def leftovers(self) -> list[int]:
        """Give the nodes whose effect is, or may be, left when the run is rolled back."""
        return [node for node in range(len(self.plan)) if not self._is_clean(node)]

    def _clean(self) -> bool:
        return all(map(self._is_clean, range(len(self.plan))))

    def _is_clean(self, node: int) -> bool:
        state = self.states[node]
        if state is _FAILED or state is _UNKNOWN:
            return self.undo[node] is Undo.NOTHING or (state is _FAILED and not self.policy.rollback_failed)
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
