"""Decide at a failure: retry, skip, replace, roll back; nothing is undone in between."""

import asyncio
import threading

import pytest
from helpers import Boom, Gate, action, flow_of, play, story, told, turns, words

from daga_nb import DagaAction, DagaFlow, DagaFlowError, Fault
from daga_nb.core.states import RunState
from daga_nb.errors import RunBusy, StepError


def paused(done, how=None, **options):
    """A run of the diamond that stands at what failed."""
    run = flow_of(done, how=how or {"b": {"fails": Boom("no")}}, **options).start(on_failure="pause")
    play(run.go())
    return run


def mend(done, name):
    async def do(results):
        done.append(f"do mended {name}")
        return f"mended {name}"

    return do


def test_a_failure_pauses_the_run_before_anything_is_rolled_back(done):
    run = paused(done)
    assert done == ["do a", "do b", "do c"]
    assert words(run) == {"a": "succeeded", "b": "failed", "c": "succeeded", "d": "pending"}
    assert (run.state, run.undecided) == (RunState.RUNNING, ("b",))
    assert str(run.next) == "paused: b failed; retry, skip with a value, or roll back"
    for call in (run.go, run.step, run.step_action):
        assert play(call()) == ()
    assert done == ["do a", "do b", "do c"]


def test_finish_raises_what_failed_and_has_rolled_nothing_back(done):
    run = flow_of(done, how={"b": {"fails": Boom("no")}}).start(on_failure="pause")
    for _ in range(2):
        with pytest.raises(DagaFlowError) as failed:
            play(run.finish())
        assert [str(error) for error in failed.value.exceptions] == ["no"]
        assert failed.value.__notes__ == [f"flow 'flow', run {run.id}: failed in 'b'; {run.next}"]
    assert done == ["do a", "do b", "do c"]


def test_the_batch_is_drained_first_and_several_failures_are_decided_together(done):
    run = paused(done, {name: {"fails": Boom(name)} for name in "bc"})
    assert run.undecided == ("b", "c")
    run.replace("b", mend(done, "b"))
    run.replace("c", mend(done, "c"))
    done.clear()
    assert told(play(run.retry())) == ["b RUNNING", "c RUNNING", "b SUCCEEDED", "c SUCCEEDED"]
    assert play(run.finish()) == ["d"]
    assert done == ["do mended b", "do mended c", "do d"]


def test_retry_is_a_new_attempt_of_the_failed_alone(done):
    seen = []

    async def flaky(results, context):
        seen.append((results, context.attempt, context.key))
        if len(seen) < 3:
            raise Boom(f"{len(seen)}")
        return "at last"

    first, last = action(done, "first"), action(done, "last")
    run = DagaFlow([(first, flaky), (flaky, last)]).start(on_failure="pause")
    play(run.go())
    assert str(run.errors["flaky"]) == "1"
    events = play(run.retry("flaky"))
    assert [(str(event), event.attempt, event.reason) for event in events] == [
        ("flaky RUNNING", 2, "tried again"),
        ("flaky FAILED", 2, "Boom: 2"),
    ]
    assert run.errors["flaky"].__notes__ == ["in action 'flaky', batch 2, attempt 2"]
    assert told(play(run.retry())) == ["flaky RUNNING", "flaky SUCCEEDED"]
    assert dict(run.errors) == {}
    assert play(run.finish()) == ["last"]
    key = f"{run.id}/flaky/do"
    assert seen == [(["first"], 1, key), (["first"], 2, key), (["first"], 3, key)]
    assert done == ["do first", "do last"]


def test_an_action_that_is_named_twice_is_tried_again_once(done):
    run = paused(done)
    run.replace("b", mend(done, "b"))
    assert told(play(run.retry("b", "b"))) == ["b RUNNING", "b SUCCEEDED"]
    assert done == ["do a", "do b", "do c", "do mended b"]


def test_a_planted_failure_strikes_again_until_it_is_taken_out(done):
    run = flow_of(done).start(faults=[Fault.raising(Boom("planted"), at="b")], on_failure="pause")
    play(run.go())
    assert told(play(run.retry())) == ["b RUNNING", "b FAILED"]
    run.clear_faults("b")
    assert told(play(run.retry())) == ["b RUNNING", "b SUCCEEDED"]
    assert play(run.finish()) == ["d"]
    assert done == ["do a", "do c", "do b", "do d"]


