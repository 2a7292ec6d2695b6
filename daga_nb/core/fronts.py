"""How far a run has come, forward and back: what each schedule lets start next."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Protocol

from daga_nb.core.moves import RollbackOrder
from daga_nb.core.plan import Plan

__all__ = ["BackFront", "Front", "back_front"]


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

    What is `done` already is through as soon as its turn comes:

    >>> list(Front(Plan.compile(nx.DiGraph([("a", "b")]), str), in_batches=True, done=[0]).startable)
    [1]
    """

    __slots__ = ("_done", "_in_batches", "_plan", "_waiting", "batch", "left", "startable")

    def __init__(self, plan: Plan, in_batches: bool, done: Iterable[int] = ()) -> None:
        self._plan = plan
        self._in_batches = in_batches
        self.batch = 0
        self.left = len(plan.batches[0]) if in_batches else len(plan)
        self.startable: dict[int, None] = dict.fromkeys(plan.batches[0])
        self._waiting = [] if in_batches else [len(before) for before in plan.predecessors]
        self._done = set(done)
        self._pass()

    def start(self, node: int) -> None:
        """Take note that `node` has started."""
        del self.startable[node]

    def take_back(self, node: int) -> None:
        """Take note that `node` was not called after all."""
        self.startable = dict.fromkeys(sorted([*self.startable, node]))

    def through(self, node: int) -> None:
        """Open the way for those that waited for `node`."""
        self._open(node)
        if self._done:
            self._pass()

    def _pass(self) -> None:
        while passed := sorted(self._done.intersection(self.startable)):
            self._done.difference_update(passed)
            for node in passed:
                self.start(node)
                self._open(node)

    def _open(self, node: int) -> None:
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


class BackFront(Protocol):
    """What may be settled, going back.

    Attributes
    ----------
    undoable
        The nodes that may be settled now.
    owed
        How many nodes are still to be settled.
    """

    undoable: dict[int, None]
    owed: int

    def start(self, node: int) -> None:
        """Take note that `node` is being settled."""

    def settle(self, node: int) -> None:
        """Open the way back for those that waited for `node`."""


def back_front(
    plan: Plan, order: RollbackOrder, owing: Collection[int], ended: Iterable[int] = ()
) -> BackFront:
    """Give the front of a rollback of the nodes that are `owing`.

    `ended` are the nodes in the order in which they came to their end.

    >>> import networkx as nx
    >>> plan = Plan.compile(nx.DiGraph([("a", "b"), ("a", "c")]), str)
    >>> [list(back_front(plan, order, [0, 1, 2], [0, 2, 1]).undoable) for order in ("batches", "completion")]
    [[1, 2], [1]]
    """
    if order == "graph":
        return _ByGraph(plan, owing)
    owing = set(owing)
    if order == "batches":
        waves = [[node for node in batch if node in owing] for batch in plan.batches]
    else:
        waves = [[node] for node in ended if node in owing]
    return _InWaves([wave for wave in waves if wave])


class _InWaves:
    """Wave by wave, the last one first."""

    __slots__ = ("_left", "_waves", "owed", "undoable")

    def __init__(self, waves: list[list[int]]) -> None:
        self._waves = waves
        self._left = 0
        self.owed = sum(map(len, waves))
        self.undoable: dict[int, None] = {}
        self._retreat()

    def _retreat(self) -> None:
        if self._waves:
            wave = self._waves.pop()
            self._left = len(wave)
            self.undoable = dict.fromkeys(wave)

    def start(self, node: int) -> None:
        del self.undoable[node]

    def settle(self, node: int) -> None:
        self.owed -= 1
        self._left -= 1
        if not self._left:
            self._retreat()


class _ByGraph:
    """Every node that nothing downstream of waits for any more."""

    __slots__ = ("_left", "_owing", "_plan", "owed", "undoable")

    def __init__(self, plan: Plan, owing: Iterable[int]) -> None:
        self._plan = plan
        self._owing = set(owing)
        self.owed = len(self._owing)
        self._left = [len(after) for after in plan.successors]
        self.undoable: dict[int, None] = {}
        self._open([node for node, left in enumerate(self._left) if not left])
        self.undoable = dict.fromkeys(sorted(self.undoable))

    def _open(self, nodes: list[int]) -> None:
        """Let `nodes` be settled; those that owe nothing are so at once, and the way goes on through them."""
        for node in nodes:  # which grows meanwhile
            if node in self._owing:
                self.undoable[node] = None
            else:
                nodes += self._settled(node)

    def _settled(self, node: int) -> list[int]:
        opened = []
        for before in self._plan.predecessors[node]:
            self._left[before] -= 1
            if not self._left[before]:
                opened.append(before)
        return opened

    def start(self, node: int) -> None:
        del self.undoable[node]

    def settle(self, node: int) -> None:
        self.owed -= 1
        self._open(self._settled(node))
