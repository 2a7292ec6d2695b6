"""A run that somebody has turned back is turned back, also if its process dies before it does."""

import asyncio

import pytest
from crashed import CHAIN, die_after, die_in, gated
from helpers import Boom, Gate, flow_of, play, told, words
from journals import everything

from daga_nb import DagaFlowError
from daga_nb.errors import StepError


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runs.db"


def die_turning(run, gate, stop, path):
    """Drive a run up to the gate, call `stop`, and die as soon as that is in the journal."""

    async def until():
        tasks = [asyncio.ensure_future(run.go())]
        await gate.reached.wait()
        tasks.append(asyncio.ensure_future(stop()))
        for _ in range(20):
            await asyncio.sleep(0)
            if turning(path):
                return tasks
        raise AssertionError("it was not written")

    die_after(until())


def turning(path):
    return [mark[5] for mark in everything(path)["mark"] if mark[3] == "turning"]


def stubborn(gate):
    """Give what an action does that is not to be stopped."""

    async def wait():
        while True:
            try:
                return await gate.wait()
            except asyncio.CancelledError:
                pass

    return wait


SAFE = {"b": {"idempotent": True}}


@pytest.mark.parametrize(
    ("how_asked", "why", "said"),
    [
        ("rollback", "rolled back by request", "as was asked for"),
        ("cancel", "cancelled", "as the run was cancelled"),
    ],
)
def test_what_was_asked_for_while_an_action_ran_holds_in_the_next_process(path, how_asked, why, said):
    done, gate = [], Gate()
    run = flow_of(done, CHAIN, how={"b": {"idempotent": True, "before": stubborn(gate)}}).start(
        17, journal=path
    )
    die_turning(run, gate, getattr(run, how_asked), path)
    assert turning(path) == [why]
    again = flow_of(done, CHAIN, how=SAFE).resume(path, run.id)
    assert again.turning
    assert str(again.next) == f"next: the rollback, {said}"
    events = told(play(again.go()))
    assert events[:3] == ["run ROLLING_BACK", "c ABANDONED", "b ROLLING_BACK"]
    assert next(event.reason for event in again.events if event.state == "ROLLING_BACK") == why
    assert done == ["do a", "undo b", "undo a"], "b is not called again, although it could be"
    assert again.state.word == "rolled back"
    assert turning(path) == [why], "said once"


def test_a_step_is_a_step_back(path):
    done, gate = [], Gate()
    run = gated(done, {"b": gate}).start(17, journal=path)
    die_turning(run, gate, run.rollback, path)
    again = flow_of(done, CHAIN, how=SAFE).resume(path, run.id, on_failure="pause")
    for late in (lambda: play(again.retry()), lambda: again.skip("b", "by hand")):
        with pytest.raises(StepError, match=r"about to be rolled back \(rolled back by request\)"):
            late()
    play(again.step())
    assert done == ["do a", "undo b"]
    play(again.step())
    assert done == ["do a", "undo b", "undo a"]


def test_it_holds_after_a_second_death_too(path):
    done, gate = [], Gate()
    run = gated(done, {"b": gate}, how=SAFE).start(17, journal=path)
    die_turning(run, gate, run.rollback, path)
    second = Gate()
    run = gated(done, {"undo b": second}, how=SAFE).resume(path, run.id)
    die_in(run, second)
    assert done == ["do a"]
    again = flow_of(done, CHAIN, how=SAFE).resume(path, run.id)
    play(again.go())
    assert done == ["do a", "undo b", "undo a"]


def test_a_run_that_is_back_at_a_save_point_by_then_does_not_go_forward_from_there(path):
    done, gate = [], Gate()
    edges = [("a", "b"), ("b", "c")]
    how = {"a": {"save_point": True}, "c": {"fails": Boom("c")}}
    run = gated(done, {"undo b": gate}, edges, how).start(17, journal=path)
    die_turning(run, gate, run.rollback, path)
    again = flow_of(done, edges, how={"a": {"save_point": True}}).resume(path, run.id)
    assert again.state.word == "recovering"
    play(again.go())
    assert again.state.word == "rolled back"
    assert done == ["do a", "do b", "do c", "undo c", "undo b", "undo a"]


def test_what_came_too_late_for_a_pivot_is_not_remembered(path):
    done, first, second = [], Gate(), Gate()
    edges = [("a", "b"), ("b", "c")]
    how = {"a": {"pivot": True}, "b": {"idempotent": True}}
    run = gated(done, {"a": first, "b": second}, edges, how).start(17, journal=path)

    async def until():
        tasks = [asyncio.ensure_future(run.go())]
        await first.reached.wait()
        tasks.append(asyncio.ensure_future(run.rollback()))
        for _ in range(20):
            await asyncio.sleep(0)
        first.open()
        await second.reached.wait()
        return tasks

    die_after(until())
    assert turning(path) == ["rolled back by request"]
    again = flow_of(done, edges, how=how).resume(path, run.id)
    assert not again.turning
    assert play(again.finish()) == ["c"]
    assert done == ["do a", "do b", "do c"]


def test_a_run_that_turns_back_at_once_needs_no_such_word(path):
    done = []
    how = {"a": {"undo_fails": Boom("undo a")}}
    run = flow_of(done, CHAIN, how=how).start(17, journal=path)
    play(run.step())
    with pytest.raises(DagaFlowError):
        play(run.rollback())
    assert turning(path) == []
    again = flow_of(done, CHAIN).resume(path, run.id)
    assert not again.turning
    play(again.retry())
    assert words(again) == {"a": "rolled back", "b": "abandoned", "c": "abandoned"}
