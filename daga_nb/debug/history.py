"""Takes notes while a run happens: results change later, and errors are forgotten when one tries again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from daga_nb.core.events import Event
from daga_nb.core.plan import Plan
from daga_nb.core.states import NodeState
from daga_nb.debug.story import Note, Story
from daga_nb.engine.preview import LONGEST_TEXT, preview, traceback_of

if TYPE_CHECKING:
    from daga_nb.engine.look import RunLook

__all__ = ["History", "note_of", "shape_of", "story_of"]

MOST_LINES = 10_000
_N = NodeState
_ENDS_BACK = frozenset({_N.ROLLED_BACK, _N.ROLLBACK_FAILED})
_ENDS = frozenset({_N.SUCCEEDED, _N.FAILED, _N.UNKNOWN}) | _ENDS_BACK


def note_of(run: RunLook, event: Event) -> Note:
    """Give what can be seen of an event now, right after it.

    >>> import asyncio
    >>> from daga_nb import DagaFlow
    >>> run = DagaFlow([(abs, max)]).start(-3)
    >>> _ = asyncio.run(run.step())
    >>> note_of(run, run.events[2]).text.splitlines()[0]
    "TypeError: bad operand type for abs(): 'list'"
    """
    name, state = event.node, event.state
    if name is None:
        return Note()
    if state is _N.RUNNING:
        return Note(preview(run.inputs_of(name)))
    took = run.duration(name, rollback=state in _ENDS_BACK) if state in _ENDS else None
    return Note(_outcome(run, name, state), took)


def _outcome(run: RunLook, name: str, state: Any) -> str:
    if state is _N.SUCCEEDED and name in run.results:
        return preview(run.results[name])
    if state is _N.ROLLED_BACK and name in run.rollback_results:
        return preview(run.rollback_results[name])
    if (state is _N.FAILED or state is _N.UNKNOWN) and name in run.errors:
        return traceback_of(run.errors[name])
    if state is _N.ROLLBACK_FAILED and name in run.rollback_errors:
        return traceback_of(run.rollback_errors[name].error)
    return ""


class History:
    """The notes on one run, taken when its events happen.

    Parameters
    ----------
    run
        The run.
    notes
        On its first events, if they were taken before: in another process, say.

    Attributes
    ----------
    notes
        One for each event.
    lines
        What was printed: after how many events, and the line.
    """

    def __init__(self, run: RunLook, notes: Sequence[Note] = ()) -> None:
        self._run = run
        self.notes: list[Note] = [*notes, *_late(run, len(notes))]
        self.lines: list[tuple[int, str]] = []
        run.subscribe(self._hear)

    def _hear(self, event: Event) -> None:
        if event.seq <= len(self.notes):  # it had happened, and was told only now
            return
        note = Note()
        try:
            note = note_of(self._run, event)
        finally:  # each event has its note, also when a person's interrupt strikes here
            self.notes.append(note)

    def wrote(self, line: str) -> None:
        """Keep a line that was printed now."""
        self.lines.append((len(self._run.events), line))
        if len(self.lines) > MOST_LINES:
            del self.lines[: MOST_LINES // 10]


def _late(run: RunLook, first: int) -> list[Note]:
    """Give notes on events that nobody took notes of.

    How the last call of each action, and of its rollback, ended can still be seen; of the calls before it
    there is what the events say.
    """
    seen: set[tuple[str | None, bool]] = set()
    notes: list[Note] = []
    for event in reversed(run.events[first:]):
        key = event.node, event.state in _ENDS_BACK
        if event.state in _ENDS and key in seen:
            notes.append(Note(event.reason[:LONGEST_TEXT]))
        else:
            notes.append(note_of(run, event))
        if event.state in _ENDS:
            seen.add(key)
    return notes[::-1]


def shape_of(plan: Plan) -> Plan:
    """Give a plan as a story keeps it: names in place of what is called, and an order that a file can carry.

    >>> import networkx as nx
    >>> shape_of(Plan.compile(nx.DiGraph([(1, 2)]), str)).nodes
    ('1', '2')
    """
    after: list[list[int]] = [[] for _ in plan.names]
    for node, before in enumerate(plan.predecessors):
        for one in before:
            after[one].append(node)
    return replace(plan, successors=tuple(map(tuple, after)), nodes=plan.names)


def story_of(run: RunLook, history: History | None) -> Story:
    """Give the story of a run so far, with the notes that were taken, or else can still be taken."""
    effects = tuple(run.effects)  # before the events: none of it knows of more of them
    events = tuple(run.events)
    taken = [] if history is None else history.notes[: len(events)]
    notes = (*taken, *_late(run, len(taken)))
    return Story(
        flow=run.flow.name,
        run=run.id,
        input="" if run.input is None else preview(run.input),
        plan=shape_of(run.plan),
        undo=tuple(run.undo),
        policy=run.policy,
        started_at=run.started_at,
        events=events,
        notes=notes,
        # On another thread one may be printed between events that came after these.
        lines=()
        if history is None
        else tuple((min(seq, len(events)), line) for seq, line in [*history.lines]),
        effects=effects,
        tags=run.tags,
    )
