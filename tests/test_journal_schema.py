"""The database itself keeps the rules of a journal: what breaks them is not written, by whatever bug."""

import pytest
from helpers import flow_of, play
from journals import changed_by_hand, rows_of

from daga_nb.errors import JournalError
from daga_nb.journal.file import opened

CHAIN = [("a", "b"), ("b", "c")]
REST = ("reason", "seconds", "value", "error")
EVENT = "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


@pytest.fixture
def journal(tmp_path):
    """Give the journal of a run that was rolled back, still in the hands of this process."""
    path = tmp_path / "runs.db"
    run = flow_of([], CHAIN).start(17, journal=path)
    play(run.finish())
    play(run.rollback())
    with opened(path, create=False) as journal:
        journal.run_id = run.id
        yield journal


def event(run_id, seq=99, at=0.0, node=0, state="RUNNING", attempt=1, outcome=None, **other):
    reason, *rest = (other.get(field, "" if field == "reason" else None) for field in REST)
    return (run_id, seq, at, node, state, attempt, reason, outcome, *rest)


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        ("SUCCEEDED", "forward"),
        ("FAILED", "forward"),
        ("UNKNOWN", "forward"),
        ("ROLLED_BACK", "back"),
        ("ROLLBACK_FAILED", "back"),
    ],
)
def test_an_attempt_has_one_outcome_forward_and_back(journal, state, outcome):
    refused(journal, EVENT, event(journal.run_id, state=state, outcome=outcome), "UNIQUE")
    journal.write([(EVENT, [event(journal.run_id, state=state, outcome=outcome, attempt=2)])])
    again = event(journal.run_id, seq=100, state=state, outcome=outcome, attempt=2)
    refused(journal, EVENT, again, "UNIQUE")


@pytest.mark.parametrize(
    "wrong",
    [
        {"seq": 1},
        {"seq": 0},
        {"seq": None},
        {"seq": "first"},
        {"at": "noon"},
        {"at": None},
        {"at": float("nan")},
        {"node": -1},
        {"node": "a"},
        {"state": None},
        {"attempt": 0},
        {"attempt": 1.5},
        {"reason": None},
        {"reason": b"bytes"},
        {"value": b"bytes"},
        {"seconds": "long"},
        {"outcome": "forward"},
        {"outcome": "forward", "state": "ROLLED_BACK"},
        {"outcome": "back", "state": "SUCCEEDED"},
        {"outcome": "sideways", "state": "SUCCEEDED"},
        {"outcome": "forward", "state": "SUCCEEDED", "node": None},
    ],
    ids=str,
)
def test_events_of_the_wrong_kind(journal, wrong):
    refused(journal, EVENT, event(journal.run_id, **wrong))


@pytest.mark.parametrize(
    ("sql", "values"),
    [
        ("INSERT INTO run VALUES (?, ?, ?, ?, ?, ?)", ("again", None, 0.0, "{}", "", "null")),
        ("INSERT INTO run VALUES (?, ?, ?, ?, ?, ?)", ("again", "flow", "today", "{}", "", "null")),
        ("INSERT INTO entry VALUES (?, ?, ?)", ("of nobody", 1, "{}")),
        ("INSERT INTO mark VALUES (?, ?, ?, ?, ?, ?, ?)", ("of nobody", 1, 0, "resumed", None, "", 0.0)),
        (EVENT, event("of nobody")),
    ],
    ids=["no flow", "no time", "an entry of no run", "a mark of no run", "an event of no run"],
)
def test_what_belongs_to_nothing(journal, sql, values):
    refused(journal, sql, values)


@pytest.mark.parametrize("kind", ["forgotten", "", None])
def test_marks_of_a_kind_that_is_none(journal, kind):
    mark = (journal.run_id, 1, 0, kind, None, "", 0.0)
    refused(journal, "INSERT INTO mark VALUES (?, ?, ?, ?, ?, ?, ?)", mark)


@pytest.mark.parametrize("table", ["run", "event", "entry", "mark"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET run_id = 'other'", "DELETE FROM {}"])
def test_nothing_is_changed_or_deleted(journal, table, statement):
    run_id = journal.run_id
    journal.write(
        [
            ("INSERT INTO entry VALUES (?, ?, ?)", [(run_id, 1, "{}")]),
            ("INSERT INTO mark VALUES (?, ?, ?, ?, ?, ?, ?)", [(run_id, 1, 0, "resumed", None, "", 0.0)]),
        ]
    )
    refused(journal, statement.format(table), (), "a journal is only added to")


def test_a_row_is_not_replaced_either(journal):
    refused(journal, EVENT.replace("INSERT", "INSERT OR REPLACE"), event(journal.run_id, seq=1))


def test_a_gap_is_found_on_reading(tmp_path):
    path = tmp_path / "gap.db"
    flow = flow_of([], CHAIN)
    run = flow.start(17, journal=path)
    play(run.finish())
    changed_by_hand(path, "DELETE FROM event WHERE seq = 4")
    with pytest.raises(JournalError, match="event 5 does not follow event 3"):
        flow.resume(path, run.id)


def refused(journal, sql, values, says="constraint failed|cannot be used"):
    before = rows_of(journal)
    good = event(journal.run_id, seq=50)
    with pytest.raises(JournalError, match=says):
        journal.write([(EVENT, [good]), (sql, [values])])
    assert rows_of(journal) == before, "nor is what was to be written with it"
