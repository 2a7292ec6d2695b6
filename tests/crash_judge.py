"""Says whether a run that was killed, once or more often, went as it had to: by the files alone.

It knows the journal as a plain database, the world as lines, and the plot; nothing of the engine.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from crash_flows import Plot
from crash_world import JOURNAL, REPORT, WORLD, Line, lines, of_run, owing

WAL = f"{JOURNAL}-wal"


class Row(NamedTuple):
    """One event, as it stands in the database."""

    node: str | None
    state: str
    attempt: int
    outcome: str | None
    value: str | None
    error: str | None


class Seen(NamedTuple):
    """A journal at one moment: the ids of its runs, and the events of the first."""

    runs: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def states(self) -> dict[str | None, str]:
        """The last state of each action that has one, and by None that of the run."""
        return {row.node: row.state for row in self.rows}

    def count(self, node: str | None, state: str) -> int:
        return sum(row.node == node and row.state == state for row in self.rows)


def look(folder: Path) -> Seen:
    """Give what the journal says, without touching it; it must be whole."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as apart:
        for name in (JOURNAL, WAL):
            if (folder / name).exists():
                shutil.copy(folder / name, apart)
        with closing(sqlite3.connect(Path(apart) / JOURNAL)) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            if not database.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
                return Seen((), ())
            runs = database.execute("SELECT run_id, plan FROM run ORDER BY rowid").fetchall()
            if not runs:
                return Seen((), ())
            names = json.loads(runs[0][1])["names"]
            rows = database.execute(
                "SELECT node, state, attempt, outcome, value, error FROM event WHERE run_id = ? ORDER BY seq",
                runs[0][:1],
            ).fetchall()
    told = (Row(None if node is None else names[node], *rest) for node, *rest in rows)
    return Seen(tuple(run for run, _ in runs), tuple(told))


class Usual(NamedTuple):
    """A run that nobody kills.

    Attributes
    ----------
    points
        How many points it comes by.
    states, state, results
        How it ends.
    calls
        How often each call comes to the world, by its key without the run.
    """

    points: int
    states: dict[str, str]
    state: str
    results: dict[str, str]
    calls: Counter[str]

    @classmethod
    def of(cls, folder: Path) -> Usual:
        told = json.loads((folder / REPORT).read_text())
        calls = Counter(line.key.partition("/")[2] for line in lines(folder / WORLD))
        return cls(told["points"], told["states"], told["state"], told["results"], calls)


def judge(plot: Plot, folder: Path, deaths: Sequence[Seen], usual: Usual) -> int:
    """Check a run that has ended, by what was seen at each of the deaths before; give its most executions."""
    report = json.loads((folder / REPORT).read_text())
    end, happened = look(folder), lines(folder / WORLD)
    assert end.runs == (report["run"],)
    assert {of_run(line) for line in happened} <= set(end.runs)
    for seen, later in pairwise([*deaths, end]):
        assert later.rows[: len(seen.rows)] == seen.rows, "what was written is changed or gone"
    assert report["once_more"] == 0, "a run that had ended was gone on with"
    assert {name: end.states.get(name, "PENDING") for name in plot.names} == report["states"]
    assert end.states[None] == report["state"]
    _is_told_truly(plot, end, happened)
    _is_in_order(plot, happened)
    _ended_by_the_rules(plot, report, deaths, happened, usual)
    return _is_bounded(plot, happened, report["run"], len(deaths), usual.calls)


def alive(plot: Plot, seen: Seen, happened: Sequence[Line]) -> None:
    """Check what the journal says at a death against the world."""
    assert not (happened and not seen.runs), "something was called that is not in the journal"
    _is_told_truly(plot, seen, happened)


