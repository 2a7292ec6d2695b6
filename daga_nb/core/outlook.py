"""What a run stands for at a moment: what may start next, what is due, what is left. Read, never changed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from daga_nb.core.events import Event
from daga_nb.core.fronts import BackFront, Front
from daga_nb.core.moves import Direction, Due, Policy, Ready, Undo
from daga_nb.core.plan import Plan
from daga_nb.core.recovery import SavePoints
from daga_nb.core.settling import is_clean, owes
from daga_nb.core.states import NodeState, RunState, State

__all__ = ["Outlook"]

# Enum members are looked up in a dict of the class at each access; these names are read for every event.
_PENDING, _RUNNING, _SUCCEEDED = NodeState.PENDING, NodeState.RUNNING, NodeState.SUCCEEDED
_ABANDONED = NodeState.ABANDONED
_ROLLING_BACK, _ROLLED_BACK = NodeState.ROLLING_BACK, NodeState.ROLLED_BACK
_ROLLBACK_FAILED = NodeState.ROLLBACK_FAILED

_UNCALLED = (_PENDING, _ABANDONED)
_IDLE = Ready(None, -1, (), 0)


class Outlook:
    """How a run stands, and what follows from it.

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
    doubtful
        The nodes of which a call was lost, and none has succeeded since: it may have happened, whatever
        became of the others.
    pivot
        The point of no return that the run has passed; None before. It never turns back then.
    saved
        While the run is recovering, the index of the batch that it goes back to; else None.
    recoveries
        How often it has gone back to a save point, and forward again.
    """

    __slots__ = (
        "_again",
        "_attempts",
        "_back",
        "_before",
        "_ended",
        "_front",
        "_in_order",
        "_points",
        "_stopped",
        "_undo_attempts",
        "_undone",
        "_unstarted",
        "doubtful",
        "events",
        "failures",
        "pivot",
        "plan",
        "policy",
        "recoveries",
        "run_state",
        "running",
        "saved",
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
        self.doubtful: set[int] = set()
        self.pivot: int | None = None
        self.saved: int | None = None
        self.recoveries = 0
        self._unstarted = len(plan)
        self._front = Front(plan, policy.schedule == "batch")
        self._back: BackFront | None = None
        self._stopped = False
        self._again: set[int] = set()
        self._attempts: dict[int, int] = {}  # of those that were called more than once
        self._undo_attempts: dict[int, int] = {}
        self._undone: set[int] = set()  # undone since, and to be done again
        self._before: dict[
            tuple[int, Direction], int
        ] = {}  # calls before the last save point was gone back to
        self._in_order = policy.order == "completion"
        self._ended: dict[int, None] = {}  # in the order in which they came to their end
        self._points = SavePoints(plan, policy)

    def ready(self, limit: int | None = None) -> Ready:
        """Give what may start next, forward or back, at most `limit` nodes."""
        batch_of = self.plan.batch_of
        if self.run_state.back:
            back = self._back
            if back is None or self._stopped or self._again or not back.undoable:
                return _IDLE
            nodes = tuple(islice(back.undoable, limit))
            last = max(map(batch_of.__getitem__, nodes), default=0)
            return Ready("back", last, nodes, self.running, self.recoveries)
        if self.failures or not self._front.startable:
            return _IDLE
        front = self._front
        nodes = tuple(islice(front.startable, limit))
        in_batches = self.policy.schedule == "batch"
        batch = front.batch if in_batches else min(map(batch_of.__getitem__, nodes), default=0)
        return Ready("forward", batch, nodes, self.running, self.recoveries)

    def due(self, closing: str = "", *, undecided: bool = False, whole: bool = False) -> list[Due]:
        """Give the changes that are due without a call: turning back, abandoning, coming to the end.

        `closing` is the reason why the run is to be rolled back although no action failed. If it is
        `undecided` what is to become of the failures, they alone do not turn the run back. Past a pivot
        nothing does. A rollback that is to be `whole` passes the save points.
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
        if state is RunState.RECOVERING:
            return self._due_recovering(closing)
        if self.pivot is not None:
            closing = ""
        if state is RunState.READY or state is RunState.RUNNING:
            if closing or (self.failures and not undecided):
                return self._due_turning(closing, whole)
            if not self._front.left and not self.failures:
                return [Due(None, RunState.SUCCEEDED, "")]
        elif state is RunState.SUCCEEDED and closing:
            return [Due(None, RunState.ROLLING_BACK, closing)]
        return []

    def _due_turning(self, closing: str, whole: bool) -> list[Due]:
        why = closing or self.why_back()
        point = None if closing or whole else self._save_point()
        if point is not None:
            return [Due(None, RunState.RECOVERING, f"{why}: back to the save point after batch {point + 1}")]
        if self.pivot is not None:
            return []
        return [Due(None, RunState.ROLLING_BACK, why), *self._abandoned()]

    def why_back(self) -> str:
        """Give what has failed, in words."""
        return ", ".join(f"{self.plan.names[node]} {self.states[node].word}" for node in self.failures)

    def _due_recovering(self, closing: str) -> list[Due]:
        undoing = self._back is not None and self._back.owed and not self._stopped
        if undoing and not (closing and self.pivot is None):
            return []
        left = not all(map(self._is_clean, self._since(self.saved)))
        if self.pivot is None and (closing or left):
            failed = ", ".join(self.plan.names[node] for node in self.undecided())
            why = closing or f"the rollback of {failed} failed: the save point cannot be reached"
            return [Due(None, RunState.ROLLING_BACK, why), *self._abandoned()]
        if left:
            return []
        assert self.saved is not None
        return [Due(None, RunState.RUNNING, f"again from the save point after batch {self.saved + 1}")]

    def _abandoned(self) -> list[Due]:
        return [Due(node, _ABANDONED, "") for node, state in enumerate(self.states) if state is _PENDING]

    def attempt(self, node: int | None, state: State) -> int:
        """Give the attempt that a change of `node` to `state` would belong to, from 1.

        The calls of an action are counted, and those of its rollback by themselves.
        """
        if node is None:
            return 1
        if state is _RUNNING:
            again = self.states[node] not in _UNCALLED
            return self._attempts.get(node, 1) + again
        if state is _ROLLING_BACK:
            again = self.states[node] is _ROLLBACK_FAILED or node in self._undone
            return self._undo_attempts.get(node, 1) + again
        back = state is _ROLLED_BACK or state is _ROLLBACK_FAILED
        return (self._undo_attempts if back else self._attempts).get(node, 1)

    def attempts(self, node: int, direction: Direction) -> int:
        """Give how many times an action, or its rollback, has been called, the present call included."""
        counted = self._attempts if direction == "forward" else self._undo_attempts
        return counted.get(node, 1)

    def calls(self, node: int, direction: Direction) -> int:
        """Give the same, not counting what was called before the run last went back to a save point."""
        return self.attempts(node, direction) - self._before.get((node, direction), 0)

    def undecided(self) -> list[int]:
        """Give the nodes that failed and can be tried again: the actions, or going back the rollbacks."""
        if self.run_state is RunState.RUNNING:
            return list(self.failures)
        if self.run_state.back or self.run_state is RunState.ROLLBACK_INCOMPLETE:
            return [node for node, state in enumerate(self.states) if state is _ROLLBACK_FAILED]
        return []

    def may_go_back(self) -> bool:
        """Whether a failure can make the run go back: all the way, or past a pivot to a save point."""
        return self.pivot is None or self._points.last(self.states, self._no_pivot_since) is not None

    def _no_pivot_since(self, batch: int) -> bool:
        since = self._since(batch)
        return not any(node in since and self.states[node] is _SUCCEEDED for node in self.policy.pivots)

    def _since(self, saved: int | None) -> range:
        """Give the nodes that come after a saved batch; all of them, if None is."""
        plan = self.plan
        return range(0 if saved is None else plan.batches[saved][-1] + 1, len(plan))

    def _save_point(self) -> int | None:
        """Give the batch to go back to: all that was done since then can be undone, as far as is known."""

        def allowed(batch: int) -> bool:
            return self._no_pivot_since(batch) and all(
                self._is_clean(node) or (self._owes(node) and self.undo[node] is not Undo.MISSING)
                for node in self._since(batch)
            )

        return self._points.last(self.states, allowed)

    def _owes(self, node: int) -> bool:
        """Whether `node` has still to be settled when the run turns back."""
        return owes(
            self.states[node],
            self.undo[node],
            undoes_failed=self._undoes_failed(node),
            skipped=node in self.skipped,
        )

    def _undoes_failed(self, node: int) -> bool:
        # Of two calls of which one was lost, the last one says nothing about the other.
        return self.policy.undoes_failed(node) or node in self.doubtful

    def _is_clean(self, node: int) -> bool:
        return is_clean(
            self.states[node],
            self.undo[node],
            undoes_failed=self._undoes_failed(node),
            skipped=node in self.skipped,
        )

    def leftovers(self) -> list[int]:
        """Give the nodes whose effect is, or may be, left when the run is rolled back."""
        return [node for node in range(len(self.plan)) if not self._is_clean(node)]

    def _clean(self) -> bool:
        return all(map(self._is_clean, range(len(self.plan))))
