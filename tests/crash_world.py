"""What outlives the processes of the crash tests: a world of effects, and where a process may die."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from daga_nb.engine.calls import Context

JOURNAL, WORLD, POINTS, REPORT, ERROR = "runs.db", "world", "points", "report", "error"


class Line(NamedTuple):
    """One call that came to the world.

    Attributes
    ----------
    life
        Which process made it, from 0.
    what
        ``"do"``; ``"undo"``, of a rollback that found something; ``"void"``, of one that did not.
    node, attempt, key
        Of what, as its context says.
    """

    life: int
    what: str
    node: str
    attempt: int
    key: str

    def __str__(self) -> str:
        return f"{self.what} {self.node}"


class Points:
    """Numbers the points that a process comes by, from 1, and kills the process at one of them.

    Each is written down first, so that it is known afterwards where that was.
    """

    def __init__(self, path: Path, life: int, die_at: int | None = None) -> None:
        self.reached = 0
        self._life = life
        self._die_at = die_at
        self._lock = threading.Lock()
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def __call__(self, label: str) -> None:
        with self._lock:
            self.reached += 1
            os.write(self._file, f"{self._life} {label}\n".encode())
            if self.reached == self._die_at:
                os.kill(os.getpid(), signal.SIGKILL)


class World:
    """Where the effects are: a file that is only added to, a line for each call that came there."""

    def __init__(self, path: Path, life: int, points: Points, *, sync: bool = False) -> None:
        self.path = path
        self._life = life
        self._points = points
        self._sync = sync
        self._lock = threading.Lock()
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def act(self, context: Context) -> int:
        """Do it, and give how often it had been done before, with this key."""
        return self._call("do", context)

    def take_back(self, context: Context) -> int:
        """Undo what there is of an action, and give how often that had been tried before."""
        with self._lock:
            there = owing(line for line in lines(self.path) if of_run(line) == context.run_id)
        return self._call("undo" if context.node in there else "void", context)

    def _call(self, what: str, context: Context) -> int:
        self._points(f"before {what} {context.node}")
        with self._lock:
            before = sum(line.key == context.key for line in lines(self.path))
            told = f"{self._life} {what} {context.node} {context.attempt} {context.key}\n"
            os.write(self._file, told.encode())
            if self._sync:
                os.fsync(self._file)
        self._points(f"after {what} {context.node}")
        return before


def lines(path: Path) -> list[Line]:
    """Give what has happened in the world, in order."""
    split = [line.split(" ") for line in (path.read_text().splitlines() if path.exists() else ())]
    return [Line(int(life), what, node, int(attempt), key) for life, what, node, attempt, key in split]


def owing(happened: Iterable[Line]) -> set[str]:
    """Give the actions of which there is something in the world."""
    there: set[str] = set()
    for line in happened:
        (there.add if line.what == "do" else there.discard)(line.node)
    return there


def of_run(line: Line) -> str:
    """Give the id of the run that made a call."""
    return line.key.partition("/")[0]


def points(folder: Path, life: int) -> list[str]:
    """Give the points that a process came by."""
    split = [line.split(" ", 1) for line in (folder / POINTS).read_text().splitlines()]
    return [label for number, label in split if int(number) == life]


def watch_journals(points: Points) -> None:
    """Let every write of every journal of this process be two points: before its COMMIT, and after it."""
    from daga_nb.journal import file

    connected, write, prepare = file._connected, file.Journal.write, file._prepare

    def traced(*given: Any, **named: Any) -> Any:
        connection = connected(*given, **named)
        connection.set_trace_callback(lambda sql: points("before COMMIT") if sql == "COMMIT" else None)
        return connection

    def written(self: Any, statements: Any) -> None:
        write(self, statements)
        events = sum(len(rows) for sql, rows in statements if sql.startswith("INSERT INTO event "))
        points(f"after COMMIT of {events}")

    def prepared(*given: Any, **named: Any) -> None:
        prepare(*given, **named)
        points("after COMMIT of 0")

    file._connected, file.Journal.write, file._prepare = traced, written, prepared  # type: ignore[method-assign]
