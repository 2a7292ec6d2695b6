"""What the tests of the journal share: looking into the file, and processes of their own."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import daga_nb
from daga_nb.journal.file import Journal, opened

TABLES = ("run", "event", "entry", "mark")


def everything(path: str | os.PathLike[str]) -> dict[str, list[Any]]:
    """Give all rows of a journal that this process may have, or that nobody has."""
    with opened(path, create=False) as journal:
        return rows_of(journal)


def rows_of(journal: Journal) -> dict[str, list[Any]]:
    return {table: journal.read(f"SELECT * FROM {table} ORDER BY 1, 2") for table in TABLES}


def changed_by_hand(path: str | os.PathLike[str], *statements: Any) -> None:
    """Change a journal as no daga_nb would: its triggers and rules are taken out meanwhile."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        triggers = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("PRAGMA ignore_check_constraints=ON")
        for statement in statements:
            connection.execute(*statement if isinstance(statement, tuple) else (statement,))
        for _, sql in triggers:
            connection.execute(sql)
    finally:
        connection.close()


def files_of(path: str | os.PathLike[str]) -> dict[str, bytes]:
    """Give what stands in the file, and in those that SQLite puts beside it."""
    found = sorted(Path(path).parent.glob(Path(path).name + "*"))
    return {one.name: one.read_bytes() for one in found}


def python(code: str, *args: object, **more: Any) -> subprocess.Popen[str]:
    """Begin a process of its own that carries out `code`; it says what it has to say as lines of JSON."""
    paths = [str(Path(daga_nb.__file__).parents[1]), str(Path(__file__).parent)]
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, args)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        stdout=subprocess.PIPE,
        stdin=subprocess.PIPE,
        text=True,
        **more,
    )


def said(process: subprocess.Popen[str], timeout: float = 30) -> list[Any]:
    """Wait for a process, and give what it said."""
    told, _ = process.communicate(timeout=timeout)
    return [json.loads(line) for line in told.splitlines()]


def in_a_fork(work: Callable[[], Any]) -> Any:
    """Give what `work` gives, as JSON, in a forked child that then ends as a program does."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        with os.fdopen(writing, "w") as out:
            json.dump(work(), out)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as told:
        text = told.read()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    return json.loads(text)
