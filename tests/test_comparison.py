"""Two runs compared: where they first differ, how each action ended, and what is no difference."""

from __future__ import annotations

from typing import Any

import pytest
from gate import Gate
from helpers import Boom, action, flow_of, play
from story_runs import CHAIN, drive, failing, runs

from daga_nb import DagaAction, DagaFlow, Story, compare
from daga_nb.core.states import NodeState
from daga_nb.debug.comparison import Comparison
from daga_nb.debug.story_file import from_json, to_json
from daga_nb.errors import StoryError


def gone(flow: Any, *, faults: Any = (), input: Any = None, **options: Any) -> Any:
    run = flow.start(input, faults=faults, **options)
    run.take_notes()
    drive(run.go())
    return run


def compared(one: Any, other: Any) -> Comparison:
    found = Comparison(one.story, other.story)
    back = Comparison(other.story, one.story)
    assert [ending.differs for ending in found.endings] == [ending.differs for ending in back.endings]
    assert (found.first is None) == (back.first is None)
    return found


# -------------------------------------------------------------------------------- no difference


@pytest.mark.parametrize("what", [what for what in runs() if what != "forked"])
def test_the_same_again_is_no_difference(what):
    found = compared(runs()[what], runs()[what])
    assert found.first is None
    assert found.differing == []
    assert [ending.node for ending in found.endings] == list(found.one.plan.names)


def test_what_runs_at_once_may_end_in_another_order():
    def run_in_order(order: list[str]) -> Any:
        gate = Gate()

        def made(name: str) -> DagaAction[Any, Any]:
            async def do(results: Any) -> str:
                await gate.stop(("do", name))
                return name

            return DagaAction(do, name=name)

        run = DagaFlow([(made("b"), made("z")), (made("c"), made("y"))]).start()
        left = list(order)

        def choose(waiting: Any) -> Any:
            return next((("do", name) for name in left if ("do", name) in waiting), waiting[0])

        play(gate.conduct(run.go(), choose))
        return run

    one, other = run_in_order(["b", "c"]), run_in_order(["c", "b"])
    assert [str(event) for event in one.events] != [str(event) for event in other.events]
    found = compared(one, other)
    assert found.first is None
    assert found.differing == []


def test_where_an_object_lies_in_memory_and_how_long_it_took_are_no_difference():
    class Ticket:
        pass

    async def book(results):
        return [Ticket()]

    flow = DagaFlow([(book, abs)])
    one, other = flow.start(on_failure="pause"), flow.start(on_failure="pause")
    kept = []
    for run in (one, other):
        drive(run.go())
        kept.append(run.results["book"])
    found = compared(one, other)
    assert repr(one.results["book"]) != repr(other.results["book"])
    assert (found.first, found.differing) == (None, [])


# ---------------------------------------------------------------------------- where they differ


def test_the_first_difference_is_named(done):
    flow = flow_of(done, CHAIN)
    found = compared(gone(flow), gone(flow, faults=[failing("b")]))
    assert str(found.first) == "b: succeeded | failed (Boom: planted (planted, before the effect))"
    assert found.first.node == "b"
    assert (found.first.one.seq, found.first.other.seq) == (5, 5)
    assert found.first.position == 5
    assert [(one.node, str(one.one), str(one.other)) for one in found.differing] == [
        ("a", "SUCCEEDED", "ROLLED_BACK"),
        ("b", "SUCCEEDED", "ROLLED_BACK"),
        ("c", "SUCCEEDED", "ABANDONED"),
    ]
    assert [one.node for one in found.endings] == ["a", "b", "c"]


def test_the_difference_that_is_seen_first_in_any_of_them_is_the_first(done):
    flow = flow_of(done)
    found = compared(gone(flow, faults=[failing("c")]), gone(flow, faults=[failing("b")]))
    assert str(found.first).startswith("b: succeeded | failed")
    assert [(one.node, one.other_result) for one in found.differing] == [("b", True), ("c", True)]
    assert done[5:] == ["do a", "do c", "undo b", "undo c", "undo a"]


def test_an_attempt_more_is_a_difference(done):
    flow = flow_of(done, CHAIN)
    one = flow.start(on_failure="pause", faults=[failing("b")])
    drive(one.go())
    drive(one.retry())
    found = compared(one, gone(flow, on_failure="pause", faults=[failing("b")]))
    assert str(found.first) == "b: running (tried again) | nothing more"
    assert found.first.position == 6
    assert found.differing == []


