"""Breakpoints: stopping before an action or before its rollback, on a condition, and going on."""

import asyncio

import pytest
from helpers import Boom, Gate, flow_of, play, told, turns, words

from daga_nb import DagaFlowError, Fault
from daga_nb.core.states import RunState
from daga_nb.debug.breakpoints import Breakpoint
from daga_nb.debug.stepper import Pacer
from daga_nb.errors import RunHeld, StepError

CHAIN = [("a", "b"), ("b", "c"), ("c", "d")]


def test_a_run_stops_before_an_action_and_goes_on_past_it(done):
    run = flow_of(done, CHAIN).start()
    made = run.break_at("c")
    assert made == Breakpoint("c", "forward", None)
    assert told(play(run.go()))[-1] == "b SUCCEEDED"
    assert run.stopped_at == (made,)
    assert (done, run.state) == (["do a", "do b"], RunState.RUNNING)
    assert str(run.next) == "next: batch 3, 1 action: c"
    assert told(play(run.go()))[0] == "c RUNNING"
    assert done == ["do a", "do b", "do c", "do d"]
    assert run.stopped_at == ()


def test_finish_stops_too_and_says_where(done):
    run = flow_of(done, CHAIN).start()
    run.break_at("b")
    run.break_at("d")
    with pytest.raises(RunHeld, match=f"run {run.id} of 'flow' has stopped before b"):
        play(run.finish())
    assert done == ["do a"]
    with pytest.raises(RunHeld, match="has stopped before d"):
        play(run.finish())
    assert play(run.finish()) == ["d"]


def test_before_a_rollback(done):
    run = flow_of(done, CHAIN, how={"d": {"fails": Boom("no")}}).start()
    run.break_at("b", phase="rollback")
    play(run.go())
    assert done[4:] == ["undo d", "undo c"]
    assert run.state is RunState.ROLLING_BACK
    assert [str(one) for one in run.stopped_at] == ["before the rollback of b"]
    with pytest.raises(DagaFlowError):
        play(run.finish())
    assert done[4:] == ["undo d", "undo c", "undo b", "undo a"]


def test_an_abort_stops_there_too_but_a_cancel_does_not(done):
    run = flow_of(done, CHAIN).start()
    run.break_at("b", "rollback")
    play(run.finish())
    play(run.rollback())
    assert done[4:] == ["undo d", "undo c"]
    play(run.rollback())
    assert done[4:] == ["undo d", "undo c", "undo b", "undo a"]
    done.clear()
    run = flow_of(done, CHAIN).start()
    run.break_at("b", "rollback")
    run.break_at("d")
    play(run.go())
    play(run.cancel())
    assert done == ["do a", "do b", "do c", "undo c", "undo b", "undo a"]


def test_a_step_is_a_step_and_passes_it(done):
    run = flow_of(done, CHAIN).start()
    run.break_at("b")
    run.break_at("c")
    play(run.go())
    play(run.step())
    assert done == ["do a", "do b"]
    assert run.stopped_at == ()
    play(run.step_action("c"))
    assert play(run.finish()) == ["d"]


def test_the_whole_batch_waits_and_one_of_it_may_be_stepped(done):
    run = flow_of(done).start()
    run.break_at("c")
    play(run.go())
    assert words(run) == {"a": "succeeded", "b": "pending", "c": "pending", "d": "pending"}
    play(run.step_action("b"))
    assert done == ["do a", "do b"]
    play(run.go())
    assert done == ["do a", "do b", "do c", "do d"]


def test_eagerly_what_runs_finishes_and_nothing_else_starts(done):
    async def main():
        gate = Gate()
        run = flow_of(
            done,
            [("a", "b"), ("b", "z"), ("s", "t"), ("t", "z")],
            how={"s": {"before": gate.wait}},
            schedule="eager",
        ).start()
        run.break_at("b")
        going = asyncio.ensure_future(run.go())
        await gate.reached.wait()
        await turns()
        assert words(run) == {
            "a": "succeeded",
            "s": "running",
            "b": "pending",
            "t": "pending",
            "z": "pending",
        }
        gate.open()
        await going
        assert done == ["do a", "do s"]
        await run.go()
        assert run.state is RunState.SUCCEEDED

    play(main())


def test_on_a_condition_of_the_inputs_by_name(done):
    asked = []

    def large(inputs):
        asked.append(dict(inputs))
        return inputs["b"] == "b"

    run = flow_of(done).start()
    made = run.break_at("d", when=large)
    assert str(made) == "before d, if large"
    play(run.go())
    assert run.stopped_at == (made,)
    assert asked == [{"b": "b", "c": "c"}]
    run = flow_of(done).start()
    run.break_at("d", when=lambda inputs: inputs["b"] == "other")
    assert play(run.finish()) == ["d"]


