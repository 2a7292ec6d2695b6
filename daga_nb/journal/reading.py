"""Reads runs back from a journal: data of others, of which every field is checked and nothing executed."""

from __future__ import annotations

import json
import sys
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator
from operator import attrgetter
from typing import Any, NamedTuple, cast, get_args

from daga_nb.core.entries import Entry
from daga_nb.core.events import Event
from daga_nb.core.machine import Machine
from daga_nb.core.moves import Undo
from daga_nb.core.states import NodeState, RunState
from daga_nb.engine.admission import OnFailure
from daga_nb.engine.log import Mark, Row
from daga_nb.engine.preview import preview, whole
from daga_nb.errors import DagaError, JournalError, RecordedError
from daga_nb.journal.codec import LARGEST_VALUE
from daga_nb.journal.file import LARGEST_TEXT, Journal
from daga_nb.journal.head import Shape, hash_of

__all__ = ["MOST_EVENTS", "Kept", "changing", "error_in", "is_lost", "read"]

MOST_EVENTS = 1_000_000
"""Events of the longest run that is read."""

_LONGEST_MESSAGE = 600
_UNDO = {undo.value: undo for undo in Undo}
_CALLED = (NodeState.RUNNING, NodeState.ROLLING_BACK)
_MAY_TURN_BACK = (RunState.READY, RunState.RUNNING, RunState.RECOVERING)

_HEAD = "SELECT flow, created_at, plan, plan_hash, input FROM run WHERE run_id = ?"
_EVENTS = """
SELECT seq, at, node, state, attempt, reason, outcome, value, error, seconds FROM event
WHERE run_id = ? ORDER BY seq LIMIT ?
"""
_ENTRIES = "SELECT number, entry FROM entry WHERE run_id = ? ORDER BY number LIMIT ?"
_MARKS = "SELECT number, after, kind, node, value FROM mark WHERE run_id = ? ORDER BY number LIMIT ?"


class Kept(NamedTuple):
    """A run as the journal has it: checked, but for the values, which are still text.

    Attributes
    ----------
    run_id
        Its id.
    flow
        The name of the flow.
    created_at
        When it began, in seconds since the epoch.
    shape
        The shape of the flow when it began.
    input
        The input, as text.
    rows
        The events, with what is kept beside them.
    entries
        The ledger.
    marks
        What else is known.
    machine
        The machine as it stood after the last event.
    """

    run_id: str
    flow: str
    created_at: float
    shape: Shape
    input: str
    rows: tuple[Row, ...]
    entries: tuple[Entry, ...]
    marks: tuple[Mark, ...]
    machine: Machine

    @property
    def undo(self) -> tuple[Undo, ...]:
        """What undoing each action takes now."""
        return tuple(self.machine.undo)

    @property
    def resumed(self) -> int:
        """How often the run was resumed, and called something, since a call last came to an end.

        Who resumes it and only finds that there is something to decide has called nothing.
        """
        last = next((row.event.seq for row in reversed(self.rows) if row.outcome and not is_lost(row)), 0)
        resumes = [mark.after for mark in self.marks if mark.kind == "resumed" and mark.after >= last]
        called = (row for row in self.rows[last:] if row.node is not None and row.event.state in _CALLED)
        return len({bisect_left(resumes, row.event.seq) for row in called} - {0})

    @property
    def waiting(self) -> frozenset[int]:
        """The actions whose retry was still to come."""
        found: dict[int | None, int] = {}
        for mark in self.marks:
            if mark.kind == "waits":
                found[mark.node] = mark.after
            elif mark.kind == "called":
                found.pop(mark.node, None)
        last = {row.node: row.event.seq for row in self.rows}
        return frozenset(node for node, after in found.items() if node is not None and last[node] == after)

    @property
    def on_failure(self) -> OnFailure:
        """What a failure does."""
        told = [mark.value for mark in self.marks if mark.kind == "on_failure"]
        return cast(OnFailure, told[-1]) if told else "rollback"

    @property
    def turning(self) -> str:
        """Why it is to be rolled back, if somebody has said so and nothing of that has happened yet."""
        machine = self.machine
        if machine.pivot is not None or machine.run_state not in _MAY_TURN_BACK:
            return ""
        told = (row.event.seq for row in reversed(self.rows) if row.event.state is RunState.ROLLING_BACK)
        last = next(told, 0)
        return next((mark.value for mark in self.marks if mark.kind == "turning" and mark.after >= last), "")

    @property
    def released(self) -> bool:
        """Whether it was released: it never goes on, nor back.

        If something has happened since, it was not: its release could not be written, so the caller got an
        error and went on, and what was to say so came into the file with that.
        """
        return any(mark.kind == "released" and mark.after == len(self.rows) for mark in self.marks)


def read(journal: Journal, run_id: str) -> Kept:
    """Give one run of a journal.

    Raises
    ------
    JournalError
        If there is no such run, or no run could have gone like what is kept of it.
    """
    try:
        return _read(journal, run_id)
    except JournalError:
        raise
    except DagaError as error:
        raise JournalError(
            f"run {run_id[:60]} in {journal.path} is damaged: {str(error)[:_LONGEST_MESSAGE]}"
        ) from error


