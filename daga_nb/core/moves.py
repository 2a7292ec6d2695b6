"""What a machine is asked and answers: the policy of a flow, what may start, what is due."""

from __future__ import annotations

from enum import Enum
from typing import Literal, NamedTuple

from daga_nb.core.states import State

__all__ = ["SKIPPED", "Direction", "Due", "Policy", "Ready", "Undo"]

Direction = Literal["forward", "back"]


SKIPPED = "skipped, with a value given by hand"
"""The reason of the event by which a failed action counts as succeeded."""


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
    """

    schedule: Literal["batch", "eager"] = "batch"
    rollback_failed: bool = True
    on_rollback_error: Literal["continue", "stop"] = "continue"


class Ready(NamedTuple):
    """What may start now: the nodes, in plan order within a batch, and where they stand."""

    direction: Direction | None
    batch: int
    nodes: tuple[int, ...]
    running: int


class Due(NamedTuple):
    """A state change that is due, and that nobody has to carry out. `node` is None for the run."""

    node: int | None
    state: State
    reason: str
