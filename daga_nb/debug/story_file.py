"""A story as a JSON file. What is read is data of others: every field is checked, and nothing is executed."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from daga_nb.core.events import Event
from daga_nb.core.machine import fold
from daga_nb.core.plan import Plan
from daga_nb.core.shape import MOST_NODES, check_parts, plan_of, policy_of, policy_to_json, undo_of
from daga_nb.core.states import NodeState, RunState
from daga_nb.debug.ledger_rows import entries_of, rows_of
from daga_nb.debug.story import Note, Story
from daga_nb.debug.tag_rows import rows_of_tags, tags_in
from daga_nb.debug.whole_file import write_whole
from daga_nb.engine.preview import LONGEST_TEXT, preview, whole
from daga_nb.errors import IllegalTransition, StoryError

__all__ = ["LARGEST", "MOST_NODES", "from_json", "read", "to_json", "write"]

LARGEST = 64 * 2**20
"""Bytes of the largest file that is read."""

_FORMAT, _VERSION = "daga-nb story", 1
_FIELDS = {
    "format", "version", "flow", "run", "input", "names", "predecessors", "undo", "policy", "started_at",
    "events", "lines",
}  # fmt: skip
_LATER = {"effects", "tags"}
"""What older files of this version do not have."""

_LONGEST_MESSAGE = 600
_LONGEST_TIME = 3.2e9  # a century, in seconds
_STATES = frozenset({*NodeState, *RunState})


def to_json(story: Story) -> dict[str, Any]:
    """Give a story as JSON values."""
    number = story.plan.ids
    return {
        "format": _FORMAT,
        "version": _VERSION,
        "flow": story.flow,
        "run": story.run,
        "input": story.input,
        "names": list(story.plan.names),
        "predecessors": [list(before) for before in story.plan.predecessors],
        "undo": [undo.value for undo in story.undo],
        "policy": policy_to_json(story.policy),
        "started_at": story.started_at,
        "events": [
            [
                event.at,
                None if event.node is None else number[event.node],
                event.state.value,
                event.attempt,
                event.reason,
                note.text,
                note.took,
            ]
            for event, note in zip(story.events, story.notes, strict=True)
        ],
        "lines": [list(line) for line in story.lines],
        "effects": rows_of(story.effects, story.plan),
        "tags": rows_of_tags(story.tags),
    }


def from_json(data: Any) -> Story:
    """Give the story in JSON values.

    Raises
    ------
    StoryError
        If they are none; the message says where.
    """
    if not isinstance(data, dict) or data.get("format") != _FORMAT:
        raise StoryError(f'it does not say that it is one: there is no "format": "{_FORMAT}"')
    version = data.get("version")
    if type(version) is not int or version != _VERSION:
        raise StoryError(f"it is of version {preview(version, 60)}; this daga_nb reads version {_VERSION}")
    if set(data) | _LATER != _FIELDS | _LATER:
        raise StoryError(f"the fields {_some((set(data) ^ _FIELDS) - _LATER)} are missing, or not known")
    for field in ("flow", "run", "input"):
        _check(isinstance(data[field], str), field)
    _check(len(data["input"]) <= LONGEST_TEXT, "input")
    started = data["started_at"]
    _check(started is None or _is_number(started), "started_at")
    plan = plan_of(data["names"], data["predecessors"])
    events, notes = _events(data["events"], plan)
    story = Story(
        flow=data["flow"],
        run=data["run"],
        input=whole(data["input"]),
        plan=plan,
        undo=undo_of(data["undo"], len(plan)),
        policy=policy_of(data["policy"], len(plan)),
        started_at=started,
        events=events,
        notes=notes,
        lines=_lines(data["lines"], len(events)),
        effects=entries_of(data.get("effects", []), plan, len(events)),
        tags=tags_in(data.get("tags", []), len(plan)),
    )
    try:
        fold(plan, story.undo, events, story.policy)
    except IllegalTransition as error:
        raise StoryError(f"no run could have gone like this: {str(error)[:_LONGEST_MESSAGE]}") from error
    return story


def write(story: Story, path: Path) -> Path:
    """Write `story` to a file, whole or not at all.

    Raises
    ------
    StoryError
        If the file would be larger than what is read.
    """
    text = json.dumps(to_json(story), allow_nan=False, separators=(",", ":"))
    try:
        check_parts(text)
    except StoryError as error:
        raise StoryError(f"{story!r} could not be read again: {error}") from None
    if len(text) > LARGEST:
        raise StoryError(
            f"{story!r} would be a file of {len(text) // 2**20} MB, larger than the {LARGEST // 2**20} MB "
            "that are read again"
        )
    return write_whole(text, path)


def read(path: Path) -> Story:
    """Give the story in a file.

    Raises
    ------
    StoryError
        If it holds none.
    """
    with path.open("rb") as file:
        raw = file.read(LARGEST + 1)
    if len(raw) > LARGEST:
        raise StoryError(f"{path} is larger than {LARGEST // 2**20} MB: it is not read")
    try:
        text = raw.decode("utf-8")
        del raw  # each of them may be as large as a file can be
        check_parts(text)
        data = json.loads(text)
        del text
    except StoryError as error:
        raise StoryError(f"{path} is not read: {error}") from None
    except (ValueError, RecursionError) as error:
        raise StoryError(f"{path} is no JSON: {error}") from error
    try:
        return from_json(data)
    except StoryError as error:
        raise StoryError(f"{path} is no story of a run: {str(error)[:_LONGEST_MESSAGE]}") from error


def _check(right: object, place: str) -> None:
    if not right:
        raise StoryError(f"{place} is not what it should be")


def _some(names: Iterable[Any]) -> str:
    return ", ".join(sorted(str(name)[:40] for name in names)[:6])


def _is_number(value: Any) -> bool:
    # False for nan; a float holds no larger whole number
    return type(value) in (int, float) and abs(value) <= sys.float_info.max


def _is_time(value: Any) -> bool:
    return _is_number(value) and 0 <= value <= _LONGEST_TIME


def _events(rows: Any, plan: Plan) -> tuple[tuple[Event, ...], tuple[Note, ...]]:
    _check(isinstance(rows, list), "events")
    events: list[Event] = []
    notes: list[Note] = []
    for seq, row in enumerate(rows, start=1):
        place = f"event {seq}"
        _check(isinstance(row, list) and len(row) == 7, place)
        at, node, state, attempt, reason, text, took = row
        _check(node is None or (type(node) is int and 0 <= node < len(plan)), place)
        _check(isinstance(reason, str) and isinstance(text, str) and len(text) <= LONGEST_TEXT, place)
        _check(_is_time(at) and (took is None or _is_time(took)), place)
        if not isinstance(state, str) or state not in _STATES:
            raise StoryError(f"{place}: there is no state {preview(state, 60)}")
        name = None if node is None else plan.names[node]
        fields = (seq, at, name, state, attempt, reason)
        events.append(Event.from_json(dict(zip(Event._fields, fields, strict=True))))
        notes.append(Note(whole(text), took))
    return tuple(events), tuple(notes)


def _lines(rows: Any, events: int) -> tuple[tuple[int, str], ...]:
    _check(isinstance(rows, list), "lines")
    found: list[tuple[int, str]] = []
    last = 0
    for row in rows:
        _check(isinstance(row, list) and len(row) == 2, "lines")
        seq, text = row
        _check(type(seq) is int and last <= seq <= events, "lines")
        _check(isinstance(text, str) and len(text) <= LONGEST_TEXT, "lines")
        found.append((seq, whole(text)))
        last = seq
    return tuple(found)