def _read(journal: Journal, run_id: str) -> Kept:
    asked = (whole(run_id),) if isinstance(run_id, str) else ()
    heads = journal.read(_HEAD, asked, longest=LARGEST_TEXT) if asked else []
    if not heads:
        raise JournalError(
            f"there is no run {preview(run_id, 60)} in {journal.path}: list_runs(...) shows what there is"
        )
    flow, created_at, plan, plan_hash, input = heads[0]
    if hash_of(plan) != plan_hash:
        raise JournalError(f"run {run_id} in {journal.path} is damaged: its plan is not what was written")
    shape = Shape.from_text(plan)
    rows = tuple(_row(fields, shape) for fields in _most(journal, _EVENTS, run_id))
    marks = tuple(_mark(number, fields, shape) for number, fields in _numbered(journal, _MARKS, run_id))
    told = [_entry(text) for _, (text,) in _numbered(journal, _ENTRIES, run_id)]
    entries = _in_order(told, len(rows))
    machine = _folded(shape, rows, marks)
    return Kept(run_id, flow, created_at, shape, _sized(input), rows, entries, marks, machine)


def _most(journal: Journal, sql: str, run_id: str) -> list[tuple[Any, ...]]:
    values = (run_id, MOST_EVENTS + 1)
    ((count,),) = journal.read(f"SELECT count(*) FROM ({sql})", values)
    if count > MOST_EVENTS:
        raise JournalError(f"run {run_id[:60]} has more than {MOST_EVENTS} events: it is not read")
    return journal.read(sql, values)


def _numbered(journal: Journal, sql: str, run_id: str) -> Iterator[tuple[int, tuple[Any, ...]]]:
    for wanted, (number, *fields) in enumerate(_most(journal, sql, run_id), 1):
        if number != wanted:
            raise JournalError(
                f"run {run_id} in {journal.path} is damaged: something is missing before {number}"
            )
        yield number, tuple(fields)


def _row(fields: tuple[Any, ...], shape: Shape) -> Row:
    seq, at, node, state, attempt, reason, outcome, value, error, seconds = fields
    if node is not None and node >= len(shape.plan):
        raise JournalError(f"event {seq}: the plan has no action {node}")
    name = None if node is None else shape.plan.names[node]
    told = {"seq": seq, "at": at, "node": name, "state": state, "attempt": attempt, "reason": reason}
    if seconds is not None and not abs(seconds) <= sys.float_info.max:
        raise JournalError(f"event {seq}: a field has a value of the wrong kind")
    event = Event.from_json(told)
    return Row(event, node, outcome, None if value is None else _sized(value), error, seconds)


def _sized(text: str) -> str:
    if len(text) > LARGEST_VALUE:
        raise JournalError(f"a value of {len(text)} characters: larger than what a journal keeps")
    return text


def _mark(number: int, fields: tuple[Any, ...], shape: Shape) -> Mark:
    after, kind, node, value = fields
    of_run = kind in ("resumed", "released", "turning", "on_failure")
    known = node is None if of_run else node is not None and 0 <= node < len(shape.plan)
    said = {"undo": value in _UNDO, "turning": bool(value), "on_failure": value in get_args(OnFailure)}
    if not known or not said.get(kind, True):
        raise JournalError(f"mark {number} is not what it should be")
    return Mark(after, kind, node, value)


def _entry(text: str) -> Entry:
    try:
        return Entry.from_json(json.loads(text))
    except (ValueError, RecursionError) as error:
        raise JournalError(f"an entry of the ledger cannot be read: {error}") from None


def _in_order(entries: list[Entry], events: int) -> tuple[Entry, ...]:
    """Give the ledger as it would stand if it had been written together with the events.

    It is written at once, by whatever thread tells of an effect: one may overtake another, and one may know
    of events that never came into the file.
    """
    known = [entry._replace(seq=min(entry.seq, events)) for entry in entries]
    return tuple(sorted(known, key=attrgetter("seq")))


def _folded(shape: Shape, rows: tuple[Row, ...], marks: tuple[Mark, ...]) -> Machine:
    machine = Machine(shape.plan, shape.undo, shape.policy)
    for row in changing(machine, rows, marks):
        machine.apply(row.event)
    return machine


def changing(machine: Machine, rows: Iterable[Row], marks: Iterable[Mark]) -> Iterator[Row]:
    """Give the events one by one, to be applied; in between, change in the machine how actions are undone."""
    changes = deque(mark for mark in marks if mark.kind == "undo")
    for row in rows:
        while changes and changes[0].after < row.event.seq:
            _change(machine, changes.popleft())
        yield row
    for mark in changes:
        _change(machine, mark)


def _change(machine: Machine, mark: Mark) -> None:
    """Take note that an action is undone in another way from now on."""
    assert mark.node is not None
    machine.undo[mark.node] = _UNDO[mark.value]


def is_lost(row: Row) -> bool:
    """Whether a call ended with the process that made it, so that nobody knows how."""
    return row.error is not None and _error(row.error)[1]


def error_in(text: str) -> RecordedError:
    """Give an error from what was kept of it.

    Raises
    ------
    JournalError
        If it is none.
    """
    return _error(text)[0]


def _error(text: str) -> tuple[RecordedError, bool]:
    try:
        data = json.loads(_sized(text))
    except (ValueError, RecursionError) as error:
        raise JournalError(f"an error cannot be read: {error}") from None
    told = data if isinstance(data, dict) else {}
    texts = [str(told[field]) for field in ("kind", "message", "traceback") if field in told]
    if len(texts) < 3:
        raise JournalError("an error is not what it should be")
    return RecordedError(*texts), told.get("lost") is True
