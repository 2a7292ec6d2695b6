"""What one action owes when its run turns back, and whether anything of it is left."""

from __future__ import annotations

from daga_nb.core.moves import Undo
from daga_nb.core.states import NodeState

__all__ = ["is_clean", "owes"]

_N = NodeState


def owes(state: NodeState, undo: Undo, *, undoes_failed: bool, skipped: bool = False) -> bool:
    """Whether an action has still to be settled: undone, or found to be kept.

    `undoes_failed` says whether it is rolled back after it has failed, `skipped` whether it failed and counts
    as succeeded all the same.

    >>> owes(NodeState.SUCCEEDED, Undo.MISSING, undoes_failed=True)
    True
    >>> owes(NodeState.FAILED, Undo.CALL, undoes_failed=False)
    False
    """
    if state is _N.SUCCEEDED:
        return undo is not Undo.ELSEWHERE and (undoes_failed or not skipped)
    return undo is Undo.CALL and (state is _N.UNKNOWN or (state is _N.FAILED and undoes_failed))


def is_clean(state: NodeState, undo: Undo, *, undoes_failed: bool, skipped: bool = False) -> bool:
    """Whether nothing of an action is left, nor may be.

    >>> is_clean(NodeState.KEPT, Undo.MISSING, undoes_failed=True)
    False
    """
    if state is _N.FAILED or state is _N.UNKNOWN:
        return undo is Undo.NOTHING or (state is _N.FAILED and not undoes_failed)
    if state is _N.SUCCEEDED:
        return undo is Undo.ELSEWHERE or (skipped and not undoes_failed)
    return state is _N.ROLLED_BACK or state is _N.ABANDONED or state is _N.PENDING