def _is_told_truly(plot: Plot, seen: Seen, happened: Sequence[Line]) -> None:
    """I16, I7: what the journal says was done, was; what it does not say, only where a call is under way."""
    calls = Counter((line.what == "do", line.node, line.attempt) for line in happened)
    assert all(times == 1 for times in calls.values()), "an attempt was made twice"
    announced = {(row.state, row.node, row.attempt) for row in seen.rows}
    for forward, node, attempt in calls:
        intent = ("RUNNING" if forward else "ROLLING_BACK", node, attempt)
        assert intent in announced, f"not announced: {intent}"
        assert ("RUNNING", node, 1) in announced, f"undone, and never called: {node}"
    for row in seen.rows:
        if row.outcome is None or (row.error is not None and json.loads(row.error).get("lost")):
            continue
        assert row.node is not None
        assert calls[row.outcome == "forward", row.node, row.attempt] == 1, f"never happened: {row}"
        if row.state == "SUCCEEDED":
            assert row.value is not None
            assert json.loads(row.value) == plot.result(row.node)


def _is_in_order(plot: Plot, happened: Sequence[Line]) -> None:
    """I1, I6, I7: forward after what comes before, back after what comes later, and only what was called."""
    there: set[str] = set()
    undone: set[str] = set()
    for line in happened:
        name = line.node
        if line.what == "do":
            assert set(plot.before(name)) <= there, f"{line}: too early"
            assert plot.saved or not undone, f"{line}: forward again"
            there.add(name)
            undone.discard(name)
        else:
            later = plot.undone_before(name) - set(plot.stays)
            assert not later & there, f"{line}: before what comes later"
            assert not undone & set(plot.before(name)), f"{line}: after what comes before"
            there.discard(name)
            undone.add(name)


def _is_bounded(plot: Plot, happened: Sequence[Line], run: str, deaths: int, usual: Counter[str]) -> int:
    """I17: as often as without a crash, and once more for each; always with the same key."""
    times: Counter[str] = Counter()
    for line in happened:
        call = f"{run}/{line.node}/{'do' if line.what == 'do' else 'undo'}"
        assert line.key == call or (plot.saved and line.key == f"{call}/2"), line
        times[line.key.removeprefix(f"{run}/")] += 1
    for key, number in times.items():
        assert number <= max(usual[key], 1) + deaths, f"{key}: {number} times, killed {deaths} times"
    return max(times.values(), default=0)


def _ended_by_the_rules(
    plot: Plot, report: dict[str, Any], deaths: Sequence[Seen], happened: Sequence[Line], usual: Usual
) -> None:
    """I18: as without a crash, unless one was lost that may not be called again; then back to the start."""
    there = owing(happened)
    turned = next((seen for seen in deaths if any(_turning(plot, seen))), None)
    if turned is None:
        for field in ("states", "state", "results"):
            assert report[field] == getattr(usual, field), field
        succeeded = {name for name, state in usual.states.items() if state == "SUCCEEDED"}
        assert there == succeeded | (set(plot.stays) & set(there)), "something is left, or missing"
        return
    assert there <= set(plot.stays), "something was not undone"
    lost = set(_turning(plot, turned))
    for name in plot.names:
        state = report["states"][name]
        if turned.states.get(name) in (None, "ABANDONED"):
            assert state == "ABANDONED", name
        elif name not in plot.stays:
            assert state == "ROLLED_BACK", name
        else:
            assert state == ("UNKNOWN" if name in lost else "KEPT"), name
    clean = not set(plot.stays) & set(turned.states)
    assert report["state"] == ("ROLLED_BACK" if clean else "ROLLBACK_INCOMPLETE")


def _turning(plot: Plot, seen: Seen) -> Iterator[str]:
    """Give what was lost in a death, as far as the run has to be rolled back to its start for it."""
    if seen.states.get(None) != "RUNNING" or (plot.pivot and seen.count(plot.pivot, "SUCCEEDED")):
        return
    again = seen.count(None, "RECOVERING") < plot.tries
    for name, state in seen.states.items():
        if name and state == "RUNNING" and name not in plot.idempotent and not (again and name in plot.saved):
            yield name
