"""The same flow and the same faults under several policies, and the table of how they ended."""

from __future__ import annotations

import pytest
from helpers import action, flow_of, play
from story_runs import CHAIN, failing
from test_player import state_of

from daga_nb import DagaAction, DagaFlow, Retries, compare, sketch
from daga_nb.debug.side_by_side import SideBySide
from daga_nb.errors import FaultError, FlowDefinitionError, StoryError
from daga_nb.render.text import columns

THREE = {"as it is": {}, "textbook": {"rollback_failed": False}, "patient": {"retries": 2}}


def under(flow, policies=THREE, **more):
    return play(flow.run_under(policies, **more))


def test_each_policy_has_its_own_run_of_the_same_faults(done):
    runs = under(flow_of(done, CHAIN, name="trip"), faults=iter([failing("c", "after")]))
    assert done == [
        *("do a", "do b", "do c", "undo c", "undo b", "undo a"),
        *("do a", "do b", "do c", "undo b", "undo a"),
        *("do a", "do b", "do c", "do c", "do c", "undo c", "undo b", "undo a"),
    ]
    assert [*runs] == [*THREE]
    assert [run.state.word for run in runs.values()] == ["rolled back", "rolled back", "rolled back"]
    assert [run.states["c"].word for run in runs.values()] == ["rolled back", "failed", "rolled back"]
    assert [len(run.faults) for run in runs.values()] == [1, 1, 1]
    assert len({run.id for run in runs.values()}) == 3
    assert repr(runs) == "<PolicyRuns: as it is rolled back, textbook rolled back, patient rolled back>"


def test_the_faults_may_be_a_text(done):
    runs = under(flow_of(done, CHAIN), {"one": {}, "two": {}}, faults="c.before: raise(Timeout)")
    assert [str(fault) for run in runs.values() for fault in run.fired] == [
        "c.before: raise(TimeoutError)"
    ] * 2


def test_the_flow_stays_as_it_is_and_what_an_action_says_of_itself_too(done):
    flow = flow_of(done, CHAIN, how={"c": {"retries": 1}}, retries=3)
    runs = under(flow, {"none": {"retries": 0}, "as it is": {}}, faults=[failing("c"), failing("b")])
    attempts = [max(event.attempt for event in run.events) for run in runs.values()]
    assert attempts == [1, 4]
    assert flow.options.retries == Retries(3)


@pytest.mark.parametrize("is_async", [False, True])
def test_the_world_is_reset_before_each_run_and_observed(done, is_async):
    world = []

    def reset():
        done.append("reset")
        world.clear()

    async def reset_later():
        reset()

    async def buy(results):
        world.append("ticket")

    async def fail(results):
        raise ValueError("no")

    flow = DagaFlow([(buy, fail)])
    runs = under(
        flow, {"one": {}, "two": {}}, reset=reset_later if is_async else reset, observe=lambda: list(world)
    )
    assert done == ["reset", "reset"]
    assert [run.world.left for run in runs.values()] == [True, True]
    assert world == ["ticket"]