def test_another_ending_of_a_rollback_is_named(done):
    flow = flow_of(done, CHAIN)
    found = compared(
        gone(flow, faults=[failing("c")]), gone(flow, faults=[failing("c"), failing("a", "rollback")])
    )
    assert str(found.first) == "a: rolled back | rollback failed (Boom: planted (planted, in the rollback))"
    assert [(one.node, one.one, one.other) for one in found.differing] == [
        ("a", NodeState.ROLLED_BACK, NodeState.ROLLBACK_FAILED)
    ]
    assert done == ["do a", "do b", "undo c", "undo b", "undo a", "do a", "do b", "undo c", "undo b"]


def test_other_results_are_a_difference_even_if_all_went_the_same():
    async def double(results):
        return 2 * results[0]

    async def kind(results):
        return type(results[0]).__name__

    flow = DagaFlow([(double, kind)])
    found = compared(gone(flow, input=3), gone(flow, input=4))
    assert found.first is None
    assert [(one.node, one.other_result, one.one is one.other) for one in found.differing] == [
        ("double", True, True)
    ]


def test_a_run_that_goes_on_and_one_that_has_not_begun(done):
    flow = flow_of(done, CHAIN)
    whole, half, new = gone(flow), flow.start(), flow.start()
    drive(half.step())
    found = compared(whole, half)
    assert str(found.first) == "b: running | nothing more"
    assert [one.node for one in found.differing] == ["b", "c"]
    assert str(compared(half, new).first) == "the run: running | nothing more"
    assert compared(half, new).first.node is None
    assert compared(new, flow.start()).first is None
    assert compared(half, new).elapsed == (half.events[-1].at, 0.0)


def test_a_fork_is_compared_with_its_run(done):
    flow = flow_of(done, CHAIN)
    run = gone(flow, faults=[failing("c")])
    fork = run.fork(3, faults=[])
    drive(fork.go())
    found = compared(run, fork)
    assert [one.node for one in found.differing] == ["a", "b", "c"]
    assert "inherited from run" in str(found.first)


# -------------------------------------------------------------------------------- what can be


def test_a_story_is_compared_with_a_run_and_a_file_with_both(done, tmp_path):
    flow = flow_of(done, CHAIN, name="trip")
    one, other = gone(flow), gone(flow, faults=[failing("c")])
    loaded = Story.load(one.save(tmp_path / "one.json"))
    for pair in (
        (loaded, other),
        (one, other),
        (one, other.story),
        (loaded, from_json(to_json(other.story))),
    ):
        assert str(compare(*pair).comparison.first).startswith("c: succeeded | failed")
    assert compare(loaded, one).comparison.first is None


def test_runs_of_different_flows_are_refused(done):
    one = flow_of(done, CHAIN, name="trip").start().story
    for other in (
        flow_of(done, name="trip"),
        flow_of(done, [("a", "c"), ("c", "b")]),
        flow_of(done, [("a", "b"), ("a", "c")], name="y" * 50),
        DagaFlow([(action(done, "a"), action(done, "b"))]),
    ):
        with pytest.raises(StoryError, match="are different flows: only runs of the same one"):
            Comparison(one, other.start().story)
        with pytest.raises(StoryError, match="'trip' and"):
            compare(one, other.start())
    assert Comparison(one, flow_of(done, CHAIN, name="another name").start().story).first is None


@pytest.mark.parametrize("wrong", [None, 3, "run.json", {"format": "daga-nb story"}])
def test_what_is_no_run_is_refused(done, wrong):
    run = flow_of(done).start()
    with pytest.raises(StoryError, match="two runs or stories"):
        compare(run, wrong)
    with pytest.raises(StoryError, match="two runs or stories"):
        compare(wrong, run)


def test_comparing_calls_nothing(done):
    flow = flow_of(done, CHAIN, how={"b": {"fails": Boom("no")}})
    one, other = gone(flow), gone(flow)
    called = list(done)
    found = compared(one, other)
    assert found.endings
    assert found.elapsed
    assert compare(one, other)._records
    assert done == called == ["do a", "do b", "undo b", "undo a"] * 2
