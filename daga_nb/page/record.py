"""A whole story as one JSON value: all that a page needs to show it, without a kernel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from daga_nb.engine.preview import whole
from daga_nb.page.effects import LedgerTape
from daga_nb.page.marks import face, head_of
from daga_nb.page.tape import Tape, event_row, history_of
from daga_nb.page.words import lines_of
from daga_nb.render.agreed import room_beside
from daga_nb.render.dot import layout
from daga_nb.render.text import elide

if TYPE_CHECKING:
    from daga_nb.core.events import Event
    from daga_nb.debug.story import Note, Story

__all__ = ["record_of"]

MOST_LINES = 20_000


def record_of(story: Story, beside: Sequence[float] | None = None) -> dict[str, Any]:
    """Give everything that is shown of a story: its face, its layouts, its rows, its log, and each action.

    `beside` is the room that each action wants beside its name, if not just that of its own marks.

    >>> from daga_nb import DagaFlow
    >>> record = record_of(DagaFlow([(abs, max)], name="tiny").start().story)
    >>> record["face"]["name"], record["nodes"]
    ('tiny', [[0, '', 0, 0, 0], [0, '', 0, 0, 0]])
    """
    plan = story.plan
    tape = Tape(plan, story.events, story.notes)
    end = story.at(len(story))
    beside = room_beside(story.tags) if beside is None else beside
    return {
        "face": face(plan, story.flow, tags=story.tags, policy=story.policy),
        "layouts": {way: layout(plan, way, beside).to_json() for way in ("LR", "TB")},
        "nodes": [_mark(tape, node) for node in range(len(plan))],
        "head": head_of(plan, [*end.states.values()], end.state, end.next),
        "events": tape.rows,
        "effects": LedgerTape(plan).catch_up(story.effects, story.events),
        "log": lines_of(story)[-MOST_LINES:],
        "details": [_details(story, tape, node) for node in range(len(plan))],
        "lab": {"run": elide(story.run, 60), "input": whole(story.input[:60])},
        "when": _when(story),
    }


def _mark(tape: Tape, node: int) -> list[Any]:
    places = tape.of(node)
    state, time, failed = tape.rows[places[-1]][1:4] if places else (0, "", 0)
    return [state, time, 0, failed, 0]


def _details(story: Story, tape: Tape, node: int) -> dict[str, Any]:
    def told(node: int) -> Iterator[tuple[Event, Note]]:
        return ((story.events[place], story.notes[place]) for place in tape.of(node))

    events = [event_row(event) for event, _ in told(node)]
    return {"node": node, "history": history_of(story.plan, story.undo, node, told), "events": events[-40:]}


def _when(story: Story) -> str:
    if story.started_at is None:
        return ""
    try:
        return datetime.fromtimestamp(story.started_at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        return ""  # a file may say anything