def test_a_condition_is_asked_once_however_often_the_loop_turns(done):
    asked = []

    async def main():
        gates = {name: Gate() for name in "bc"}
        how = {name: {"before": gate.wait} for name, gate in gates.items()}
        run = flow_of(done, [("a", "x"), ("b", "x"), ("c", "x")], how=how, schedule="eager").start()
        run.break_at("x", when=lambda inputs: asked.append(inputs))
        going = asyncio.ensure_future(run.go())
        for gate in gates.values():
            await gate.reached.wait()
            gate.open()
        await going
        return run

    assert play(main()).state is RunState.SUCCEEDED
    assert len(asked) == 1


def test_a_condition_that_raises_ends_the_call_and_starts_nothing(done):
    run = flow_of(done).start()
    run.break_at("d", when=lambda inputs: inputs["no such"])
    for _ in range(2):
        with pytest.raises(KeyError, match="no such"):
            play(run.go())
    assert done == ["do a", "do b", "do c"]
    assert [str(one) for one in run.clear_breaks()] == ["before d, if <lambda>"]
    assert play(run.finish()) == ["d"]


def test_breakpoints_are_listed_and_taken_out(done):
    run = flow_of(done).start()
    assert (run.breakpoints, run.clear_breaks()) == ((), ())
    one, two, three = run.break_at("d"), run.break_at("b", "rollback"), run.break_at("b")
    assert run.breakpoints == (three, two, one)
    assert run.clear_breaks("b", "rollback") == (two,)
    assert run.clear_breaks("b") == (three,)
    assert run.breakpoints == (one,)
    run.break_at("d")
    assert len(run.breakpoints) == 1


@pytest.mark.parametrize(
    ("at", "options", "says"),
    [
        ("e", {}, "has no action 'e'"),
        ("a", {"phase": "back"}, "phase='back'"),
        ("a", {"when": 7}, "when=7"),
        ("b", {"phase": "rollback"}, "'b' has no rollback to stop before"),
    ],
)
def test_a_breakpoint_that_could_never_stop_is_refused(done, at, options, says):
    run = flow_of(done, how={"b": {"undo": False}}).start()
    with pytest.raises(StepError, match=says):
        run.break_at(at, **options)
    assert run.breakpoints == ()


def test_it_holds_a_paced_run_and_one_set_while_it_goes(done):
    async def main():
        gate, pacer = Gate(), Pacer()
        run = flow_of(done, CHAIN, how={"b": {"before": gate.wait}}).start()
        going = asyncio.ensure_future(run.drive(pacer))
        await gate.reached.wait()
        run.break_at("d")
        gate.open()
        await going
        return run

    run = play(main())
    assert words(run)["d"] == "succeeded"  # there was no breakpoint when it was let go
    run = flow_of(done, CHAIN).start()
    run.break_at("d")
    play(run.drive(Pacer()))
    assert words(run)["d"] == "pending"


def test_until(done):
    run = flow_of(done, CHAIN).start()
    assert told(play(run.until("c")))[-1] == "b SUCCEEDED"
    assert str(run.next) == "next: batch 3, 1 action: c"
    assert play(run.until("c")) == ()
    run.inject(Fault.raising(Boom, at="d"))
    play(run.until("b", "rollback"))
    assert done == ["do a", "do b", "do c", "undo d", "undo c"]
    play(run.until("b"))  # never again
    assert run.state is RunState.ROLLED_BACK
    with pytest.raises(StepError, match="has no action 'e'"):
        play(run.until("e"))


def test_until_stops_at_breakpoints_on_its_way(done):
    run = flow_of(done, CHAIN).start()
    run.break_at("b")
    play(run.until("d"))
    assert done == ["do a"]
    play(run.until("d"))
    assert done == ["do a", "do b", "do c"]


def test_the_story_is_the_same_with_and_without_stops(done):
    free = flow_of(done, how={"d": {"fails": Boom("no")}}).start()
    play(free.go())
    run = flow_of(done, how={"d": {"fails": Boom("no")}}).start()
    for name in "abcd":
        run.break_at(name)
        run.break_at(name, "rollback")
    stops = 0
    while run.next.direction:
        play(run.go())
        stops += bool(run.stopped_at)
    assert stops == 6
    assert told(run.events) == told(free.events)
