"""What the next step of a run would do, as a value and in words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from daga_nb.core.entries import Entry
from daga_nb.core.ledger import Ledger
from daga_nb.core.machine import Machine
from daga_nb.core.moves import BY_REQUEST, CANCELLED, Direction
from daga_nb.core.states import NodeState, RunState

__all__ = ["NextStep", "next_step"]

_ASKED = {BY_REQUEST: ", as was asked for", CANCELLED: ", as the run was cancelled"}
_SHOWN = 6


class NextStep(NamedTuple):
    """What the next step of a run would do.

    Attributes
    ----------
    direction
        ``"forward"``, ``"back"``, or None if there is nothing more to do.
    batch
        The number of the batch, from 1; None if there is nothing more to do.
    batches
        How many batches the flow has.
    actions
        The display names of the actions that would be called, or undone.
    state
        The state of the run now.
    left
        After an incomplete rollback, the display names of the actions whose effect is, or may be, left.
    undecided
        The display names of what failed, if somebody has to decide first what becomes of it.
    pivot
        The display name of the point of no return that the run has passed; else nothing.
    again
        The display names of what is called once more, because its process ended before it did; the actions,
        or going back the rollbacks.
    unknown
        Those of the `undecided` that have not failed, as far as anybody knows: how they ended was lost.
    turning
        Why the run turns back with the next step; else nothing.
    flaws
        What the ledger of effects, or who observed the world, has found wrong when all was rolled back, in
        words.

    Examples
    --------
    >>> print(NextStep("forward", 3, 4, ("charge", "reserve"), RunState.RUNNING))
    next: batch 3, 2 actions: charge, reserve
    >>> print(NextStep("back", 2, 4, ("hotel",), RunState.ROLLING_BACK))
    next: rolling back batch 2 of 4: hotel
    >>> print(NextStep(None, None, 4, (), RunState.ROLLBACK_INCOMPLETE, left=("mail",)))
    rollback incomplete; left: mail
    """

    direction: Direction | None
    batch: int | None
    batches: int
    actions: tuple[str, ...]
    state: RunState
    left: tuple[str, ...] = ()
    undecided: tuple[str, ...] = ()
    pivot: str = ""
    flaws: str = ""
    again: tuple[str, ...] = ()
    turning: str = ""
    unknown: tuple[str, ...] = ()

    @property
    def what_is_left(self) -> str:
        """What an incomplete rollback has left, in words; else nothing."""
        return f"left: {_some(self.left)}" if self.left else ""

    @property
    def _what_failed(self) -> str:
        failed = tuple(name for name in self.undecided if name not in self.unknown)
        back = "the rollback of " if self.state.back else ""
        told = [f"{back}{_some(failed)} failed"] if failed else []
        if self.unknown:
            told.append(f"nobody knows whether {_some(self.unknown)} happened")
        return ", and ".join(told)

    def __str__(self) -> str:
        if self.again:
            what = "the rollback of " if self.state.back else ""
            before = "it" if len(self.again) == 1 else "they"
            return f"next: {what}{_some(self.again)} once more, as the process ended before {before} did"
        if self.turning:
            return f"next: the rollback{_ASKED.get(self.turning, f' ({self.turning})')}"
        if self.undecided:
            forward = self.state is RunState.RUNNING
            failed = self._what_failed
            if self.pivot:
                past = f"past the pivot {self.pivot} there is no way back"
                return f"paused: {failed}, and {past}; retry{', or skip with a value' if forward else ''}"
            return f"paused: {failed}; retry, {'skip with a value, or roll back' if forward else 'or go on'}"
        if self.direction is None:
            if self.state is RunState.ROLLED_BACK and self.flaws:
                return f"rolled back, and yet: {self.flaws}"
            return "; ".join(filter(None, (_AT_REST[self.state], self.what_is_left)))
        names = _some(self.actions)
        if self.direction == "back":
            where = "back to the save point: " if self.state is RunState.RECOVERING else ""
            return f"next: {where}rolling back batch {self.batch} of {self.batches}: {names}"
        count = "1 action" if len(self.actions) == 1 else f"{len(self.actions)} actions"
        return f"next: batch {self.batch}, {count}: {names}"


_AT_REST = {
    RunState.READY: "ready",
    RunState.RUNNING: "waiting for what still runs",
    RunState.SUCCEEDED: "succeeded: nothing more to do",
    RunState.RECOVERING: "waiting for what still rolls back",
    RunState.ROLLING_BACK: "waiting for what still rolls back",
    RunState.ROLLED_BACK: "rolled back: nothing is left",
    RunState.ROLLBACK_INCOMPLETE: "rollback incomplete",
}


def _some(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def next_step(
    machine: Machine,
    undecided: Iterable[int] = (),
    effects: Iterable[Entry] = (),
    *,
    again: Iterable[int] = (),
) -> NextStep:
    """Give what the next step of `machine` would do; nothing, while something is `undecided`.

    What is called `again` is what was lost with its process.
    That nothing is left is only said if what the actions told of their `effects` does not say otherwise.
    """
    ready = machine.ready()
    plan = machine.plan
    names = tuple(plan.names[node] for node in ready.nodes if plan.batch_of[node] == ready.batch)
    batch = ready.batch + 1 if ready.direction else None
    left: tuple[str, ...] = ()
    if machine.run_state is RunState.ROLLBACK_INCOMPLETE:
        left = tuple(plan.names[node] for node in machine.leftovers())
    stuck = tuple(undecided)
    failed = tuple(plan.names[node] for node in stuck)
    unknown = tuple(plan.names[node] for node in stuck if machine.states[node] is NodeState.UNKNOWN)
    pivot = "" if machine.pivot is None else plan.names[machine.pivot]
    state = machine.run_state
    flaws = Ledger(tuple(effects), plan, state).flaws if state is RunState.ROLLED_BACK else ""
    step = NextStep(ready.direction, batch, len(plan.batches), names, state, left, failed, pivot, flaws)
    if unknown:
        step = step._replace(unknown=unknown)
    anew = tuple(again)
    if not anew:
        return step
    direction: Direction = "back" if state.back else "forward"
    names = tuple(plan.names[node] for node in anew)
    batch = plan.batch_of[anew[0]] + 1
    return step._replace(direction=direction, batch=batch, actions=names, again=names)
