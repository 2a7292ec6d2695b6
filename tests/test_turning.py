"""A run that somebody has turned back is turned back, also if its process dies before it does."""

import asyncio

import pytest
from crashed import CHAIN, die_after, die_in, gated
from helpers import Boom, Gate, action, flow_of, play, told, turns, words
from journals import everything

from daga_nb import DagaAction, DagaFlow, DagaFlowError, Retries
from daga_nb.errors import JournalError, StepError
from daga_nb.journal.file import Journal


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


def test_what_is_called_again_one_at_a_time_is_not_after_an_abort(path):
    done, gates = [], {name: Gate() for name in "bcd"}
    edges = [("a", "b"), ("a", "c"), ("a", "d")]
    how = {name: {"idempotent": True} for name in "bcd"}
    run = gated(done, gates, edges, how).start(17, journal=path)
    die_in(run, *gates.values())
    gate = Gate()
    again = gated(done, {"b": gate}, edges, how, max_parallel=1).resume(path, run.id)

    async def main():
        going = asyncio.ensure_future(again.go())
        await gate.reached.wait()
        asked = asyncio.ensure_future(again.rollback())
        await turns()
        gate.open()
        await asyncio.gather(going, asked)

    play(main())
    assert done == ["do a", "do b", "undo b", "undo c", "undo d", "undo a"]
    assert (
        next(event.reason for event in again.events if event.state == "ROLLING_BACK")
        == "rolled back by request"
    )
    assert told(again.events).count("c RUNNING") == 1, "it is not even shown"


@pytest.mark.parametrize("on_failure", ["rollback", "pause"])
def test_what_is_called_again_one_at_a_time_is_not_after_a_failure_for_good(path, on_failure):
    done, gates = [], {name: Gate() for name in "bcd"}
    edges = [("a", "b"), ("a", "c"), ("a", "d")]
    how = {name: {"idempotent": True} for name in "bcd"}
    run = gated(done, gates, edges, how).start(17, journal=path)
    die_in(run, *gates.values())
    how["b"] = {"idempotent": True, "fails": Boom("b")}
    again = flow_of(done, edges, how=how, max_parallel=1).resume(path, run.id, on_failure=on_failure)
    play(again.go())
    if on_failure == "pause":
        assert done == ["do a", "do b", "do c", "do d"]
        assert again.undecided == ("b",)
    else:
        assert done == ["do a", "do b", "undo b", "undo c", "undo d", "undo a"]


def test_who_stops_the_process_has_nothing_go_forward_again_from_a_save_point(path):
    done, gate = [], Gate()
    edges = [("a", "b"), ("a", "c")]
    how = {"a": {"save_point": True}, "b": {"fails": KeyboardInterrupt()}}
    run = gated(done, {"c": gate}, edges, how).start(17, journal=path)

    async def until():
        going = asyncio.ensure_future(run.go())
        await gate.reached.wait()
        await turns()
        return going

    die_after(until())
    assert turning(path) == ["b failed"]
    again = flow_of(done, edges, how={"a": {"save_point": True}}).resume(path, run.id)
    play(again.go())
    assert again.state.word == "rolled back"
    assert done == ["do a", "do b", "undo b", "undo c", "undo a"]


def retried(done, wait, beside=None):
    """Give a flow of an action whose first call fails, and that waits then; and another one beside it."""

    async def flaky(results, context):
        done.append(f"do b {context.attempt}")
        if context.attempt == 1:
            raise Boom("not yet")
        return "b"

    b = DagaAction(flaky, name="b", retries=Retries(1, wait=wait))
    b.on_rollback(lambda results: done.append("undo b"))
    edges = [(action(done, "a"), b)]
    if beside is not None:
        edges.append((edges[0][0], action(done, "c", before=beside)))
    return DagaFlow(edges)


def test_an_abort_in_the_turn_in_which_a_retry_has_waited_long_enough_comes_first(path, done):
    run = retried(done, 60.0).start(17, journal=path)

    async def main():
        going = asyncio.ensure_future(run.go())
        await turns()
        (waits,) = run._driver.inflight._waiting.values()
        asked = asyncio.ensure_future(run.rollback())
        waits.set_result(True)
        await asyncio.gather(going, asked)

    play(main())
    assert done == ["do a", "do b 1", "undo b", "undo a"]
    assert "called" not in [mark[3] for mark in everything(path)["mark"]]


def test_a_retry_does_not_wait_on_while_a_run_stops_that_cannot_be_written(path, done, monkeypatch):
    gate = Gate()
    run = retried(done, 60.0, gate.wait).start(17, journal=path)
    full = False
    right = Journal.write

    def write(journal, statements):
        if full:
            raise JournalError("the disk is full")
        right(journal, statements)

    monkeypatch.setattr(Journal, "write", write)

    async def main():
        nonlocal full
        going = asyncio.ensure_future(run.go())
        await gate.reached.wait()
        await turns()
        full = True
        gate.open()
        with pytest.raises(JournalError, match="the disk is full"):
            await going
        full = False
        await run.rollback()

    play(main())
    assert done == ["do a", "do b 1", "do c", "undo b", "undo c", "undo a"]
    assert words(run) == {"a": "rolled back", "b": "rolled back", "c": "rolled back"}
