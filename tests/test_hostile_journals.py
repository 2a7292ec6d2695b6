"""A file that others have made is opened right or refused in words, soon; nothing in it is executed."""

import gc
import json
import os
import random
import shutil
import sqlite3
import sys
import time
from pathlib import Path

import pytest
from helpers import flow_of, play
from journals import changed_by_hand, files_of, python, said
from long import LONG

from daga_nb import list_runs
from daga_nb.errors import JournalError, JournalValueError
from daga_nb.journal import file, foreign, reading
from daga_nb.journal.head import hash_of
from daga_nb.journal.schema import APPLICATION, PAGE, VERSION

pytestmark = pytest.mark.timeout(900 if LONG else 60)


CHAIN = [("a", "b"), ("b", "c")]
REFUSED = (JournalError, JournalValueError)


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """Give a journal with a run that was rolled back, and with one that is open."""
    path = tmp_path_factory.mktemp("good") / "runs.db"
    flow = flow_of([], CHAIN)
    run = flow.start(17, journal=path)
    play(run.finish())
    play(run.rollback())
    run = flow.start({"who": "me"}, journal=path)
    play(run.step())
    name, run_id = run.id, run.id
    del run, name
    shutil.copy(path, path.with_name("copy.db"))
    with pytest.raises(JournalError):
        list_runs(path.with_name("nothing.db"))
    return path, run_id


