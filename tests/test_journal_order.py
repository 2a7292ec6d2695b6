"""In what order a run is written down, called and told of; and how often it is written."""

import subprocess
import sys

import networkx as nx
import pytest
from helpers import Boom, action, flow_of, play
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daga_nb import DagaAction, DagaFlow, DagaFlowError, Retries
from daga_nb.journal.file import Journal, opened

CHAIN = [("a", "b"), ("b", "c")]


@pytest.fixture
def spy(monkeypatch):
    """Give the list of what happens: a line for each row as it is committed; others add their own."""
    lines = []
    write = Journal.write

    def spied(self, statements):
        write(self, statements)
        for sql, rows in statements:
            if sql.startswith("INSERT INTO event"):
                names = "abcdefgh"
                lines.extend(f"wrote {'run' if row[3] is None else names[row[3]]} {row[4]}" for row in rows)

    monkeypatch.setattr(Journal, "write", spied)
    return lines


def alone(made):
    """Give a flow of one action."""
    graph = nx.DiGraph()
    graph.add_node(made)
    return DagaFlow(graph)


def test_the_intent_is_written_before_the_effect_and_the_outcome_before_anybody_is_told(spy, tmp_path):
    run = flow_of(spy, CHAIN, how={"b": {"fails": Boom("no")}}).start(17, journal=tmp_path / "runs.db")
    run.subscribe(lambda event: spy.append(f"told {event}"))
    with pytest.raises(DagaFlowError):
        play(run.finish())
    assert spy == [
        "wrote run RUNNING", "wrote a RUNNING",
        "told run RUNNING", "told a RUNNING",
        "do a",
        "wrote a SUCCEEDED", "wrote b RUNNING",
        "told a SUCCEEDED", "told b RUNNING",
        "do b",
        "wrote b FAILED", "wrote run ROLLING_BACK", "wrote c ABANDONED", "wrote b ROLLING_BACK",
        "told b FAILED", "told run ROLLING_BACK", "told c ABANDONED", "told b ROLLING_BACK",
        "undo b",
        "wrote b ROLLED_BACK", "wrote a ROLLING_BACK",
        "told b ROLLED_BACK", "told a ROLLING_BACK",
        "undo a",
        "wrote a ROLLED_BACK", "wrote run ROLLED_BACK",
        "told a ROLLED_BACK", "told run ROLLED_BACK",
    ]  # fmt: skip


def test_a_retry_is_written_before_it_is_made(spy, tmp_path):
    left = [Boom("once")]

    async def do(results):
        spy.append("do a")
        if left:
            raise left.pop()

    play(alone(DagaAction(do, name="a", retries=1)).run(17, journal=tmp_path / "runs.db"))
    assert [line for line in spy if line.startswith("do") or " a " in line] == [
        "wrote a RUNNING",
        "do a",
        "wrote a FAILED",
        "wrote a RUNNING",
        "do a",
        "wrote a SUCCEEDED",
    ]


def test_stepping_writes_before_it_holds(spy, tmp_path):
    run = flow_of(spy, CHAIN).start(17, journal=tmp_path / "runs.db")
    play(run.step())
    assert spy == ["wrote run RUNNING", "wrote a RUNNING", "do a", "wrote a SUCCEEDED"]


def test_an_effect_is_written_as_it_is_told(tmp_path):
    path, found = tmp_path / "runs.db", []

    def pay(results, context):
        context.effect("charge", 17)
        found.extend(journal.read("SELECT entry FROM entry"))
        return 1

    with opened(path, create=True) as journal:
        play(alone(DagaAction(pay, name="pay")).run(17, journal=path))
    assert len(found) == 1
    assert '"charge"' in found[0][0]


# ------------------------------------------------------------------------------------- how often

GRAPHS = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 6)).filter(lambda edge: edge[0] < edge[1]),
    min_size=1,
    max_size=10,
    unique=True,
)


@given(
    edges=GRAPHS,
    schedule=st.sampled_from(["batch", "eager"]),
    fails=st.none() | st.integers(0, 6),
    stepped=st.booleans(),
    retries=st.integers(0, 2),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_how_often_it_is_written(tmp_path_factory, edges, schedule, fails, stepped, retries):
    path = tmp_path_factory.mktemp("commits") / "runs.db"
    names = sorted({f"n{end}" for edge in edges for end in edge})
    bad = None if fails is None else names[fails % len(names)]
    how = {bad: {"fails": Boom("no"), "retries": Retries(retries)}} if bad else {}
    flow = flow_of([], [(f"n{a}", f"n{b}") for a, b in edges], how=how, schedule=schedule)
    run = flow.start(17, journal=path)
    commits = []
    with pytest.MonkeyPatch.context() as patch:
        write = Journal.write

        def counted(self, statements):
            commits.append(None)
            write(self, statements)

        patch.setattr(Journal, "write", counted)
        if stepped:
            while not run.state.ended:
                play(run.step())
        elif bad is None:
            play(run.finish())
        else:
            with pytest.raises(DagaFlowError):
                play(run.finish())
    most = len(run.plan) + len(run.plan.batches) + 3
    if bad is not None:
        most = 2 * most + 2 * retries
    if stepped:
        most += len(run.plan.batches) * (2 if bad else 1)  # a step also writes at its end
    assert len(commits) <= most


def test_without_a_journal_nothing_is_paid():
    code = (
        "import asyncio, sys; from daga_nb import DagaFlow; "
        "asyncio.run(DagaFlow([(abs, str)]).start(17).step()); "
        "print('sqlite3' in sys.modules, any('daga_nb.journal.' + name in sys.modules for name in "
        "('file', 'run_log', 'resume')))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert told.stdout.split() == ["False", "False"], told.stderr


def test_an_action_of_a_run_without_a_journal_may_give_anything():
    assert play(alone(action([], "a", result=object)).run()) == [object]
