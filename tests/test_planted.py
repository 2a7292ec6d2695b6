"""What struck in a run and what did not, what is said of it, and what could never be seen."""

import asyncio
import warnings

import pytest
from helpers import Boom, action, flow_of, play

from daga_nb import DagaAction, DagaFlow, DagaFlowError, Fault
from daga_nb.errors import FaultError, FaultNotFired

FAILING = {"b": {"fails": Boom("own")}}


# --------------------------------------------------------------------------- what struck


def test_fired_and_unfired_stand_in_plan_order(done):
    run = flow_of(done).start(
        faults="d.before: cancel; c.after: raise(Timeout); b.rollback: repeat; "
        "a.before: repeat; a.after: 2*off->repeat"
    )
    assert run.fired == ()
    assert [fault.at for fault in run.unfired] == ["a", "a", "b", "c", "d"]
    play(run.go())
    assert [str(fault) for fault in run.fired] == [
        "a.before: repeat(2)",
        "b.rollback: repeat(2)",
        "c.after: raise(TimeoutError)",
    ]
    assert [str(fault) for fault in run.unfired] == ["a.after: 2*off->repeat(2)", "d.before: cancel"]
    assert run.strikes("a", "before") == run.strikes("b", "rollback") == run.strikes("c", "after") == 1
    assert run.strikes("d", "before") == run.strikes("a", "rollback") == 0
    assert done == ["do a", "do a", "do b", "do c", "undo b", "undo b", "undo c", "undo a"]


def test_strikes_are_counted_over_attempts(done):
    run = flow_of(done, nodes="a").start(faults=["a.before: 3*raise(Timeout)"], on_failure="pause")

    async def main():
        await run.go()
        await run.retry()
        await run.retry()
        assert run.strikes("a", "before") == 3
        await run.retry()

    play(main())
    assert run.strikes("a", "before") == 3
    assert done == ["do a"]


def test_what_struck_and_was_taken_out_since_has_fired_all_the_same(done):
    run = flow_of(done, nodes="a").start(faults=["a.before: raise(Timeout)"], on_failure="pause")
    play(run.go())
    run.clear_faults("a")
    assert [str(fault) for fault in run.fired] == ["a.before: raise(TimeoutError)"]
    assert run.faults == run.unfired == ()
    run.inject("a.before: 1*raise(Value)")
    play(run.retry())
    assert [fault.kind for fault in run.fired] == ["TimeoutError", "ValueError"]
    assert run.strikes("a", "before") == 2


def test_strikes_at_no_action_are_refused(done):
    with pytest.raises(FaultError, match="Did you mean"):
        flow_of(done).start().strikes("x", "before")


# --------------------------------------------------------------------------- the warning


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("d.before: cancel", "d.before: cancel (it was never called)"),
        ("d.after: raise(Timeout)", "d.after: raise(TimeoutError) (it was never called)"),
        ("b.after: cancel", "b.after: cancel (it never came to the end of a call)"),
        ("d.rollback: hang", "d.rollback: hang (its rollback was never called)"),
        ("a.before: 1*off->cancel", "a.before: 1*off->cancel (there was only 1 call)"),
        ("a.before: 0.001%cancel", "a.before: 0.001%cancel (by chance, in 1 call)"),
        ("a.before: cancel if input > 7", "(its condition, input > 7, never held in 1 call)"),
        (Fault.cancelling("a", when=lambda inputs: 0), "(its condition never held in 1 call)"),
    ],
)
def test_what_never_fired_is_told_with_the_reason_once(done, fault, why):
    run = flow_of(done, how=FAILING).start(7, faults=[fault])
    with pytest.raises(DagaFlowError), pytest.warns(FaultNotFired) as told:
        play(run.finish())
    (warning,) = told
    assert why in str(warning.message)
    assert f"run {run.id} of 'flow': planted, and never fired: " in str(warning.message)
    assert warning.filename == play.__code__.co_filename, "who awaits it"
    with warnings.catch_warnings(record=True) as again, pytest.raises(DagaFlowError):
        play(run.finish())
    assert again == []
    assert done == ["do a", "do b", "do c", "undo b", "undo c", "undo a"]


def test_the_reasons_can_be_asked_for_at_any_time(done):
    run = flow_of(done, nodes="a").start(faults="a.before: 1*off->cancel; a.rollback: hang")
    assert [why for _, why in run.why_unfired()] == ["it was never called", "its rollback was never called"]
    play(run.go())
    assert [(fault.where, why) for fault, why in run.why_unfired()] == [
        ("before", "there was only 1 call"),
        ("rollback", "its rollback was never called"),
    ]


