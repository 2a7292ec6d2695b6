"""The states, and the one table of legal transitions for each: every pair is tried."""

import itertools
import re

import pytest
from helpers import machine_of, settle, tell

from daga_nb.core.events import Event
from daga_nb.core.machine import Machine
from daga_nb.core.moves import Undo
from daga_nb.core.states import NODE_TRANSITIONS, RUN_TRANSITIONS, NodeState, RunState, diagram, parse_state
from daga_nb.errors import IllegalTransition

# Written out by hand, and not read from the code. A row is the old state, a column the new one, in the
# order below; x is a legal move.
NODES = """
                 PE RU SU FA RG RB RF AB KE UN
PENDING           .  x  x  .  .  .  .  x  .  .
RUNNING           .  .  x  x  .  .  .  x  .  x
SUCCEEDED         .  .  .  .  x  x  .  .  x  .
FAILED            .  x  x  .  x  .  .  .  .  .
ROLLING_BACK      .  .  .  .  .  x  x  .  .  .
ROLLED_BACK       .  x  .  .  .  .  .  .  .  .
ROLLBACK_FAILED   .  .  .  .  x  .  .  .  .  .
ABANDONED         .  x  .  .  .  .  .  .  .  .
KEPT              .  .  .  .  .  .  .  .  .  .
UNKNOWN           .  x  x  .  x  .  .  .  .  .
"""

RUNS = """
                     RE RU SU RC RG RB RI
READY                 .  x  .  .  x  .  .
RUNNING               .  .  x  x  x  .  .
SUCCEEDED             .  .  .  .  x  .  .
RECOVERING            .  x  .  .  x  .  .
ROLLING_BACK          .  .  .  .  .  x  x
ROLLED_BACK           .  .  .  .  .  .  .
ROLLBACK_INCOMPLETE   .  .  .  .  x  .  .
"""


def read(table):
    rows = [line.split() for line in table.strip().splitlines()[1:]]
    names = [row[0] for row in rows]
    return names, {(row[0], names[i]) for row in rows for i, mark in enumerate(row[1:]) if mark == "x"}


# What happens to a node only when the run goes back.
SETTLING = ("ROLLING_BACK", "ROLLED_BACK", "KEPT")
SETTLED_FROM = ("SUCCEEDED", "FAILED", "UNKNOWN")

NODE_NAMES, LEGAL_NODES = read(NODES)
RUN_NAMES, LEGAL_RUNS = read(RUNS)

# The shortest story that brings the node "x" into each state, and what undoing it takes.
INTO = {
    "PENDING": (Undo.CALL, []),
    "RUNNING": (Undo.CALL, ["run RUNNING", "x RUNNING"]),
    "SUCCEEDED": (Undo.CALL, ["run RUNNING", "x RUNNING", "x SUCCEEDED"]),
    "FAILED": (Undo.CALL, ["run RUNNING", "x RUNNING", "x FAILED"]),
    "UNKNOWN": (Undo.CALL, ["run RUNNING", "x RUNNING", "x UNKNOWN"]),
    "ABANDONED": (Undo.CALL, ["run ROLLING_BACK", "x ABANDONED"]),
    "ROLLING_BACK": (
        Undo.CALL,
        ["run RUNNING", "x RUNNING", "x FAILED", "run ROLLING_BACK", "x ROLLING_BACK"],
    ),
}
INTO["ROLLED_BACK"] = (Undo.CALL, [*INTO["ROLLING_BACK"][1], "x ROLLED_BACK"])
INTO["ROLLBACK_FAILED"] = (Undo.CALL, [*INTO["ROLLING_BACK"][1], "x ROLLBACK_FAILED"])
INTO["KEPT"] = (Undo.MISSING, [*INTO["SUCCEEDED"][1], "run ROLLING_BACK", "x KEPT"])

# The same behind a save point, s.
SAVED = ["run RUNNING", "s RUNNING", "s SUCCEEDED", "x RUNNING", "x FAILED", "run RECOVERING"]
ANEW = [*SAVED, "x ROLLING_BACK", "x ROLLED_BACK", "run RUNNING"]