def test_what_has_not_failed_is_not_tried_again(done):
    run = flow_of(done).start(on_failure="pause")
    with pytest.raises(StepError, match="nothing has failed that could be tried again"):
        play(run.retry())
    run.inject(Fault.raising(Boom, at="b"))
    play(run.go())
    with pytest.raises(StepError, match="'c' is succeeded: only what failed can be tried again"):
        play(run.retry("c"))
    with pytest.raises(StepError, match="has no action 'e'"):
        play(run.retry("e"))
    play(run.rollback())
    with pytest.raises(StepError, match="nothing has failed"):
        play(run.retry())
    assert done == ["do a", "do c", "undo b", "undo c", "undo a"]


def test_without_the_pause_a_failure_is_rolled_back_at_once(done):
    run = flow_of(done, how={"b": {"fails": Boom("no")}}).start()
    play(run.go())
    assert done == ["do a", "do b", "do c", "undo b", "undo c", "undo a"]
    with pytest.raises(StepError, match="nothing has failed that could be tried again"):
        play(run.retry())
    with pytest.raises(StepError, match="'b' is rolled back"):
        run.skip("b")


def test_the_switch_can_be_turned_in_the_middle(done):
    run = flow_of(done, how={"b": {"fails": Boom("no")}}).start()
    play(run.step())
    run.on_failure = "pause"
    play(run.go())
    assert run.undecided == ("b",)
    run.on_failure = "rollback"
    play(run.go())
    assert done == ["do a", "do b", "do c", "undo b", "undo c", "undo a"]
    with pytest.raises(
        StepError, match=r"on_failure='stop': a failure leads to the 'rollback', or to a 'pause'"
    ):
        run.on_failure = "stop"  # type: ignore[assignment]
    with pytest.raises(StepError, match="on_failure='stop'"):
        flow_of(done).start(on_failure="stop")


def test_roll_back_is_a_decision_too_and_says_why(done):
    run = paused(done)
    events = play(run.rollback())
    assert (str(events[0]), events[0].reason) == ("run ROLLING_BACK", "b failed")
    assert done == ["do a", "do b", "do c", "undo b", "undo c", "undo a"]
    with pytest.raises(DagaFlowError) as failed:
        play(run.finish())
    assert [str(error) for error in failed.value.exceptions] == ["no"]


def test_a_paused_run_is_cancelled(done):
    run = paused(done)
    play(run.cancel())
    assert done == ["do a", "do b", "do c", "undo b", "undo c", "undo a"]
    assert run.undecided == ()


def test_what_failed_is_not_stepped_and_the_message_says_how_to_go_on(done):
    run = paused(done)
    with pytest.raises(StepError, match=r"'b' has failed, and is not stepped: retry\(\) calls it once more"):
        play(run.step_action("b"))
    with pytest.raises(StepError, match="'d' is pending, and it is not its turn"):
        play(run.step_action("d"))


# ------------------------------------------------------------------------------- skipping


def test_a_skipped_action_counts_as_succeeded_with_the_given_value(done):
    run = paused(done)
    run.skip("b", "by hand")
    event = run.events[-1]
    assert (str(event), event.attempt, event.reason) == (
        "b SUCCEEDED",
        1,
        "skipped, with a value given by hand",
    )
    assert run.results["b"] == "by hand"
    assert dict(run.errors) == {}
    assert play(run.finish()) == ["d"]
    assert done == ["do a", "do b", "do c", "do d"]


@pytest.mark.parametrize("rollback_failed", [True, False])
def test_a_skipped_action_is_rolled_back_as_a_failed_one_is(done, rollback_failed):
    handed = []
    run = paused(done, rollback_failed=rollback_failed)
    run.replace(
        "b",
        rollback=lambda results, result, error, context: handed.append((result, str(error), context.outcome)),
    )
    run.skip("b", "by hand")
    play(run.finish())
    play(run.rollback())
    if rollback_failed:
        assert handed == [(None, "no", "FAILED")]
        assert words(run)["b"] == "rolled back"
    else:
        assert handed == []
        assert words(run)["b"] == "succeeded"
    assert run.state is RunState.ROLLED_BACK
    assert [line for line in done if line.startswith("undo")] == ["undo d", "undo c", "undo a"]


