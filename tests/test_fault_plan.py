"""A plan of faults as a value, and what is accepted where faults are meant."""

import pytest
from helpers import Boom, flow_of, play

from daga_nb import DagaFlowError, Fault, FaultPlan, Scenario, When, lab
from daga_nb.errors import FaultError

TEXT = "b.after: 1*raise(TimeoutError)->off; c.rollback: delay(0.001)"


def test_a_plan_is_a_sequence_that_does_not_change():
    plan = FaultPlan.parse(TEXT)
    assert [fault.at for fault in plan] == ["b", "c"]
    assert (len(plan), plan[0].where, plan[-1].kind) == (2, "after", "delay")
    assert plan[1:] == FaultPlan([plan[1]])
    assert plan[0] in plan
    assert FaultPlan(TEXT) == FaultPlan(plan) == FaultPlan(TEXT.split(";")) == plan
    assert hash(FaultPlan(TEXT)) == hash(plan)
    assert plan != FaultPlan(reversed(plan))
    assert plan != list(plan)
    assert eval(repr(plan), {"FaultPlan": FaultPlan, "Fault": Fault, "When": When}) == plan
    with pytest.raises(TypeError):
        plan[0] = plan[1]


@pytest.mark.parametrize("text", ["", "  ", "\n", ";;\n ; \r\n"])
def test_an_empty_text_is_an_empty_plan(text):
    assert list(FaultPlan.parse(text)) == []
    assert str(FaultPlan()) == ""


def test_a_plan_is_written_one_fault_a_line_or_with_semicolons():
    lines = "\n\n  b.after: 1*raise(Timeout)->off  \n\tc.rollback: delay(0.001);\n"
    assert FaultPlan.parse(lines) == FaultPlan.parse(TEXT)
    assert str(FaultPlan.parse(lines)) == TEXT
    quoted = FaultPlan.parse('"a;b\\n".after: raise(KeyError, ";\\n")')
    assert [fault.at for fault in quoted] == ["a;b\n"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a.after: hang b.after: hang", "'if' or 'seed' is meant, and not 'b'"),
        ("a.after: hang, b.after: hang", "the next one stands in a line of its own, or behind ;"),
        ("a.after: hang; b.after off", "':' is meant"),
        ("a.after: hang; b.after: off", "before this, a fault does something: all its terms are off"),
    ],
)
def test_a_plan_that_is_none_is_refused(text, says):
    with pytest.raises(FaultError) as refused:
        FaultPlan.parse(text)
    assert says in str(refused.value)


@pytest.mark.parametrize("data", [None, {}, "a.after: hang"])
def test_json_that_is_no_plan_is_refused(data):
    with pytest.raises(FaultError, match="a list is meant"):
        FaultPlan.from_json(data)


def test_json_says_which_fault_is_wrong():
    with pytest.raises(FaultError, match=r"faults\[1\] is an object"):
        FaultPlan.from_json([*FaultPlan(["a.after: hang"]).to_json(), 3])
    with pytest.raises(FaultError, match=r"what faults\[1\] raises at 'b' is a "):
        FaultPlan(["a.after: hang", Fault.raising(Boom, "b")]).to_json()


@pytest.mark.parametrize(
    "faults",
    [
        TEXT,
        FaultPlan.parse(TEXT),
        TEXT.split(";"),
        iter(TEXT.split(";")),
        [Fault.parse(TEXT.split(";")[0]), TEXT.split(";")[1]],
    ],
)
def test_whatever_tells_of_faults_is_accepted_where_faults_are_meant(done, faults):
    run = flow_of(done).start(faults=faults)
    assert FaultPlan(run.faults) == FaultPlan.parse(TEXT)
    with pytest.raises(DagaFlowError):
        play(run.finish())
    assert done == ["do a", "do b", "do c", "undo b", "undo c", "undo a"]
    assert run.fired == run.faults


def test_run_and_run_sync_and_the_lab_accept_them_too(done):
    flow = flow_of(done, nodes="a")
    with pytest.raises(DagaFlowError):
        play(flow.run(faults="a.before: raise(Value)"))
    with pytest.raises(DagaFlowError):
        flow.run_sync(faults=FaultPlan(["a.after: raise(Value)"]))
    assert done == ["undo a", "do a", "undo a"]
    assert len(lab(flow, faults="a.before: raise(Value)").run.faults) == 1


@pytest.mark.parametrize("faults", [None, 3, [3], ["a"], "a", ["a.before: raise(Value)", Boom()]])
def test_whatever_tells_of_none_is_refused(done, faults):
    with pytest.raises(FaultError):
        flow_of(done, nodes="a").start(faults=faults)


def test_two_runs_with_the_same_plan_do_not_share_their_counts(done):
    flow, plan = flow_of(done, nodes="a"), FaultPlan.parse("a.before: 1*raise(Timeout)->off")
    for _ in range(2):
        run = flow.start(faults=plan)
        with pytest.raises(DagaFlowError):
            play(run.finish())
        assert run.strikes("a", "before") == 1
    assert done == ["undo a", "undo a"]
    assert len(run.fork(1).faults) == 1
    fork = run.fork(1)
    with pytest.raises(DagaFlowError):
        play(fork.finish())
    assert fork.strikes("a", "before") == 1


def test_the_later_fault_of_a_place_stands_there_alone(done):
    run = flow_of(done, nodes="a").start(faults="a.before: raise(Timeout); a.before: raise(Value)")
    assert [fault.kind for fault in run.faults] == ["ValueError"]
    assert run.inject("a.before: 1*cancel->off") == Fault.parse("a.before: 1*cancel->off")
    assert [fault.kind for fault in run.faults] == ["cancel"]


def test_a_scenario_carries_faults_of_all_kinds(done, tmp_path):
    text = (
        "a.before: 20%3*raise(TimeoutError)->off if input > 5 seed 7; a.after: corrupt([1]); "
        "b.before: cancel; b.after: repeat(3); c.rollback: hang; c.before: delay(0.5)"
    )
    made = Scenario("all", 7, FaultPlan.parse(text))
    again = Scenario.load(made.save(tmp_path / "x.json"))
    assert again == made
    assert str(FaultPlan(again.faults)) == text
    assert made.to_json()["version"] == 2
    run = again.start(flow_of(done))
    assert {str(fault) for fault in run.faults} == {str(fault) for fault in made.faults}
    assert Scenario.of(run, "again").to_json()["version"] == 2
    assert Scenario("old", 7, (Fault.raising(KeyError, "a"),)).to_json()["version"] == 1