RUN_INTO = {
    "READY": [],
    "RUNNING": ["run RUNNING"],
    "SUCCEEDED": ["run RUNNING", "x RUNNING", "x SUCCEEDED", "run SUCCEEDED"],
    "RECOVERING": SAVED,
    "ROLLING_BACK": ["run ROLLING_BACK"],
    "ROLLED_BACK": ["run ROLLING_BACK", "x ABANDONED", "run ROLLED_BACK"],
    "ROLLBACK_INCOMPLETE": [*INTO["ROLLBACK_FAILED"][1], "run ROLLBACK_INCOMPLETE"],
}


def test_the_tables_of_the_test_name_every_state():
    assert [state.value for state in NodeState] == NODE_NAMES
    assert len(NODE_NAMES) == 10
    assert [state.value for state in RunState] == RUN_NAMES
    assert len(RUN_NAMES) == 7


def saved() -> Machine:
    return machine_of([("s", "x")], save_points=((0, 1),))


@pytest.mark.parametrize("old", NODE_NAMES)
def test_each_move_of_a_node_is_legal_exactly_where_the_table_says(old):
    found = {new for new in NodeState if (NodeState(old), new) in NODE_TRANSITIONS}
    assert found == {NodeState(new) for new in NODE_NAMES if (old, new) in LEGAL_NODES}


@pytest.mark.parametrize("old", RUN_NAMES)
def test_each_move_of_a_run_is_legal_exactly_where_the_table_says(old):
    found = {new for new in RunState if (RunState(old), new) in RUN_TRANSITIONS}
    assert found == {RunState(new) for new in RUN_NAMES if (old, new) in LEGAL_RUNS}


@pytest.mark.parametrize(
    ("old", "new"), [pair for pair in itertools.product(NODE_NAMES, repeat=2) if pair not in LEGAL_NODES]
)
def test_the_machine_refuses_every_illegal_move_of_a_node_and_tells_its_story(old, new):
    undo, lines = INTO[old]
    machine = tell(machine_of(nodes="x", undo={"x": undo}), *lines)
    with pytest.raises(IllegalTransition) as refused:
        tell(machine, f"x {new}")
    own = [line for line in lines if line.startswith("x ")]
    assert [str(event) for event in refused.value.story] == own
    assert f"x cannot go from {old}" in str(refused.value)
    assert str(refused.value).endswith("Its story: " + ("; ".join(own) or "nothing yet"))
    assert machine.states == [NodeState(old)], "nothing has changed"
    assert len(machine.events) == len(lines)


@pytest.mark.parametrize(("old", "new"), sorted(LEGAL_NODES))
def test_the_machine_takes_every_legal_move_of_a_node_when_its_turn_has_come(old, new):
    undo, lines = INTO[old]
    if (old, new) == ("ROLLED_BACK", "RUNNING"):
        machine = tell(saved(), *ANEW, "x RUNNING")
        assert machine.states == [NodeState.SUCCEEDED, NodeState.RUNNING]
        return
    if old == "ABANDONED":
        lines = ["run RUNNING", "x RUNNING", "x ABANDONED"]
    if new in ("KEPT", "ROLLED_BACK") and old == "SUCCEEDED":
        undo = Undo.MISSING if new == "KEPT" else Undo.NOTHING
    machine = tell(machine_of(nodes="x", undo={"x": undo}), *lines)
    if (old, new) == ("PENDING", "RUNNING"):
        tell(machine, "run RUNNING")
    elif (old, new) == ("PENDING", "ABANDONED") or (new in SETTLING and old in SETTLED_FROM):
        tell(machine, "run ROLLING_BACK")
    tell(machine, f"x {new}")
    assert machine.states == [NodeState(new)]


@pytest.mark.parametrize(
    ("old", "new"), [pair for pair in itertools.product(RUN_NAMES, repeat=2) if pair not in LEGAL_RUNS]
)
def test_the_machine_refuses_every_illegal_move_of_a_run_and_tells_its_story(old, new):
    lines = RUN_INTO[old]
    machine = tell(saved() if old == "RECOVERING" else machine_of(nodes="x"), *lines)
    with pytest.raises(IllegalTransition, match=f"the run cannot go from {old}") as refused:
        tell(machine, f"run {new}")
    assert [str(event) for event in refused.value.story] == [one for one in lines if one.startswith("run ")]
    assert machine.run_state is RunState(old)
    assert len(machine.events) == len(lines)


