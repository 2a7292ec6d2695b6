"""The tables of a journal, and the rules that the database itself keeps.

State is never stored: it is folded from the events. What was written is never changed. That an attempt of an
action, or of its rollback, has one outcome and no second one is an index, so that no bug can break it.

No rule here calls ``json_valid``: SQLite before 3.41 does not even open a file with it if it is told not to
trust schemas. That values are JSON is checked where they are read.
"""

from __future__ import annotations

__all__ = ["APPLICATION", "PAGE", "SCHEMA", "VERSION"]

APPLICATION = 0x64616761
"""What SQLite's ``application_id`` says of a journal: "daga" in ASCII."""

VERSION = 1
"""The version of the tables, as SQLite's ``user_version``."""

PAGE = 1024
"""Bytes of a page of a new file: a commit is a few short rows, and it writes whole pages."""

_TABLES = """
CREATE TABLE run(
  run_id TEXT PRIMARY KEY, flow TEXT NOT NULL, created_at REAL NOT NULL,
  plan TEXT NOT NULL, plan_hash TEXT NOT NULL,
  input TEXT NOT NULL
) STRICT;

CREATE TABLE event(
  run_id TEXT NOT NULL REFERENCES run, seq INTEGER NOT NULL CHECK(seq >= 1), at REAL NOT NULL,
  node INTEGER CHECK(node >= 0), state TEXT NOT NULL, attempt INTEGER NOT NULL CHECK(attempt >= 1),
  reason TEXT NOT NULL, outcome TEXT, seconds REAL,
  value TEXT, error TEXT,
  PRIMARY KEY(run_id, seq),
  CHECK(outcome IS NULL OR node IS NOT NULL AND (
    outcome = 'forward' AND state IN ('SUCCEEDED', 'FAILED', 'UNKNOWN') OR
    outcome = 'back' AND state IN ('ROLLED_BACK', 'ROLLBACK_FAILED')))
) STRICT, WITHOUT ROWID;

CREATE TABLE entry(
  run_id TEXT NOT NULL REFERENCES run, number INTEGER NOT NULL CHECK(number >= 1),
  entry TEXT NOT NULL, PRIMARY KEY(run_id, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE mark(
  run_id TEXT NOT NULL REFERENCES run, number INTEGER NOT NULL CHECK(number >= 1),
  after INTEGER NOT NULL CHECK(after >= 0),
  kind TEXT NOT NULL CHECK(
    kind IN ('resumed', 'released', 'turning', 'on_failure', 'undo', 'waits', 'called')),
  node INTEGER, value TEXT NOT NULL, at REAL NOT NULL, PRIMARY KEY(run_id, number)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX one_outcome ON event(run_id, node, attempt, outcome) WHERE outcome IS NOT NULL;
CREATE INDEX of_the_run ON event(run_id, seq) WHERE node IS NULL;
CREATE INDEX of_the_flow ON run(flow)
"""


def _append_only(table: str) -> list[str]:
    return [
        f"CREATE TRIGGER {table}_is_not_{done} BEFORE {event} ON {table} "
        "BEGIN SELECT RAISE(ABORT, 'a journal is only added to'); END"
        for done, event in (("changed", "UPDATE"), ("deleted", "DELETE"))
    ]


SCHEMA: tuple[str, ...] = (
    *(statement.strip() for statement in _TABLES.split(";\n") if statement.strip()),
    *(trigger for table in ("run", "event", "entry", "mark") for trigger in _append_only(table)),
)
"""The statements that make a journal, and that a file must have been made with to be one."""
