"""Re-run from here, and trying one action alone: results are inherited, effects are not."""

import pytest
from helpers import Boom, flow_of, play, story, told, words

from daga_nb import DagaAction, DagaFlow, DagaFlowError, Fault, list_runs
from daga_nb.core.states import RunState
from daga_nb.errors import FaultError, ForkError, JournalValueError, RunBusy, StepError

CHAIN = [("a", "b"), ("b", "c"), ("c", "d")]


def ended(done, **options):
    run = flow_of(done, CHAIN, **options).start(7)
    play(run.go())
    done.clear()
    return run


def test_what_was_done_is_kept_and_the_rest_executes(done):
    run = ended(done)
    before = told(run.events)
    fork = run.fork(3)
    assert words(fork) == {"a": "succeeded", "b": "succeeded", "c": "pending", "d": "pending"}
    assert [(str(event), event.at, event.reason) for event in fork.events] == [
        ("a SUCCEEDED", 0.0, f"inherited from run {run.id}"),
        ("b SUCCEEDED", 0.0, f"inherited from run {run.id}"),
    ]
    assert (fork.state, str(fork.next)) == (RunState.READY, "next: batch 3, 1 action: c")
    assert (fork.id == run.id, fork.input, dict(fork.results)) == (False, 7, {"a": "a", "b": "b"})
    assert play(fork.finish()) == ["d"]
    assert done == ["do c", "do d"]
    assert told(run.events) == before


def test_a_fork_never_rolls_back_what_it_inherited(done):
    fork = ended(done).fork(3)
    play(fork.finish())
    play(fork.rollback())
    assert done == ["do c", "do d", "undo d", "undo c"]
    assert words(fork) == {"a": "succeeded", "b": "succeeded", "c": "rolled back", "d": "rolled back"}
    assert fork.state is RunState.ROLLED_BACK


def test_of_a_run_that_failed_and_was_rolled_back(done):
    run = ended(done, how={"d": {"fails": Boom("no")}})
    assert run.state is RunState.ROLLED_BACK
    fork = run.fork(4, replace={"d": lambda results: f"mended {results[0]}"})
    assert play(fork.finish()) == ["mended c"]
    assert done == []


def test_results_faults_and_functions_may_be_changed_first(done):
    run = ended(done)
    fork = run.fork(2, results={"a": "changed"}, faults=[Fault.raising(Boom("new"), at="d")])
    fork.replace("b", lambda results: results[0].upper())
    with pytest.raises(DagaFlowError):
        play(fork.finish())
    assert fork.results["b"] == "CHANGED"
    assert done == ["do c", "undo d", "undo c", "undo b"]
    assert run.results["a"] == "a"


def test_faults_and_replaced_functions_are_taken_along(done):
    run = flow_of(done, CHAIN).start(faults=[Fault.raising(Boom("planted"), at="d")], on_failure="pause")
    run.replace("c", lambda results: "replaced")
    play(run.go())
    fork = run.fork(3)
    assert fork.on_failure == "pause"
    play(fork.go())
    assert (fork.undecided, fork.results["c"]) == (("d",), "replaced")
    assert run.fork(3, faults=[], on_failure="rollback").faults == ()


def test_from_batch_1_it_is_a_new_run_with_another_input_if_wanted(done):
    async def double(results):
        return results[0] * 2

    async def show(results):
        return f"got {results[0]}"

    run = DagaFlow([(double, show)]).start(21)
    play(run.go())
    assert play(run.fork(1).finish()) == ["got 42"]
    assert play(run.fork(1, input=4).finish()) == ["got 8"]
    assert play(run.fork(1, input=None, results={}, replace={"double": len}).finish()) == ["got 1"]


@pytest.mark.parametrize("schedule", ["batch", "eager"])
def test_the_schedule_goes_on_where_the_inherited_end(done, schedule):
    edges = [("a", "b"), ("b", "z"), ("s", "z")]
    run = flow_of(done, edges, schedule=schedule).start()
    play(run.go())
    done.clear()
    play(run.fork(2).finish())
    assert done == ["do b", "do z"]