@pytest.mark.parametrize(("old", "new"), sorted(LEGAL_RUNS))
def test_the_machine_takes_every_legal_move_of_a_run_when_its_time_has_come(old, new):
    lines = RUN_INTO[old]
    if (old, new) == ("RUNNING", "SUCCEEDED"):
        lines = RUN_INTO["SUCCEEDED"][:-1]
    elif old == "ROLLING_BACK":
        lines = RUN_INTO[new][:-1]
    elif new == "RECOVERING":
        lines = SAVED[:-1]
    elif (old, new) == ("RECOVERING", "RUNNING"):
        lines = ANEW[:-1]
    machine = saved() if "s RUNNING" in lines else machine_of(nodes="x")
    tell(machine, *lines, f"run {new}")
    assert machine.run_state is RunState(new)


@pytest.mark.parametrize("old", NODE_NAMES)
@pytest.mark.parametrize("new", RUN_NAMES)
def test_a_state_of_a_run_is_no_state_of_a_node_also_where_the_word_is_the_same(old, new):
    undo, lines = INTO[old]
    machine = tell(machine_of(nodes="x", undo={"x": undo}), *lines)
    if old in ("SUCCEEDED", "FAILED", "UNKNOWN"):
        settle(machine, "by request")
    before = len(machine.events)
    for state in (RunState(new), new):
        with pytest.raises(IllegalTransition):
            machine.apply(Event(before + 1, 0.0, "x", state))
    assert type(machine.states[0]) is NodeState
    assert len(machine.events) == before


@pytest.mark.parametrize("new", NODE_NAMES)
def test_a_state_of_a_node_is_no_state_of_a_run_also_where_the_word_is_the_same(new):
    machine = machine_of(nodes="x")
    with pytest.raises(IllegalTransition):
        machine.apply(Event(1, 0.0, None, NodeState(new)))
    assert machine.run_state is RunState.READY
    assert machine.events == []


@pytest.mark.parametrize(
    ("of_run", "names", "legal", "first"),
    [(False, NODE_NAMES, LEGAL_NODES, "PENDING"), (True, RUN_NAMES, LEGAL_RUNS, "READY")],
)
def test_the_diagram_has_exactly_the_moves_of_the_table(of_run, names, legal, first):
    head, start, *moves = diagram(of_run).splitlines()
    assert head == "stateDiagram-v2"
    assert start == f"    [*] --> {first}"
    drawn = [re.fullmatch(r"    (\w+) --> (\w+)", line).groups() for line in moves]
    assert len(drawn) == len(set(drawn))
    assert set(drawn) == legal
    assert {name for pair in drawn for name in pair} == set(names)


def test_which_states_of_a_run_are_its_end():
    assert [state.value for state in RunState if state.ended] == [
        "SUCCEEDED",
        "ROLLED_BACK",
        "ROLLBACK_INCOMPLETE",
    ]


def test_a_state_reads_as_words_and_prints_as_its_name():
    assert [state.word for state in NodeState] == [
        "pending",
        "running",
        "succeeded",
        "failed",
        "rolling back",
        "rolled back",
        "rollback failed",
        "abandoned",
        "kept",
        "unknown",
    ]
    assert RunState.ROLLBACK_INCOMPLETE.word == "rollback incomplete"
    assert f"{NodeState.KEPT} {RunState.ROLLING_BACK}" == "KEPT ROLLING_BACK"
    assert str(NodeState.UNKNOWN) == "UNKNOWN"


@pytest.mark.parametrize(("text", "of_run"), [("KEPT", True), ("READY", False), ("", True), ("kept", False)])
def test_a_name_that_is_no_state_is_refused(text, of_run):
    with pytest.raises(ValueError, match="is not a valid"):
        parse_state(text, of_run=of_run)