@pytest.mark.parametrize(
    ("policies", "says"),
    [
        ({}, "policies are choices of a flow by name"),
        ([{}], "policies are choices of a flow by name"),
        ({"a": {}, 3: {}}, "policy 3: its name is a text"),
        ({"a": {}, "": {}}, "policy '': its name is a text"),
        ({"a": {}, "b": [1]}, r"policy 'b': \[1\] is no mapping of choices"),
        ({"a": {}, "b": {1: 2}}, r"policy 'b': \{1: 2\} is no mapping of choices"),
        ({"a": {}, "b": {"luck": 1}}, "policy 'b': a flow has no choice luck"),
        ({"a": {}, "b": {"retries": -1}}, "policy 'b': retries"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused_before_anything_runs(done, policies, says):
    with pytest.raises(FlowDefinitionError, match=says):
        under(flow_of(done, CHAIN), policies)
    assert done == []


def test_what_could_never_fire_and_what_cannot_be_called_are_refused_before_anything_runs(done):
    flow = flow_of(done, CHAIN, how={"b": {"undo": False}})
    with pytest.raises(FaultError, match="could never fire"):
        under(flow, faults=[failing("b", "rollback")])
    with pytest.raises(FlowDefinitionError, match="reset=3"):
        under(flow, reset=3)
    assert done == []


# ------------------------------------------------------------------------------- the table


def test_names_of_others_keep_the_table_a_table():
    flow = DagaFlow([(DagaAction(len, name="行\nの"), DagaAction(len, name="pay"))])
    runs = under(flow, {"as\nit is": {}, "鍵": {"retries": 1}}, faults=[failing("pay")])
    head, first, second, *sums = str(runs.table).splitlines()
    assert len(sums) == 4
    at = columns(head[: head.index("鍵")])
    assert columns(first[: first.rindex("kept")]) == columns(second[: second.rindex("failed")]) == at
    assert "\n" not in repr(runs)


def test_the_table_says_how_each_ended_what_is_left_and_what_it_cost():
    flow = sketch("book >> mail[no rollback] >> pay", name="trip")
    table = under(flow, faults=[failing("pay", "after")]).table
    assert table.names == tuple(THREE)
    assert [row.node for row in table.rows if row.differs] == ["pay"]
    assert [(one.calls, one.undos) for one in table.sums] == [(3, 2), (3, 1), (5, 2)]
    assert [one.what_is_left for one in table.sums] == ["mail"] * 3
    assert [one.effects_left for one in table.sums] == ["mail", "mail, pay", "mail"]
    assert str(table.first) == "pay: rolling back | nothing more | running (retry 1 of 2)"
    lines = str(table).splitlines()
    assert lines[0].split() == ["as", "it", "is", "textbook", "patient"]
    assert [line.split("  ")[0] for line in lines[1:]] == [
        *("book", "mail", "pay", "the whole run", "left", "left, by the ledger", "calls, undos", "time")
    ]


def test_of_one_run_there_is_no_table_and_yet_a_picture(done):
    runs = under(flow_of(done, CHAIN), {"alone": {}})
    with pytest.raises(StoryError, match="two runs at least"):
        runs.table  # noqa: B018
    assert set(runs._repr_mimebundle_()[0]) == {"image/svg+xml", "image/png", "text/plain"}


def test_alone_in_a_cell_they_are_a_picture_and_a_table(done):
    runs = under(flow_of(done, CHAIN, name="trip"), faults=[failing("c")])
    data, _ = runs._repr_mimebundle_()
    assert data["text/plain"] == str(runs.table)
    for name in THREE:
        assert f"trip, {name}" in data["image/svg+xml"]
    assert set(runs._repr_mimebundle_(include=["image/png"])[0]) == {"image/png"}


# ------------------------------------------------------------------------------- the widget


def test_up_to_four_runs_stand_side_by_side(done):
    runs = under(flow_of(done, CHAIN, name="trip"), faults=[failing("c", "after")])
    twin = compare(runs, direction="TB")
    state = state_of(twin)
    found = state["_found"]
    assert found["names"] == [*THREE]
    assert [len(ends) for _, ends, *_ in found["endings"]] == [3, 3, 3]
    assert found["endings"][0][0] == 2
    assert found["first"]["words"].startswith("c: rolling back | nothing more | running")
    flows = [record["face"]["agreed"]["flow"] for record in state["_records"]]
    assert flows == [[], ["what failed is not rolled back"], []]
    boxes = [record["layouts"]["LR"]["boxes"] for record in state["_records"]]
    assert boxes[0] == boxes[1] == boxes[2], "an action stands at the same place under each policy"
    assert twin.table.names == tuple(THREE)
    with pytest.raises(StoryError, match="of two runs, and here are 3"):
        twin.comparison  # noqa: B018
    mixed = {"run": runs["patient"], "story": runs["textbook"].story}
    assert compare(mixed).comparison.first is not None
    picture, _ = twin._repr_mimebundle_()
    assert all(f"trip, {name}" in picture["image/svg+xml"] for name in THREE)


def test_what_cannot_stand_side_by_side_is_refused(done):
    run = flow_of(done, CHAIN).start()
    other = DagaFlow([(action(done, "x"), action(done, "y"))]).start()
    for wrong in ({}, {"a": run}, dict.fromkeys("abcde", run)):
        with pytest.raises(StoryError, match="2 to 4 of them by name"):
            compare(wrong)
    with pytest.raises(StoryError, match="2 to 4 of them by name, at once"):
        compare({"a": run, "b": run}, run)
    with pytest.raises(StoryError, match="not int"):
        compare({"a": run, "b": 3})
    with pytest.raises(StoryError, match="under 3"):
        compare({"a": run, 3: run})
    with pytest.raises(StoryError, match="two runs or stories"):
        compare(run)
    with pytest.raises(StoryError, match="are different flows"):
        compare({"a": run, "b": run, "c": other})


def test_a_call_that_was_never_made_is_not_counted(done):
    run = flow_of(done, CHAIN).start()
    table = SideBySide({"a": run.story, "b": run.story})
    assert [(one.calls, one.undos, one.what_is_left) for one in table.sums] == [(0, 0, "not at its end")] * 2
