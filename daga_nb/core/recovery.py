"""Save points: how far a run goes back, to go forward again from there (Garcia-Molina and Salem, 1987)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from daga_nb.core.moves import Policy
from daga_nb.core.plan import Plan
from daga_nb.core.states import NodeState

__all__ = ["SavePoints"]


class SavePoints:
    """The save points of a run, each after a batch, with how often the run may still go back to it.

    A save point stands after the whole batch of its action: what belongs to the batches up to there is saved.

    Examples
    --------
    >>> import networkx as nx
    >>> plan = Plan.compile(nx.DiGraph([("a", "b"), ("b", "c")]), str)
    >>> points = SavePoints(plan, Policy(save_points=((0, 1),)))
    >>> states = [NodeState.SUCCEEDED, NodeState.ROLLED_BACK, NodeState.FAILED]
    >>> points.last(states, lambda batch: True)
    0
    >>> points.use(0)
    >>> points.last(states, lambda batch: True) is None
    True
    """

    __slots__ = ("_plan", "_tries")

    def __init__(self, plan: Plan, policy: Policy) -> None:
        self._plan = plan
        self._tries: dict[int, int] = {}
        for node, times in policy.save_points:
            batch = plan.batch_of[node]
            self._tries[batch] = max(times, self._tries.get(batch, 0))

    def last(self, states: Sequence[NodeState], allowed: Callable[[int], bool]) -> int | None:
        """Give the last batch that is saved, has tries left and is `allowed`; None if there is none."""
        if not self._tries:
            return None
        saved = self._saved(states)
        for batch in sorted(self._tries, reverse=True):
            if batch < saved and self._tries[batch] and allowed(batch):
                return batch
        return None

    def use(self, batch: int) -> None:
        """Take note that the run goes back to the save point after `batch`."""
        self._tries[batch] -= 1

    def _saved(self, states: Sequence[NodeState]) -> int:
        """Give how many batches have succeeded without a gap."""
        for number, batch in enumerate(self._plan.batches):
            if any(states[node] is not NodeState.SUCCEEDED for node in batch):
                return number
        return len(self._plan.batches)