@pytest.mark.parametrize(
    ("batch", "options", "says"),
    [
        (0, {}, "a fork begins with one of the batches 1 to 4"),
        (5, {}, "batch=5"),
        ("2", {}, "batch='2'"),
        (4, {}, "none of c: fork from an earlier batch"),
        (2, {"results": {"b": 1}}, "'b' runs in the fork"),
        (2, {"input": 3}, "the input goes to batch 1"),
        (2, {"adopt": True}, "could still roll back"),
    ],
)
def test_a_fork_that_cannot_be_is_refused(done, batch, options, says):
    run = flow_of(done, CHAIN).start()
    play(run.until("c"))
    with pytest.raises(ForkError, match=says):
        run.fork(batch, **options)
    with pytest.raises(StepError, match="has no action 'e'"):
        run.fork(2, results={"e": 1})


# ------------------------------------------------------------------------------- adopting


def test_an_adopting_fork_undoes_what_it_inherited(done):
    run = ended(done)
    run.release()
    fork = run.fork(3, adopt=True, faults=[Fault.raising(Boom("no"), at="d")])
    assert fork.events[0].reason == f"adopted from run {run.id}"
    with pytest.raises(DagaFlowError):
        play(fork.finish())
    assert done == ["do c", "undo d", "undo c", "undo b", "undo a"]
    assert fork.state is RunState.ROLLED_BACK


def test_a_released_run_never_goes_on_nor_back(done):
    run = flow_of(done, CHAIN).start()
    play(run.until("c"))
    assert not run.released
    run.release()
    assert run.released
    for call in (run.go, run.step, run.step_action, run.rollback, run.finish, run.cancel):
        with pytest.raises(RunBusy, match="this run was released"):
            play(call())
    assert done == ["do a", "do b"]
    fork = run.fork(3, adopt=True)
    play(fork.rollback())
    assert done == ["do a", "do b", "undo b", "undo a"]


@pytest.mark.parametrize("released", [True, False])
def test_what_was_undone_already_is_not_adopted(done, released):
    run = ended(done, how={"d": {"fails": Boom("no")}})
    if released:
        run.release()
    with pytest.raises(ForkError, match="has undone, or tried to undo, a, b"):
        run.fork(3, adopt=True)


def test_what_is_adopted_twice_is_refused(done):
    run = ended(done)
    run.release()
    run.fork(3, adopt=True)
    with pytest.raises(ForkError, match="another fork has adopted"):
        run.fork(3, adopt=True)


def test_a_run_that_rolls_back_now_is_not_released(done):
    run = flow_of(done, CHAIN, how={"d": {"fails": Boom("no")}}).start()
    run.break_at("b", "rollback")
    play(run.go())
    with pytest.raises(StepError, match="the run is rolling back"):
        run.release()


# ---------------------------------------------------------------------------- trying one


def test_one_action_alone_with_inputs_by_hand(done):
    flow = flow_of(done)
    run = play(flow.try_action("d", ["left", "right"]))
    assert done == ["do d"]
    assert (run.state, run.results["d"]) == (RunState.SUCCEEDED, "d")
    assert dict(run.results) == {"b": "left", "c": "right", "d": "d"}
    assert story(run) == [
        "b SUCCEEDED",
        "c SUCCEEDED",
        "run RUNNING",
        "d RUNNING",
        "d SUCCEEDED",
        "run SUCCEEDED",
    ]
    play(run.rollback())
    assert done == ["do d", "undo d"]
    assert run.state is RunState.ROLLED_BACK


def test_what_it_is_handed_has_the_names_of_its_predecessors():
    async def quote(results): ...

    async def pay(results, context):
        return results, dict(context.inputs), context.attempt

    run = play(DagaFlow([(quote, pay)]).try_action("pay", [12]))
    assert run.results["pay"] == ([12], {"quote": 12}, 1)