@pytest.fixture
def path(good, tmp_path):
    from daga_nb.journal.file import opened

    made = tmp_path / "runs.db"
    with opened(good[0], create=False) as journal:  # the open run is still in the WAL
        journal.read("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copy(good[0], made)
    return made


@pytest.fixture
def run_id(good):
    return good[1]


def looked_at(path, run_id):
    """Do with a journal all that reads it; give what was refused, which is all that may go wrong."""
    told = []
    before = files_of(path)
    for work in (
        lambda: list_runs(path),
        lambda: [run.lost for run in list_runs(path)],
        lambda: [run.story for run in list_runs(path)],
        lambda: str(list_runs(path)) + list_runs(path)._repr_html_(),
        lambda: flow_of([], CHAIN).resume(path, run_id),
    ):
        began = time.process_time()
        try:
            work()
        except REFUSED as error:
            told.append(str(error))
            assert len(told[-1]) < 2_000
        assert time.process_time() - began < 2
    if path in file._open:  # by a run that was resumed, and is not there any more
        gc.collect()
    after = files_of(path)
    assert list(after) == list(before)
    # SQLite may write down in its own header that the file is kept with a WAL, if that was changed.
    known = 100 if len(told) < 5 else 0
    assert [text[known:] for text in after.values()] == [text[known:] for text in before.values()]
    return told


# -------------------------------------------------------------------------- files that are none


def no_database(path):
    path.write_text("dear diary\n" * 100)


def short(path):
    path.write_bytes(b"SQLite format 3\0")


def of_another_app(path):
    path.unlink()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE run(run_id)")
    connection.close()


def of_another_app_that_has_just_died(path):
    """What it wrote is still in its WAL, which opening the file with SQLite would write into it."""
    path.unlink()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE run(run_id)")
    connection.commit()
    for end in ("", "-wal"):
        shutil.copy(f"{path}{end}", f"{path}{end}.died")
    connection.close()
    for end in ("", "-wal"):
        os.replace(f"{path}{end}.died", f"{path}{end}")
    Path(f"{path}-shm").unlink(missing_ok=True)


def with_an_application_id_of_others(path):
    changed_by_hand(path, "PRAGMA application_id=17")


def of_a_version_to_come(path):
    changed_by_hand(path, f"PRAGMA user_version={VERSION + 1}")


def with_a_trigger_more(path):
    changed_by_hand(path, "CREATE TRIGGER spy AFTER INSERT ON event BEGIN SELECT load_extension('x'); END")


def with_a_view_more(path):
    changed_by_hand(path, "CREATE VIEW spy AS SELECT * FROM run")


def with_a_table_of_other_sql(path):
    changed_by_hand(path, "DROP TABLE mark", "CREATE TABLE mark(run_id TEXT)")


def without_an_index(path):
    changed_by_hand(path, "DROP INDEX one_outcome")


def with_very_many_views(path):
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN")
    connection.execute("PRAGMA writable_schema=ON")
    connection.executemany(
        "INSERT INTO sqlite_schema VALUES ('view', ?1, ?1, 0, ?2)",
        ((f"v{number}", f"CREATE VIEW v{number} AS SELECT 1") for number in range(200_000)),
    )
    connection.execute("COMMIT")
    connection.close()


NONE = {
    no_database: "is no journal: it is not even a database",
    short: "is no journal: it is not even a database",
    of_another_app: "is a database, and no journal of daga-nb",
    of_another_app_that_has_just_died: "is a database, and no journal of daga-nb",
    with_an_application_id_of_others: "is a database, and no journal of daga-nb",
    of_a_version_to_come: "is a journal of version 2; this daga_nb reads version 1",
    with_a_trigger_more: "has other tables than a journal: it is not opened",
    with_a_view_more: "has other tables than a journal: it is not opened",
    with_a_table_of_other_sql: "has other tables than a journal: it is not opened",
    without_an_index: "has other tables than a journal: it is not opened",
    with_very_many_views: "takes too long to read: it is no journal of daga-nb",
}


@pytest.mark.parametrize(("make", "says"), NONE.items(), ids=[make.__name__ for make in NONE])
def test_what_is_no_journal_is_refused_and_stays_as_it_is(path, run_id, make, says, monkeypatch):
    if not LONG:
        monkeypatch.setattr(foreign, "_LONGEST_LOOK", 0.2)
    make(path)
    told = looked_at(path, run_id)
    assert len(told) == 5
    assert all(says in one for one in told)
    with pytest.raises(JournalError, match=says):
        flow_of([], CHAIN).start(1, journal=path)


@pytest.mark.parametrize("pages", [None, 2**33 // PAGE])
def test_a_file_of_many_gigabytes_of_nothing_is_read_soon(path, run_id, pages):
    with path.open("r+b") as opened:
        if pages is not None:  # and it says so itself
            opened.seek(28)
            opened.write(pages.to_bytes(4, "big"))
        opened.truncate(2**33)
    began = time.process_time()
    assert len(list_runs(path)) == 2
    assert flow_of([], CHAIN).resume(path, run_id).state.word == "running"
    assert time.process_time() - began < 2


# ----------------------------------------------------------------------- rows that nobody wrote

BIG = f"CAST(zeroblob({50_000_000 if LONG else 5_000_000}) AS TEXT)"
EVENT = "UPDATE event SET "
RUN = "UPDATE run SET "


def plan(**other):
    """Give what puts another plan into a journal, with its hash."""
    told = {
        "names": ["a", "b", "c"],
        "predecessors": [[], [0], [1]],
        "undo": ["call"] * 3,
        "policy": {"schedule": "batch", "rollback_failed": True, "on_rollback_error": "continue"},
    }
    return put_plan(json.dumps({**told, **other}))


def put_plan(text):
    return (RUN + "plan = ?, plan_hash = ?", (text, hash_of(text)))


def value(text):
    return (EVENT + "value = ? WHERE state = 'SUCCEEDED'", (text,))


ROWS = {
    "a cycle": plan(predecessors=[[2], [0], [1]]),
    "predecessors behind": plan(predecessors=[[1], [], [1]]),
    "one of its own": plan(predecessors=[[], [1], [1]]),
    "a predecessor that is not there": plan(predecessors=[[], [0], [17]]),
    "another number of names": plan(names=["a", "b"]),
    "the same name twice": plan(names=["a", "a", "b"]),
    "names that are none": plan(names=[1, 2, 3]),
    "undo of another kind": plan(undo=["os.system"] * 3),
    "a policy of another kind": plan(policy={"schedule": "eval"}),
    "a plan that is no object": put_plan("[]"),
    "a plan that is no JSON": put_plan("{"),
    "a plan that is deep": put_plan("[" * 1_000_000),
    "a plan of very many nodes": plan(names=list(map(str, range(10**6))), predecessors=[[]] * 10**6),
    "a plan that was changed": RUN + "plan = '{}'",
    "a plan whose hash was changed": RUN + "plan_hash = ''",
    "a negative seq": EVENT + "seq = -seq",
    "a gap": "DELETE FROM event WHERE seq = 2",
    "a gap at the beginning": "DELETE FROM event WHERE seq = 1",
    "a time beyond all numbers": EVENT + "at = 9e999",
    "a duration beyond all numbers": EVENT + "seconds = 9e999 WHERE outcome IS NOT NULL",
    "a state that is none": EVENT + "state = 'EXECUTED' WHERE seq = 2",
    "a node that is none": EVENT + "node = 17 WHERE node = 0",
    "an attempt too many": EVENT + "attempt = 2 WHERE node = 0",
    "events that no run could have": EVENT
    + "state = 'ROLLED_BACK', outcome = NULL WHERE state = 'SUCCEEDED'",
    "a text that is no UTF-8": EVENT + "reason = CAST(x'eda080ff' AS TEXT)",
    "a value of many MB": EVENT + f"value = {BIG} WHERE seq = 3",
    "a reason of many MB": EVENT + f"reason = {BIG} WHERE seq = 3",
    "a value that is no JSON": value("__import__('os').system('x')"),
    "a value that is deep": value("[" * 1_000_000),
    "a value of a class that is not journaled": value('{"$":"dataclass","v":["os.system",{"command":"x"}]}'),
    "a member of a class of another module": value(
        '{"$":"enum","v":["daga_nb.core.states.NodeState","FAILED"]}'
    ),
    "a tag that is none": value('{"$":"eval","v":["1"]}'),
    "a number that is none": value("NaN"),
    "a very long number": value("9" * 100_000),
    "no value at all": (EVENT + "value = NULL WHERE state = 'SUCCEEDED'", ()),
    "an error that is none": EVENT + "error = '[]', value = NULL, state = 'FAILED' WHERE state = 'SUCCEEDED'",
    "an input that is none": RUN + "input = 'os.system'",
    "an entry that is none": "INSERT INTO entry SELECT run_id, 1, '{}' FROM run",
    "an entry that is deep": f"INSERT INTO entry SELECT run_id, 1, '{'[' * 100_000}' FROM run",
    "an entry with a gap before it": "INSERT INTO entry SELECT run_id, 2, '{}' FROM run",
    "a mark of nobody": "INSERT INTO mark SELECT run_id, 1, 0, 'undo', 17, 'call', 0 FROM run",
    "a mark that says nothing": "INSERT INTO mark SELECT run_id, 1, 0, 'undo', 0, 'eval', 0 FROM run",
    "a rollback for no reason": "INSERT INTO mark SELECT run_id, 1, 0, 'turning', NULL, '', 0 FROM run",
    "the rollback of one": "INSERT INTO mark SELECT run_id, 1, 0, 'turning', 0, 'why', 0 FROM run",
}


@pytest.mark.parametrize("statement", ROWS.values(), ids=ROWS.keys())
def test_a_run_that_nobody_can_have_written_is_not_resumed(path, run_id, statement):
    changed_by_hand(path, statement)
    assert looked_at(path, run_id)
    with pytest.raises(REFUSED):
        flow_of([], CHAIN).resume(path, run_id)


HARMLESS = {
    "events of no run": "INSERT INTO event SELECT 'nobody', seq, at, node, state, attempt, reason, outcome, "
    "seconds, value, error FROM event WHERE run_id = (SELECT min(run_id) FROM run)",
    "a NUL in a text": EVENT + "reason = 'a' || char(0) || 'b'",
    "a flow of another name": RUN + "flow = '<script>alert(1)</script>'",
    "a time before all runs": RUN + "created_at = 0",
}


@pytest.mark.parametrize("statement", HARMLESS.values(), ids=HARMLESS.keys())
def test_what_harms_nothing_is_opened_right(path, run_id, statement):
    changed_by_hand(path, statement)
    assert looked_at(path, run_id) == []
    run = flow_of([], CHAIN).resume(path, run_id)
    assert play(run.finish()) == ["c"]
    assert "<script" not in list_runs(path)._repr_html_()


@pytest.mark.parametrize("when", [9e300, -9e300, 9e999])
def test_a_time_that_no_calendar_has(path, run_id, when):
    changed_by_hand(path, (RUN + "created_at = ?", (when,)))
    with pytest.raises(JournalError, match="is damaged"):
        list_runs(path)


def test_a_flow_of_a_name_of_many_megabytes(path, run_id):
    changed_by_hand(path, RUN + f"flow = {BIG}")
    with pytest.raises(JournalError, match="has a text that is longer than what a journal keeps"):
        list_runs(path)


def test_more_events_than_are_read(path, run_id, monkeypatch):
    monkeypatch.setattr(reading, "MOST_EVENTS", 2)
    with pytest.raises(JournalError, match="has more than 2 events: it is not read"):
        flow_of([], CHAIN).resume(path, run_id)


# ------------------------------------------------------------------------------- bytes anywhere


def test_bytes_that_were_changed(path, run_id, tmp_path, counts):
    good = path.read_bytes()
    refused = 0
    files = 5_000 if LONG else 40
    for seed in range(files):
        rng = random.Random(seed)
        path.write_bytes(_changed(good, rng))
        refused += bool(looked_at(path, run_id))
    counts("journals with bytes changed", files=files, refused=refused)
    assert refused > files // 4


def _changed(good, rng):
    found = bytearray(good)
    for _ in range(rng.choice([1, 1, 4, 40])):
        at = rng.choice(
            [rng.randrange(len(found)), rng.randrange(512), rng.randrange(len(found) // PAGE) * PAGE]
        )
        found[at] = rng.choice([0, 255, rng.randrange(256), found[at] ^ 1 << rng.randrange(8)])
    if rng.random() < 0.2:
        del found[rng.randrange(len(found)) :]
    if rng.random() < 0.1:
        page, other = (rng.randrange(len(good) // PAGE) * PAGE for _ in range(2))
        found[page : page + PAGE] = good[other : other + PAGE]
    return bytes(found)


# ------------------------------------------------------------- nothing executed, and no one's memory

WATCHED = """
import json, resource, sys, time
sys.path[:0] = sys.argv[1:2]
import asyncio
from pathlib import Path
from helpers import flow_of
from daga_nb import list_runs
from daga_nb.errors import JournalError, JournalValueError

CHAIN = [("a", "b"), ("b", "c")]
folder, run_id = Path(sys.argv[2]), sys.argv[3]

def look(path):
    for work in (
        lambda: [(run.lost, run.story) for run in list_runs(path)],
        lambda: str(list_runs(path)) + list_runs(path)._repr_html_(),
        lambda: flow_of([], CHAIN).resume(path, run_id),
    ):
        try:
            work()
        except (JournalError, JournalValueError):
            pass

look(folder / "good.db")
look(folder / "deep.db")  # what is imported on the way is there from now on
seen = []

def hook(event, args):
    if event == "open" and not str(args[0]).startswith(str(folder)):
        seen.append([event, str(args[0])])
    elif event in ("import", "exec", "compile", "os.system", "os.exec", "os.posix_spawn", "pickle.find_class",
                   "subprocess.Popen", "socket.connect", "ctypes.dlopen", "sqlite3.load_extension"):
        seen.append([event, str(args)[:200]])

slowest = (0, '')
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
sys.addaudithook(hook)
paths = sorted(folder.glob("*.db"))
for path in paths:
    began = time.process_time()
    look(path)
    slowest = max(slowest, (time.process_time() - began, path.name))
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([len(paths), seen, (after - before) // 1024, slowest]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the memory is told in other units there")
def test_nothing_in_a_file_is_executed_imported_or_takes_the_memory(path, run_id, tmp_path, counts):
    folder = tmp_path / "all"
    folder.mkdir()
    shutil.copy(path, folder / "good.db")
    for number, statement in enumerate(ROWS.values()):
        shutil.copy(path, made := folder / f"{number}.db")
        changed_by_hand(made, statement)
    shutil.copy(path, made := folder / "deep.db")
    changed_by_hand(made, ROWS["a value that is deep"])
    shutil.copy(path, made := folder / "bomb.db")
    changed_by_hand(made, put_plan('{"names":[' + "[]," * 20_000_000 + "[]]}"))
    for number in range(500 if LONG else 10):
        (folder / f"bytes {number}.db").write_bytes(_changed(path.read_bytes(), random.Random(number)))
    if LONG:
        shutil.copy(path, made := folder / "million.db")
        changed_by_hand(
            made,
            "INSERT INTO event WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n "
            f"WHERE i < 1000100) SELECT '{run_id}', i, 0, 0, 'RUNNING', 1, '', NULL, NULL, NULL, NULL FROM n",
        )
    ((files, seen, megabytes, slowest),) = said(
        python(WATCHED, Path(__file__).parent, folder, run_id), timeout=600
    )
    assert seen == []
    assert megabytes < 200
    assert slowest[0] < 3 * 2, slowest
    counts("hostile journals, watched", files=files)


def test_the_first_bytes_are_where_they_are_looked_for(path):
    """By the format of SQLite's files; a journal says what it is from its very beginning."""
    head = path.read_bytes()[:100]
    assert int.from_bytes(head[68:72], "big") == APPLICATION
    assert int.from_bytes(head[60:64], "big") == VERSION
    assert foreign.check_head(path) is None
