"""A story in words: the lines of a log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from daga_nb.core.events import Event
from daga_nb.core.plan import Plan
from daga_nb.core.states import NodeState
from daga_nb.core.tries import is_retry
from daga_nb.engine.preview import whole
from daga_nb.page.marks import NUMBER, RUN_NUMBER
from daga_nb.render.text import elide

if TYPE_CHECKING:
    from daga_nb.debug.story import Note, Story

__all__ = ["LONGEST_PART", "TOGETHER", "Line", "is_together", "joined", "line_of", "lines_of"]

Line = list[Any]
"""A line of a log: ``[kind, time, state, place, words, more, seq]``.

`kind` is ``"node"``, ``"run"``, ``"print"``, ``"error"`` or ``"note"``; `state` is the number of a node's or
a run's state, or -1; `seq` is after how many events the whole line was true.
"""

TOGETHER = frozenset({NodeState.RUNNING, NodeState.ROLLING_BACK, NodeState.ABANDONED})
"""The states that a batch enters at once: one line tells of all its actions."""

LONGEST_PART = 600
"""Characters of the longest words of a line."""

NAMED = 6
_OUTCOME = 120


def line_of(plan: Plan, event: Event, note: Note) -> Line:
    """Give the line that tells of an event.

    >>> import networkx as nx
    >>> from daga_nb.debug.story import Note
    >>> plan = Plan.compile(nx.DiGraph([("quote", "pay")]), str)
    >>> line_of(plan, Event(3, 0.5, "quote", NodeState.SUCCEEDED), Note("842.0"))
    ['node', '0.500 s', 2, 'batch 1', 'quote succeeded', '→ 842.0', 3]
    """
    time = f"{event.at:.3f} s"
    if event.node is None:
        number = RUN_NUMBER[event.state]  # type: ignore[index]
        return ["run", time, number, "", f"run {event.state.word}", _short(event.reason), event.seq]
    state = NodeState(event.state)
    more = event.reason
    if note.text and state in (NodeState.SUCCEEDED, NodeState.ROLLED_BACK):
        outcome = "→ " + (note.text if len(note.text) <= _OUTCOME else note.text[: _OUTCOME - 1] + "…")
        more = f"{outcome} ({more})" if more else outcome
    batch = plan.batch_of[plan.ids[event.node]] + 1
    words = f"{elide(event.node, 60)} {state.word}"
    if is_together(event):
        more = ""
    return ["node", time, NUMBER[state], f"batch {batch}", words, _short(more), event.seq]


def is_together(event: Event) -> bool:
    """Whether one line tells of this event and of those of its batch; a retry has a line of its own."""
    return event.state in TOGETHER and not is_retry(event)


def _short(text: str) -> str:
    return whole(text if len(text) <= LONGEST_PART else text[: LONGEST_PART - 1] + "…")


def joined(names: list[str], state: NodeState) -> str:
    """Give the words for several actions that enter a state at once.

    >>> joined(["b", "c"], NodeState.RUNNING)
    'b, c running'
    """
    shown = ", ".join(names[:NAMED])
    if len(names) > NAMED:
        shown += f" and {len(names) - NAMED} more"
    return f"{shown} {state.word}"


def lines_of(story: Story) -> list[Line]:
    """Give the whole log of a story, with what was printed, in order."""
    found: list[Line] = []
    names: list[str] = []
    together: tuple[Any, int] | None = None
    printed = iter(story.lines)
    waiting = next(printed, None)
    for event, note in zip(story.events, story.notes, strict=True):
        while waiting is not None and waiting[0] < event.seq:
            found.append(["print", "", -1, "", whole(waiting[1]), "", waiting[0]])
            waiting, together = next(printed, None), None
        line = line_of(story.plan, event, note)
        if event.node is None or not is_together(event):
            together = None
            found.append(line)
            continue
        batch = story.plan.batch_of[story.plan.ids[event.node]]
        name = elide(event.node, 60)
        if together == (event.state, batch):
            names.append(name)
            found[-1][4] = joined(names, NodeState(event.state))
            found[-1][6] = event.seq
        else:
            together, names = (event.state, batch), [name]
            found.append(line)
    while waiting is not None:
        found.append(["print", "", -1, "", whole(waiting[1]), "", waiting[0]])
        waiting = next(printed, None)
    return found