def test_a_run_that_succeeds_warns_too(done):
    with pytest.warns(FaultNotFired, match=r"a\.rollback: hang \(its rollback was never called\)"):
        assert play(flow_of(done, nodes="a").run(faults="a.rollback: hang")) == ["a"]


def test_a_run_that_is_cancelled_warns_too_and_the_cancel_goes_on(done):
    async def main():
        run = flow_of(done, nodes="a", how={"a": {"before": asyncio.Event().wait}}).start(
            faults="a.after: cancel"
        )
        finishing = asyncio.ensure_future(run.finish())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        finishing.cancel()
        await asyncio.wait([finishing])
        assert finishing.cancelled()

    with pytest.warns(FaultNotFired, match="it never came to the end of a call"):
        play(main())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        play(main())
    assert done == ["undo a"] * 2


def test_many_are_told_in_short(done):
    flow = flow_of(done, nodes="abcdefghijkl")
    with pytest.warns(FaultNotFired, match=r"h\.before: 5\*off->cancel \(.*\); and 4 more$"):
        play(flow.run(faults=[f"{name}.before: 5*off->cancel" for name in "abcdefghijkl"]))


def test_stepping_and_going_warn_of_nothing(done):
    run = flow_of(done, nodes="a").start(faults="a.rollback: hang")
    play(run.go())
    assert run.state.ended
    assert len(run.unfired) == 1
    with pytest.warns(FaultNotFired):
        play(run.finish())


def test_without_faults_and_where_all_have_fired_nothing_is_said(done):
    with pytest.raises(DagaFlowError):
        play(flow_of(done, nodes="a").run(faults="a.before: raise(Timeout); a.rollback: repeat"))
    play(flow_of(done, nodes="a").run())


# ------------------------------------------------------------------ what could never be seen


def test_a_hang_without_a_timeout_is_refused_and_what_to_do_is_told(done):
    flow = flow_of(done, nodes="a")
    for text in ("a.before: hang", "a.after: 1*raise(Timeout)->hang"):
        with pytest.raises(FaultError, match="'a' has no timeout, so that a hang would never end"):
            flow.start(faults=text)
    flow.start(faults="a.rollback: hang")

    assert flow.with_policy(timeout=5.0).start(faults="a.before: hang").faults


def test_a_result_that_its_rollback_is_not_handed_cannot_be_corrupted(done):
    with pytest.raises(FaultError, match="the rollback of 'a' has no parameter named result"):
        flow_of(done, nodes="a").start(faults="a.rollback: corrupt(1)")


def test_inputs_that_are_not_taken_cannot_be_corrupted(done):
    def nothing():
        return 1

    def only_context(*, context):
        return dict(context.inputs)

    last = action(done, "last")
    with pytest.raises(FaultError, match="'nothing' takes no inputs that could be corrupted"):
        DagaFlow([(nothing, last)]).start(faults="nothing.before: corrupt(1)")
    run = DagaFlow([(only_context, last)]).start(7, faults="only_context.before: corrupt(1)")
    play(run.finish())
    assert run.results["only_context"] == {"input": 1}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a.before: cancel if a > 3", "'a' has no input 'a' that could be compared; it has 'input'"),
        ("d.before: cancel if input > 3", "'d' has no input 'input' that could be compared; it has 'b', 'c'"),
        ("d.rollback: cancel if a > 3", "'d' has no input 'a'"),
        ("x.before: cancel", "the flow has no action 'x'"),
    ],
)
def test_what_is_not_there_is_refused(done, text, says):
    with pytest.raises(FaultError) as refused:
        flow_of(done).start(faults=text)
    assert says in str(refused.value)


def test_a_fault_that_is_refused_leaves_the_one_before_in_its_place(done):
    run = flow_of(done, nodes="a").start(faults="a.rollback: hang")
    with pytest.raises(FaultError):
        run.inject("a.rollback: corrupt(1)")
    assert [str(fault) for fault in run.faults] == ["a.rollback: hang"]


def test_no_rollback_none_to_fail(done):
    made = DagaAction(lambda results: 1, name="a")
    with pytest.raises(FaultError, match="'a' has no rollback, so a fault in it could never fire"):
        DagaFlow([(made, action(done, "b"))]).start(faults="a.rollback: repeat")
