"""How far a run has come, forward and back: what each schedule lets start next."""

from __future__ import annotations

from collections.abc import Iterable

from daga_nb.core.plan import Plan

__all__ = ["BackFront", "Front"]


class Front:
    """What may start, forward.

    In the batch schedule that is the batch after those that are through; else every action whose own
    predecessors are through.

    Attributes
    ----------
    startable
        The nodes that may start now, in plan order within a batch.
    batch
        The index of the batch at the front (batch schedule).
    left
        How many nodes are not through yet: of the batch at the front (batch schedule), else of all.

    Examples
    --------
    >>> import networkx as nx
    >>> front = Front(Plan.compile(nx.DiGraph([("a", "b")]), str), in_batches=True)
    >>> front.start(0), front.through(0), list(front.startable)
    (None, None, [1])
    """

    __slots__ = ("_in_batches", "_plan", "_waiting", "batch", "left", "startable")

    def __init__(self, plan: Plan, in_batches: bool) -> None:
        self._plan = plan
        self._in_batches = in_batches
        self.batch = 0
        self.left = len(plan.batches[0]) if in_batches else len(plan)
        self.startable: dict[int, None] = dict.fromkeys(plan.batches[0])
        self._waiting = [] if in_batches else [len(before) for before in plan.predecessors]

    def start(self, node: int) -> None:
        """Take note that `node` has started."""
        del self.startable[node]

    def through(self, node: int) -> None:
        """Open the way for those that waited for `node`."""
        self.left -= 1
        if not self._in_batches:
            for successor in self._plan.successors[node]:
                self._waiting[successor] -= 1
                if not self._waiting[successor]:
                    self.startable[successor] = None
        elif not self.left and self.batch + 1 < len(self._plan.batches):
            self.batch += 1
            batch = self._plan.batches[self.batch]
            self.left = len(batch)
            self.startable = dict.fromkeys(batch)


class BackFront:
    """What may be settled, going back, of the nodes that are `owing`.

    In the batch schedule that is the last batch with something to settle; else every node whose own
    successors are all settled.

    Attributes
    ----------
    undoable
        The nodes that may be settled now.
    batch
        The index of the batch at the front (batch schedule).
    owed
        How many nodes are still to be settled.

    Examples
    --------
    >>> import networkx as nx
    >>> back = BackFront(Plan.compile(nx.DiGraph([("a", "b")]), str), True, owing=[0, 1])
    >>> list(back.undoable), back.start(1), back.settle(1), list(back.undoable)
    ([1], None, None, [0])
    """

    __slots__ = ("_in_batches", "_left", "_owing", "_plan", "batch", "owed", "undoable")

    def __init__(self, plan: Plan, in_batches: bool, owing: Iterable[int]) -> None:
        self._plan = plan
        self._in_batches = in_batches
        self._owing = set(owing)
        self.owed = len(self._owing)
        self.batch = len(plan.batches)
        self.undoable: dict[int, None] = {}
        if in_batches:
            self._left = [0] * len(plan.batches)
            for node in self._owing:
                self._left[plan.batch_of[node]] += 1
            self._retreat()
        else:
            self._left = [sum(after in self._owing for after in some) for some in plan.successors]
            self.undoable = {node: None for node in sorted(self._owing) if not self._left[node]}

    def start(self, node: int) -> None:
        """Take note that `node` is being settled."""
        del self.undoable[node]

    def settle(self, node: int) -> None:
        """Open the way back for those that waited for `node`."""
        self.owed -= 1
        if self._in_batches:
            self._left[self.batch] -= 1
            if not self._left[self.batch]:
                self._retreat()
            return
        for before in self._plan.predecessors[node]:
            self._left[before] -= 1
            if not self._left[before] and before in self._owing:
                self.undoable[before] = None

    def _retreat(self) -> None:
        """Go to the last batch that has something to settle."""
        while self.batch and not self._left[self.batch - 1]:
            self.batch -= 1
        if self.batch:
            self.batch -= 1
            batch = self._plan.batches[self.batch]
            self.undoable = {node: None for node in batch if node in self._owing}
