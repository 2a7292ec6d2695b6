"""A story as a page reads it: one short row for each event, and for each action what an inspector shows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from daga_nb.core.events import Event
from daga_nb.core.moves import SKIPPED, Undo
from daga_nb.core.plan import Plan
from daga_nb.core.states import NodeState
from daga_nb.core.tries import Tries
from daga_nb.engine.preview import LONGEST_TEXT, whole
from daga_nb.page.marks import NUMBER, RUN_NUMBER, SKIPPED_WORD
from daga_nb.render.text import elide, seconds

if TYPE_CHECKING:
    from daga_nb.debug.story import Note

    Told = Callable[[int], Iterable[tuple[Event, Note]]]

__all__ = ["NO_ROLLBACK", "Tape", "event_row", "history_of", "merged_of"]

NO_ROLLBACK = {
    Undo.NOTHING: "no effect: nothing to undo",
    Undo.MISSING: "none: its effect stays",
    Undo.ELSEWHERE: "another run did it, and is the one to undo it",
}
"""Why nothing is called to undo an action."""

LONGEST_HISTORY = 200
_NAMED = 8
_N = NodeState


class Tape:
    """The rows of a story, ``[node, state, time, failed, at]``; of the run itself ``[-1, state, "", 0, at]``.

    State, duration in words (or which attempt it is, if not the first), and whether it failed are what a card
    shows after the event; `at` is in milliseconds of run time.

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
        self._tries = Tries()
        for event, note in zip(events, notes, strict=True):
            self.add(event, note)

    def add(self, event: Event, note: Note) -> list[Any]:
        """Add an event, and give its row."""
        at = round(1000 * event.at, 3)
        if event.node is None:
            row = [-1, RUN_NUMBER[event.state], "", 0, at]  # type: ignore[index]
        else:
            if event.state is _N.FAILED:
                self._failed.add(event.node)
            elif event.state is _N.RUNNING or event.state is _N.SUCCEEDED:
                self._failed.discard(event.node)
            state = NUMBER[event.state]  # type: ignore[index]
            node = self._ids[event.node]
            attempt = self._tries.add(event)
            kept = event.state is _N.KEPT and self._of[node]  # it was not called again
            time = self.rows[self._of[node][-1]][2] if kept else attempt or seconds(note.took)
            if event.reason == SKIPPED:
                time = SKIPPED_WORD
            self._of[node].append(len(self.rows))
            row = [node, state, time, int(event.node in self._failed), at]
        self.rows.append(row)
        return row

    def of(self, node: int) -> list[int]:
        """Give where in the story the events of an action stand, from 0."""
        return self._of[node]


def history_of(plan: Plan, undo: Sequence[Undo], node: int, told: Told) -> list[list[Any]]:
    """Give what an inspector shows of an action in the course of its story.

    Each part says after which event, and what is other than before; None for what is there no more.

    Parameters
    ----------
    plan, undo
        The flow's.
    node
        The action.
    told
        Gives the events of any action, with their notes.
    """
    before = dict.fromkeys(plan.predecessors[node])
    waits = "waits for"
    start = {waits: _named(plan, before)} if before else {}
    if undo[node] in NO_ROLLBACK:
        start["rollback"] = NO_ROLLBACK[undo[node]]
    found: list[list[Any]] = [[0, start]]
    for seq, one in sorted(_given(before, told)):  # all of them before its own first event
        del before[one]
        found.append([seq, {waits: _named(plan, before)}])
    found += [[event.seq, _change(event, note, _named(plan, before))] for event, note in told(node)]
    if len(found) > LONGEST_HISTORY:
        merged: dict[str, Any] = {}
        for _, change in found[: -LONGEST_HISTORY + 1]:
            merged |= change
        found = [[0, merged], *found[-LONGEST_HISTORY + 1 :]]
    return found


def merged_of(history: Iterable[Sequence[Any]]) -> dict[str, str]:
    """Give what is shown at the end of a history.

    >>> merged_of([[0, {"waits for": "a"}], [4, {"waits for": None, "inputs": "[7]"}]])
    {'inputs': '[7]'}
    """
    known: dict[str, Any] = {}
    for _, change in history:
        known |= change
    return {label: text for label, text in known.items() if text}


def event_row(event: Event) -> list[Any]:
    """Give an event as an inspector lists it: when, what, why, and its number."""
    return [f"{event.at:.3f} s", event.state.word, whole(event.reason[:300]), event.seq]


def _given(nodes: Iterable[int], told: Told) -> Iterator[tuple[int, int]]:
    """Give after which event the result of each of these was there, if ever."""
    for node in nodes:
        for event, _ in told(node):
            if event.state is _N.SUCCEEDED:
                yield event.seq, node
                break


def _named(plan: Plan, nodes: Iterable[int]) -> str | None:
    names = [elide(plan.names[one]) for one in islice(nodes, _NAMED + 1)]
    return ", ".join(names[:_NAMED]) + (" …" if len(names) > _NAMED else "") or None


def _change(event: Event, note: Note, waits: str | None) -> dict[str, Any]:
    state, text, took = event.state, note.text or None, seconds(note.took) or None
    reason = whole(event.reason[:LONGEST_TEXT]) or None
    if state is _N.RUNNING:
        ended = dict.fromkeys(("waits for", "result", "took", "failed"))
        return {**ended, "attempt": str(event.attempt), "inputs": text}
    if state is _N.SUCCEEDED:
        return {"waits for": None, "result": text, "took": took, "failed": None}
    if state is _N.FAILED or state is _N.UNKNOWN:
        return {"took": took, "failed": text or reason}
    if state is _N.ROLLING_BACK:
        return dict.fromkeys(("rollback failed", "rollback took"))
    if state is _N.ROLLED_BACK:
        return {"rolled back in": took, "rollback result": text}
    if state is _N.ROLLBACK_FAILED:
        return {"rollback took": took, "rollback failed": text or reason}
    if state is _N.ABANDONED:
        return {"waits for": None, "waited for": waits}
    return {}