def test_a_skipped_action_without_rollback_is_kept(done):
    run = paused(done, {"b": {"fails": Boom("no"), "undo": False}})
    run.skip("b")
    play(run.rollback())
    assert words(run)["b"] == "kept"
    assert run.state is RunState.ROLLBACK_INCOMPLETE


def test_when_the_last_action_is_skipped_the_run_has_succeeded(done):
    run = paused(done, {"d": {"fails": Boom("no")}})
    run.skip("d", "by hand")
    assert story(run)[-2:] == ["d SUCCEEDED", "run SUCCEEDED"]
    assert str(run.next) == "succeeded: nothing more to do"
    assert play(run.finish()) == ["by hand"]
    play(run.rollback())
    assert run.state is RunState.ROLLED_BACK
    assert sorted(done[-3:-1]) == ["undo b", "undo c"]
    assert (done[-4], done[-1]) == ("undo d", "undo a")


def test_observers_find_the_value_when_they_hear_of_it(done):
    run, seen = paused(done), []
    run.subscribe(lambda event: seen.append((str(event), run.results["b"])))
    run.skip("b", 7)
    assert seen == [("b SUCCEEDED", 7)]


# ------------------------------------------------------------------------------ replacing


def test_a_replaced_function_is_used_from_now_on_in_this_run_alone(done):
    flow = flow_of(done, how={"b": {"fails": Boom("no")}})
    run = flow.start(on_failure="pause")
    play(run.go())
    run.replace("b", mend(done, "b"))
    run.replace("d", lambda results: results)
    play(run.retry())
    assert play(run.finish()) == [["mended b", "c"]]
    done.clear()
    play(run.rollback())
    assert done == ["undo d", "undo b", "undo c", "undo a"]
    other = flow.start(on_failure="pause")
    play(other.go())
    assert other.undecided == ("b",)


def test_an_action_brings_its_rollback_along(done):
    run = paused(done)
    run.replace("b", action(done, "another b"))
    play(run.retry())
    play(run.rollback())
    assert done == ["do a", "do b", "do c", "do another b", "undo another b", "undo c", "undo a"]


def test_a_plain_function_takes_over_the_options_of_the_action(done):
    threads = []

    def fetch(results):
        threads.append(threading.current_thread())

    run = DagaFlow([(DagaAction(print, name="a", in_thread=False), action(done, "b"))]).start()
    run.replace("a", fetch)
    play(run.finish())
    assert threads == [threading.main_thread()]


def test_whether_it_is_idempotent_goes_with_the_action_that_says_so(done):
    run = flow_of(done, how={"a": {"idempotent": True}, "b": {"idempotent": True, "pivot": True}}).start()
    run.replace("a", lambda results: "another a")
    run.replace("b", action(done, "another b"))
    run.replace("c", action(done, "another c", idempotent=True))
    run.replace("c", rollback=lambda results: done.append("undo another c"))
    assert [call.idempotent for call in run.calls] == [True, False, True, False]
    assert run.calls[1].pivot, "where the run turns back was agreed on before"


@pytest.mark.parametrize("policy", ["continue", "stop"])
@pytest.mark.parametrize("pause", [True, False])
def test_a_rollback_that_failed_is_mended_and_the_rollback_goes_on(done, policy, pause):
    how = {"c": {"undo_fails": Boom("undo c")}, "d": {"fails": Boom("no")}}
    run = flow_of(done, how=how, on_rollback_error=policy).start(on_failure="pause" if pause else "rollback")
    play(run.go())
    if pause:
        with pytest.raises(DagaFlowError):
            play(run.rollback())
        assert str(run.next) == "paused: the rollback of c failed; retry, or go on"
    done.clear()
    run.replace(
        "c", rollback=lambda results, result, context: done.append(f"undo {result} {context.attempt}")
    )
    events = play(run.retry())
    play(run.go())
    assert dict(run.rollback_errors) == {}
    assert run.state is RunState.ROLLED_BACK
    if pause or policy == "stop":
        assert done == ["undo c 2", "undo a"]
        assert told(events)[-2:] == ["c ROLLING_BACK", "c ROLLED_BACK"]
    else:
        assert done == ["undo c 2"]
        assert told(events) == ["run ROLLING_BACK", "c ROLLING_BACK", "c ROLLED_BACK", "run ROLLED_BACK"]
    assert [event.attempt for event in run.events if str(event).startswith("c ROLL")] == [1, 1, 2, 2]