def test_an_error_in_its_place_tries_its_rollback(done):
    handed = []

    async def pay(results):
        done.append("do pay")

    made = DagaAction(pay)
    made.on_rollback(lambda results, result, error: handed.append((results, result, str(error))))
    flow = DagaFlow([(len, made)])
    run = play(flow.try_action("pay", [5], error=TimeoutError("no answer")))
    assert done == []
    assert handed == [([5], None, "no answer")]
    assert run.state is RunState.ROLLED_BACK


def test_an_action_without_predecessors_gets_the_input(done):
    flow = DagaFlow([(lambda results: results[0] + 1, len)])
    assert play(flow.try_action("lambda", [4])).results["lambda"] == 5
    assert play(flow_of(done).try_action("a")).results["a"] == "a"


def test_a_failure_does_not_leave_the_call(done):
    run = play(flow_of(done, how={"a": {"fails": Boom("no")}}).try_action("a"))
    assert (run.state, str(run.errors["a"])) == (RunState.ROLLED_BACK, "no")
    assert done == ["do a", "undo a"]


@pytest.mark.parametrize("inputs", [None, [], [1], [1, 2, 3]])
def test_too_many_inputs_or_too_few_are_refused(done, inputs):
    with pytest.raises(ForkError, match=r"'d' gets 2 inputs \(b, c\)"):
        play(flow_of(done).try_action("d", inputs))
    assert done == []


def test_one_alone_can_be_shown(done):
    run = play(flow_of(done).try_action("d", [1, 2]))
    assert "d" in repr(run.picture())


def test_a_failure_planted_in_a_rollback_that_is_not_the_forks_is_left_behind(done):
    planted = [Fault.raising(Boom("b"), at="b", where="rollback"), Fault.raising(Boom("d"), at="d")]
    run = flow_of(done, CHAIN).start(faults=planted, on_failure="pause")
    play(run.go())
    assert [fault.at for fault in run.fork(2).faults] == ["b", "d"]
    assert [fault.at for fault in run.fork(3).faults] == ["d"]
    run.release()
    assert [fault.at for fault in run.fork(3, adopt=True).faults] == ["b", "d"]
    with pytest.raises(FaultError, match="could never fire"):
        run.fork(3, faults=planted)


# --------------------------------------------------------------------- in a journal


def test_a_fork_in_a_journal_is_resumed_without_the_run_that_it_inherits_from(done, tmp_path):
    path = tmp_path / "runs.db"
    fork = ended(done).fork(3, results={"b": "changed"}, journal=path)
    assert (fork.journal, len(list_runs(path))) == (path, 0)
    play(fork.step())
    assert done == ["do c"]
    again = flow_of(done, CHAIN).resume(path, fork.id)
    assert dict(again.results) == {"a": "a", "b": "changed", "c": "c"}
    assert [undo.value for undo in again.undo] == ["elsewhere", "elsewhere", "call", "call"]
    assert play(again.finish()) == ["d"]
    play(again.rollback())
    assert done == ["do c", "do d", "undo d", "undo c"]
    assert [(run.run_id, run.condition) for run in list_runs(path)] == [(fork.id, "finished")]


def test_what_a_journal_cannot_keep_is_not_inherited_into_one(done, tmp_path):
    with pytest.raises(JournalValueError, match=r"the result of 'a' \(batch 1\) cannot be kept"):
        ended(done).fork(2, results={"a": object()}, journal=tmp_path / "runs.db")


def test_a_fork_that_adopts_undoes_what_it_adopted_also_after_it_was_resumed(done, tmp_path):
    path = tmp_path / "runs.db"
    run = ended(done)
    run.release()
    fork = run.fork(4, adopt=True, journal=path)
    play(fork.step())
    again = flow_of(done, CHAIN).resume(path, fork.id)
    done.clear()
    play(again.rollback())
    assert done == ["undo d", "undo c", "undo b", "undo a"]
