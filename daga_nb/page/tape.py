"""A story as a page reads it: one short row for each event, and for each action what an inspector shows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from daga_nb.core.events import Event
from daga_nb.core.moves import Undo
from daga_nb.core.plan import Plan
from daga_nb.core.states import NodeState
from daga_nb.page.marks import RUN_STATES, STATES
from daga_nb.render.text import elide, seconds

if TYPE_CHECKING:
    from daga_nb.debug.story import Note

__all__ = ["NO_ROLLBACK", "Tape", "history_of"]

NO_ROLLBACK = {
    Undo.NOTHING: "no effect: nothing to undo",
    Undo.MISSING: "none: its effect stays",
    Undo.ELSEWHERE: "another run did it, and is the one to undo it",
}
"""Why nothing is called to undo an action."""

LONGEST_HISTORY = 200
_N = NodeState
_NUMBER = {state: number for number, state in enumerate(STATES)}
_RUN_NUMBER = {state: number for number, state in enumerate(RUN_STATES)}


class Tape:
    """The rows of a story, ``[node, state, time, failed, at]``; of the run itself ``[-1, state, "", 0, at]``.

    State, duration in words, and whether it failed are what a card shows after the event; `at` is in
    milliseconds of run time.

    Examples
    --------
    >>> import networkx as nx
    >>> from daga_nb.debug.story import Note
    >>> tape = Tape(Plan.compile(nx.DiGraph([("a", "b")]), str))
    >>> tape.add(Event(1, 0.5, "a", NodeState.FAILED), Note("no", 0.25))
    [0, 3, '0.25 s', 1, 500.0]
    """

    def __init__(self, plan: Plan, events: Iterable[Event] = (), notes: Iterable[Note] = ()) -> None:
        self.rows: list[list[Any]] = []
        self._of: list[list[int]] = [[] for _ in plan.names]
        self._ids = plan.ids
        self._failed: set[str] = set()
        for event, note in zip(events, notes, strict=True):
            self.add(event, note)

    def add(self, event: Event, note: Note) -> list[Any]:
        """Add an event, and give its row."""
        at = round(1000 * event.at, 3)
        if event.node is None:
            row = [-1, _RUN_NUMBER[event.state], "", 0, at]  # type: ignore[index]
        else:
            if event.state is _N.FAILED:
                self._failed.add(event.node)
            elif event.state is _N.RUNNING or event.state is _N.SUCCEEDED:
                self._failed.discard(event.node)
            state = _NUMBER[event.state]  # type: ignore[index]
            time = seconds(note.took)
            node = self._ids[event.node]
            self._of[node].append(len(self.rows))
            row = [node, state, time, int(event.node in self._failed), at]
        self.rows.append(row)
        return row

    def of(self, node: int) -> list[int]:
        """Give where in the story the events of an action stand, from 0."""
        return self._of[node]


def history_of(
    plan: Plan, undo: Sequence[Undo], node: int, told: Iterable[tuple[Event, Note]]
) -> list[list[Any]]:
    """Give what an inspector shows of an action in the course of its story.

    Each part says after which event, and what is other than before; None for what is there no more.

    Parameters
    ----------
    plan, undo
        The flow's.
    node
        The action.
    told
        Its events with their notes.
    """
    start: dict[str, Any] = {}
    before = [elide(plan.names[one]) for one in plan.predecessors[node]]
    if before:
        start["waits for"] = ", ".join(before[:8]) + (" …" if len(before) > 8 else "")
    if undo[node] in NO_ROLLBACK:
        start["rollback"] = NO_ROLLBACK[undo[node]]
    found: list[list[Any]] = [[0, start]]
    found += [[event.seq, _change(event, note, start)] for event, note in told]
    if len(found) > LONGEST_HISTORY:
        merged: dict[str, Any] = {}
        for _, change in found[: -LONGEST_HISTORY + 1]:
            merged |= change
        found = [[0, merged], *found[-LONGEST_HISTORY + 1 :]]
    return found


def _change(event: Event, note: Note, start: dict[str, Any]) -> dict[str, Any]:
    state, text, took = event.state, note.text or None, seconds(note.took) or None
    if state is _N.RUNNING:
        ended = dict.fromkeys(("waits for", "result", "took", "failed"))
        return {**ended, "attempt": str(event.attempt), "inputs": text}
    if state is _N.SUCCEEDED:
        return {"waits for": None, "result": text, "took": took, "failed": None}
    if state is _N.FAILED or state is _N.UNKNOWN:
        return {"took": took, "failed": text or event.reason or None}
    if state is _N.ROLLING_BACK:
        return dict.fromkeys(("rollback failed", "rollback took"))
    if state is _N.ROLLED_BACK:
        return {"rolled back in": took, "rollback result": text}
    if state is _N.ROLLBACK_FAILED:
        return {"rollback took": took, "rollback failed": text or event.reason or None}
    if state is _N.ABANDONED:
        return {"waits for": None, "waited for": start.get("waits for")}
    return {}