def test_going_on_without_mending_leaves_what_failed(done):
    how = {"c": {"undo_fails": Boom("undo c")}, "d": {"fails": Boom("no")}}
    run = flow_of(done, how=how).start(on_failure="pause")
    play(run.go())
    with pytest.raises(DagaFlowError, match="DagaFlowError") as failed:
        play(run.rollback())
    assert [str(error) for error in failed.value.exceptions] == [
        "the rollback of 'c' (batch 2) failed: Boom: undo c"
    ]
    play(run.go())
    assert done[4:] == ["undo d", "undo b", "undo c", "undo a"]
    assert run.state is RunState.ROLLBACK_INCOMPLETE
    assert str(run.next) == "rollback incomplete; left: c"


def test_two_rollbacks_that_failed_are_mended_one_by_one(done):
    how = {name: {"undo_fails": Boom(name)} for name in "bc"} | {"d": {"fails": Boom("no")}}
    run = flow_of(done, how=how, on_rollback_error="stop").start()
    play(run.go())
    assert run.undecided == ("b", "c")
    run.replace("b", rollback=lambda results: done.append("undo b again"))
    assert told(play(run.retry("b"))) == [
        "run ROLLING_BACK",
        "b ROLLING_BACK",
        "b ROLLED_BACK",
        "run ROLLBACK_INCOMPLETE",
    ]
    assert words(run)["a"] == "succeeded"
    run.replace("c", rollback=lambda results: done.append("undo c again"))
    play(run.retry())
    play(run.go())
    assert done[4:] == ["undo d", "undo b", "undo c", "undo b again", "undo c again", "undo a"]
    assert run.state is RunState.ROLLED_BACK


def left_behind(done, names, limit, **options):
    """A run of a before the others, whose rollbacks all failed; at most so many go at once."""
    how = {name: {"undo_fails": Boom(f"undo {name}")} for name in names}
    run = flow_of(done, [("a", name) for name in names], how=how, max_parallel=limit, **options).start()
    play(run.go())
    with pytest.raises(DagaFlowError):
        play(run.rollback())
    assert run.undecided == tuple(names)
    done.clear()
    return run


@pytest.mark.parametrize("schedule", ["batch", "eager"])
def test_rollbacks_are_tried_again_no_more_at_once_than_the_flow_allows(done, schedule):
    run = left_behind(done, "bcde", 1, schedule=schedule)
    for name in "bde":
        run.replace(name, rollback=lambda results, name=name: done.append(f"undo {name} again"))
    assert told(play(run.retry("d", "c", "b"))) == [
        "run ROLLING_BACK",
        *("d ROLLING_BACK", "d ROLLED_BACK"),
        *("c ROLLING_BACK", "c ROLLBACK_FAILED"),
        *("b ROLLING_BACK", "b ROLLED_BACK"),
        "run ROLLBACK_INCOMPLETE",
    ]
    run.replace("c", rollback=lambda results: done.append("undo c again"))
    play(run.retry())
    assert done == ["undo d again", "undo c", "undo b again", "undo c again", "undo e again"]
    assert run.state is RunState.ROLLED_BACK


def test_as_soon_as_one_is_through_the_next_is_tried_again(done):
    run = left_behind(done, "bcde", 2)

    async def main():
        gates, seen = {name: Gate() for name in "bcde"}, []
        for name, gate in gates.items():
            undo = action(done, name, before_undo=gate.wait, undo_fails=Boom("no") if name == "c" else None)
            run.replace(name, undo)
        going = asyncio.ensure_future(run.retry())
        for name in "cbed":
            await turns()
            seen.append([one for one, state in words(run).items() if state == "rolling back"])
            gates[name].open()
        await going
        return seen

    assert play(main()) == [["b", "c"], ["b", "d"], ["d", "e"], ["d"]]
    assert done == ["undo c", "undo b", "undo e", "undo d"], (
        "one that fails again keeps back none of the others"
    )
    assert run.undecided == ("c",)


