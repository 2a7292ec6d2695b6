"""What the documents show is what the code says."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from daga_nb import DagaFlow
from daga_nb.core.states import NodeState, diagram

DOCS = Path(__file__).parent.parent / "docs"


@pytest.mark.parametrize("of_run", [False, True])
def test_the_state_diagrams_are_drawn_from_the_tables(of_run):
    assert f"```mermaid\n{diagram(of_run=of_run)}\n```" in (DOCS / "states.md").read_text(encoding="utf-8")


def test_every_state_is_explained():
    text = (DOCS / "states.md").read_text(encoding="utf-8")
    assert [state for state in NodeState if f"| `{state}` |" not in text] == []


JOURNAL = (DOCS / "journal.md").read_text(encoding="utf-8")


@pytest.fixture
def journal(tmp_path):
    """Give a connection to a journal with one run in it."""

    async def quote(results):
        return results[0] * 2

    async def pay(results):
        return f"paid {results[0]}"

    asyncio.run(DagaFlow([(quote, pay)]).run(21, journal=tmp_path / "runs.db"))
    with closing(sqlite3.connect(tmp_path / "runs.db")) as connection:
        yield connection


def test_every_column_of_a_journal_is_explained(journal):
    tables = [name for (name,) in journal.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    assert sorted(tables) == ["entry", "event", "mark", "run"]
    for table in tables:
        told = JOURNAL.split(f"**{table}**", 1)[1].split("\n\n**")[0]
        columns = {name for (_, name, *_) in journal.execute(f"PRAGMA table_info({table})")}
        assert columns - set(re.findall(r"`(\w+)`", told)) == set()


def test_the_query_reads_a_run(journal):
    query = re.search(r"```sql\n(SELECT.*?)```", JOURNAL, re.DOTALL)
    rows = journal.execute(query[1]).fetchall()
    assert [(seq, action, state, value) for seq, _, action, state, _, value in rows] == [
        (1, None, "RUNNING", None),
        (2, "quote", "RUNNING", None),
        (3, "quote", "SUCCEEDED", "42"),
        (4, "pay", "RUNNING", None),
        (5, "pay", "SUCCEEDED", '"paid 42"'),
        (6, None, "SUCCEEDED", None),
    ]


def test_the_key_and_its_effect_stand_in_one_place():
    made, charge = re.search(r"```sql\n(CREATE.*?;)\n(INSERT.*?;)\n```", JOURNAL, re.DOTALL).groups()
    with closing(sqlite3.connect(":memory:")) as bank:
        bank.execute(made)
        for _ in range(2):
            bank.execute(charge, {"key": "r1/payment/do", "euro": 79})
        assert bank.execute("SELECT * FROM charged").fetchall() == [("r1/payment/do", 79)]
