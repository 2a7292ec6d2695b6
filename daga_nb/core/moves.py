"""What a machine is asked and answers: the policy of a flow, what may start, what is due."""

from __future__ import annotations

from enum import Enum
from typing import Literal, NamedTuple

from daga_nb.core.states import State

__all__ = [
    "BY_REQUEST", "CANCELLED", "MOST_TRIES", "SKIPPED",
    "Direction", "Due", "Policy", "Ready", "RollbackOrder", "Undo",
]  # fmt: skip

Direction = Literal["forward", "back"]
RollbackOrder = Literal["batches", "graph", "completion"]


MOST_TRIES = 1_000_000
"""How often something may be tried again at the most."""

BY_REQUEST = "rolled back by request"
CANCELLED = "cancelled"
"""The reasons of the events by which a run turns back although nothing has failed."""

SKIPPED = "skipped, with a value given by hand"
"""The reason of the event by which a failed action counts as succeeded."""


_ORDERS: dict[RollbackOrder, str] = {
    "batches": "rolls back batch by batch",
    "graph": "rolls back along the graph",
    "completion": "rolls back one at a time, the newest first",
}


class Undo(Enum):
    """What undoing an action takes."""

    CALL = "call"  # it has a rollback
    NOTHING = "nothing"  # it has no effect
    MISSING = "missing"  # it has an effect, and no rollback
    ELSEWHERE = "elsewhere"  # another run did it, and is the one to undo it


class Policy(NamedTuple):
    """The choices that a flow makes about its runs.

    Attributes
    ----------
    schedule
        ``"batch"``: a batch starts when the one before it is through. ``"eager"``: an action starts as soon
        as its own predecessors are through.
    rollback_failed
        Whether a failed action is rolled back too (it may have half happened).
    on_rollback_error
        Whether the other rollbacks go on after one has failed: ``"continue"`` or ``"stop"``.
    rollback_order
        ``"batches"``: batch by batch, the last one first. ``"graph"``: an action as soon as its successors
        are settled. ``"completion"``: one at a time, what ended last first. None for that of the schedule.
    otherwise
        The actions for which `rollback_failed` is the other way round, by number.
    pivots
        The points of no return, by number: once one of them has succeeded, the run never turns back.
    save_points
        The actions after whose batch the run can begin anew, by number, each with how often it may.

    Examples
    --------
    >>> Policy().order, Policy("eager").order
    ('batches', 'graph')
    """

    schedule: Literal["batch", "eager"] = "batch"
    rollback_failed: bool = True
    on_rollback_error: Literal["continue", "stop"] = "continue"
    rollback_order: RollbackOrder | None = None
    otherwise: frozenset[int] = frozenset()
    pivots: frozenset[int] = frozenset()
    save_points: tuple[tuple[int, int], ...] = ()

    @property
    def order(self) -> RollbackOrder:
        """The order of the rollback."""
        return self.rollback_order or ("batches" if self.schedule == "batch" else "graph")

    @property
    def choices(self) -> tuple[str, ...]:
        """What is other than in a flow that says nothing about its runs, in words.

        >>> Policy("eager", rollback_failed=False).choices
        ('eager schedule', 'what failed is not rolled back')
        """
        found = {
            "eager schedule": self.schedule == "eager",
            _ORDERS[self.order]: self.order != Policy(self.schedule).order,
            "what failed is not rolled back": not self.rollback_failed,
            "stops where a rollback fails": self.on_rollback_error == "stop",
        }
        return tuple(words for words, chosen in found.items() if chosen)

    def of_one(self, node: int, number: int) -> Policy:
        """Give the policy of a run of one action alone, which has another number there."""
        otherwise = frozenset({number}) if node in self.otherwise else frozenset[int]()
        return self._replace(otherwise=otherwise, pivots=frozenset(), save_points=())

    def undoes_failed(self, node: int) -> bool:
        """Whether an action is rolled back after it has failed (it may have half happened)."""
        return self.rollback_failed is not (node in self.otherwise)


class Ready(NamedTuple):
    """What may start now: the nodes, in plan order within a batch, and where they stand.

    `round` tells how often the run has gone back to a save point: it may stand before the same nodes again.
    """

    direction: Direction | None
    batch: int
    nodes: tuple[int, ...]
    running: int
    round: int = 0


class Due(NamedTuple):
    """A state change that is due, and that nobody has to carry out. `node` is None for the run."""

    node: int | None
    state: State
    reason: str