@pytest.mark.parametrize("pause", [True, False])
def test_a_cancel_keeps_no_rollback_from_being_tried_again(done, pause):
    how = {name: {"undo_fails": Boom(f"undo {name}")} for name in "bc"}
    run = flow_of(done, how=how, max_parallel=1).start(on_failure="pause")
    play(run.go())
    for _ in "bc":
        with pytest.raises(DagaFlowError):
            play(run.rollback())
    assert (run.state, run.undecided) == (RunState.ROLLING_BACK, ("b", "c"))
    run.on_failure = "pause" if pause else "rollback"

    async def main():
        gate = Gate()
        run.replace("b", action(done, "b", before_undo=gate.wait))
        run.replace("c", action(done, "c"))
        going = asyncio.ensure_future(run.retry())
        await gate.reached.wait()
        cancelling = asyncio.ensure_future(run.cancel())
        await turns()
        assert words(run)["c"] == "rollback failed"
        gate.open()
        await asyncio.gather(going, cancelling)

    done.clear()
    play(main())
    assert done == ["undo b", "undo c", "undo a"]
    assert run.state is RunState.ROLLED_BACK


def test_a_rollback_that_comes_too_late_is_refused(done):
    run = paused(done, {"a": {"undo": False}, "b": {"fails": Boom("no")}})
    run.replace("a", rollback=lambda results: done.append("undo a, by hand"))
    play(run.rollback())
    assert done[3:] == ["undo b", "undo c", "undo a, by hand"]
    other = flow_of(done, how={"a": {"undo": False}}).start()
    play(other.go())
    play(other.rollback())
    with pytest.raises(StepError, match="'a' had no rollback when the run turned back"):
        other.replace("a", rollback=print)


@pytest.mark.parametrize("what", [{"function": 7}, {"rollback": 7}])
def test_what_cannot_be_called_replaces_nothing(done, what):
    run = flow_of(done).start()
    with pytest.raises(ValueError, match="cannot be called"):
        run.replace("a", **what)
    with pytest.raises(StepError, match="has no action 'e'"):
        run.replace("e", print)
    assert play(run.finish()) == ["d"]


def test_what_is_done_is_undone_also_if_its_place_is_taken_by_what_has_no_effect(done):
    run = flow_of(done, [("a", "b"), ("b", "c")]).start()
    with_no_effect = DagaAction(abs, name="look", no_effect=True)

    async def main():
        await run.step()
        with pytest.raises(StepError, match="'a' was called already, and what it did is to be undone"):
            run.replace("a", with_no_effect)
        run.replace("b", with_no_effect)
        await run.rollback()

    play(main())
    assert done == ["do a", "undo a"]


def test_what_is_being_called_is_not_replaced_nor_tried_again_nor_skipped(done):
    async def main():
        hold = Gate()
        run = flow_of(done, how={"b": {"before": hold.wait}}).start(on_failure="pause")
        going = asyncio.ensure_future(run.go())
        await hold.reached.wait()
        with pytest.raises(StepError, match="'b' is running: let it end first"):
            run.replace("b", print)
        with pytest.raises(RunBusy):
            run.skip("b")
        with pytest.raises(RunBusy):
            await run.retry()
        hold.open()
        await going
        assert await run.finish() == ["d"]

    play(main())


def test_a_stepped_run_pauses_and_goes_on_like_any_other(done):
    run = flow_of(done, how={"c": {"fails": Boom("no")}}).start(on_failure="pause")
    play(run.step())
    play(run.step_action("c"))
    assert run.undecided == ("c",)
    assert words(run)["b"] == "pending"
    run.skip("c", 3)
    assert [str(event) for event in play(run.step())] == ["b RUNNING", "b SUCCEEDED"]
    assert play(run.finish()) == ["d"]
    assert story(run)[:4] == ["run RUNNING", "a RUNNING", "a SUCCEEDED", "c RUNNING"]
