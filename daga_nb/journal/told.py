"""A run in a journal as a story: to look back at what happened without the flow that it is a run of."""

from __future__ import annotations

from typing import Any

from daga_nb.core.states import NodeState
from daga_nb.debug.story import Note, Story
from daga_nb.engine.log import Row
from daga_nb.engine.preview import LONGEST_TEXT, preview, whole
from daga_nb.errors import JournalValueError
from daga_nb.journal.codec import decode
from daga_nb.journal.reading import Kept, error_in

__all__ = ["notes_of", "story_of"]

_LONGEST = 400


class _Text:
    """A value of a class that is not defined here: its text is all that can be shown."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def story_of(kept: Kept) -> Story:
    """Give a run of a journal as a story. Nothing is executed.

    Raises
    ------
    JournalError
        If an error in it is damaged.
    """
    given = _value(kept.input)
    return Story(
        flow=kept.flow,
        run=kept.run_id,
        input="" if given is None else preview(given),
        plan=kept.shape.plan,
        undo=kept.undo,
        policy=kept.shape.policy,
        started_at=kept.created_at,
        events=tuple(row.event for row in kept.rows),
        notes=tuple(notes_of(kept)),
        effects=kept.entries,
        tags=((),) * len(kept.shape.plan),
    )


def notes_of(kept: Kept) -> list[Note]:
    """Give what was seen at each event of a run: inputs, results, errors, as text.

    Raises
    ------
    JournalError
        If an error in it is damaged.
    """
    given = _value(kept.input)
    results: dict[int, Any] = {}
    notes = []
    for row in kept.rows:
        if row.event.state is NodeState.SUCCEEDED and row.node is not None and row.value is not None:
            results[row.node] = _value(row.value)
        notes.append(_note(kept, row, results, given))
    return notes


def _note(kept: Kept, row: Row, results: dict[int, Any], given: Any) -> Note:
    if row.event.state is NodeState.RUNNING and row.node is not None:
        before = kept.shape.plan.predecessors[row.node]
        return Note(preview([results.get(one) for one in before] or [given]))
    if row.error is not None:
        error = error_in(row.error)
        return Note(whole(error.traceback or str(error))[:LONGEST_TEXT], row.seconds)
    return Note("" if row.value is None else preview(_value(row.value)), row.seconds)


def _value(text: str) -> Any:
    try:
        return decode(text)
    except JournalValueError:
        return _Text(whole(text[:_LONGEST]))
