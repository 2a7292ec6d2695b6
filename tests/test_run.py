"""A run as people handle it: step it, watch it, undo it, finish it; and nothing is left behind."""

import asyncio
import gc
import logging
import sys
import threading

import pytest
from helpers import Boom, Gate, action, flow_of, play, story, told, turns, words

from daga_nb import DagaAction, DagaFlow, DagaFlowError, Fault
from daga_nb.core.states import NodeState, RunState
from daga_nb.engine import recorder
from daga_nb.errors import FaultError, FaultNotFired, RollbackError, RunAborted, RunBusy, StepError

BOTH = pytest.mark.parametrize("schedule", ["batch", "eager"])


# --------------------------------------------------------------------------- not started


def test_a_run_that_is_started_has_run_nothing_and_needs_no_loop(done):
    run = flow_of(done).start(7)
    assert done == story(run) == []
    assert (run.state, run.input, run.running, run.busy, run.started_at) == (
        RunState.READY,
        7,
        0,
        False,
        None,
    )
    assert words(run) == dict.fromkeys("abcd", "pending")
    assert run.results == run.errors == run.outputs == run.rollback_errors == run.rollback_results == {}
    assert run.batches == (("a",), ("b", "c"), ("d",))
    assert str(run.next) == "next: batch 1, 1 action: a"
    assert run.duration("a") is None
    assert run.inputs_of("a") == [7]
    assert run.inputs_of("d") == [None, None]


def test_a_run_that_is_dropped_leaves_nothing(done, recwarn):
    flow_of(done).start()
    gc.collect()
    assert [str(one.message) for one in recwarn] == []


def test_each_run_has_an_id_of_its_own(done):
    flow = flow_of(done)
    assert len({flow.start().id for _ in range(200)}) == 200


def test_a_run_shows_what_it_is(done):
    run = flow_of(done, name="trip").start()
    assert repr(run) == f"<FlowRun {run.id} of trip: READY, 0 events>"
    play(run.step())
    assert repr(run) == f"<FlowRun {run.id} of trip: RUNNING, 3 events>"
    assert run.flow.name == "trip"


# ------------------------------------------------------------------------------ stepping


def test_step_runs_one_batch_and_gives_its_events(done):
    run = flow_of(done).start()
    assert told(play(run.step())) == ["run RUNNING", "a RUNNING", "a SUCCEEDED"]
    assert str(run.next) == "next: batch 2, 2 actions: b, c"
    assert told(play(run.step())) == ["b RUNNING", "c RUNNING", "b SUCCEEDED", "c SUCCEEDED"]
    assert told(play(run.step())) == ["d RUNNING", "d SUCCEEDED", "run SUCCEEDED"]
    assert str(run.next) == "succeeded: nothing more to do"
    assert play(run.step()) == ()
    assert done == ["do a", "do b", "do c", "do d"]


def test_step_goes_back_batch_by_batch_after_a_failure(done):
    run = flow_of(done, how={"d": {"fails": Boom("no")}}).start()
    play(run.step())
    play(run.step())
    assert told(play(run.step())) == ["d RUNNING", "d FAILED", "run ROLLING_BACK"]
    assert str(run.next) == "next: rolling back batch 3 of 3: d"
    assert told(play(run.step())) == ["d ROLLING_BACK", "d ROLLED_BACK"]
    assert str(run.next) == "next: rolling back batch 2 of 3: b, c"
    assert told(play(run.step())) == ["b ROLLING_BACK", "c ROLLING_BACK", "b ROLLED_BACK", "c ROLLED_BACK"]
    assert told(play(run.step())) == ["a ROLLING_BACK", "a ROLLED_BACK", "run ROLLED_BACK"]
    assert str(run.next) == "rolled back: nothing is left"
    assert done == ["do a", "do b", "do c", "do d", "undo d", "undo b", "undo c", "undo a"]


def test_a_step_in_which_an_action_fails_abandons_what_will_never_start(done):
    run = flow_of(done, how={"a": {"fails": Boom()}}).start()
    assert told(play(run.step())) == [
        "run RUNNING",
        "a RUNNING",
        "a FAILED",
        "run ROLLING_BACK",
        "b ABANDONED",
        "c ABANDONED",
        "d ABANDONED",
    ]


def test_step_back_passes_over_batches_with_nothing_to_undo(done):
    how = {"c": {"undo": False, "no_effect": True}, "d": {"fails": Boom(), "undo": False, "no_effect": True}}
    run = flow_of(done, [("a", "b"), ("b", "c"), ("c", "d")], how=how).start()
    for _ in range(4):
        play(run.step())
    assert run.states["d"] is NodeState.FAILED
    assert told(play(run.step())) == ["c ROLLED_BACK"]
    assert told(play(run.step())) == ["b ROLLING_BACK", "b ROLLED_BACK"]
    assert told(play(run.step()))[-1] == "run ROLLED_BACK"
    assert done == ["do a", "do b", "do c", "do d", "undo b", "undo a"]


def test_step_action_runs_the_next_in_plan_order(done):
    run = flow_of(done, how={"d": {"fails": Boom()}}).start()
    while not run.state.ended:
        play(run.step_action())
    assert done == ["do a", "do b", "do c", "do d", "undo d", "undo b", "undo c", "undo a"]
    assert play(run.step_action()) == ()


def test_step_action_runs_the_named_one(done):
    run = flow_of(done).start()
    play(run.step_action("a"))
    assert told(play(run.step_action("c"))) == ["c RUNNING", "c SUCCEEDED"]
    assert str(run.next) == "next: batch 2, 1 action: b"
    assert run.inputs_of("d") == [None, "c"]
    play(run.step_action("b"))
    assert run.inputs_of("d") == ["b", "c"]
    assert done == ["do a", "do c", "do b"]


def test_step_action_undoes_the_named_one(done):
    run = flow_of(done, how={"d": {"fails": Boom()}}).start()
    for _ in range(4):
        play(run.step())
    assert told(play(run.step_action("c"))) == ["c ROLLING_BACK", "c ROLLED_BACK"]
    with pytest.raises(StepError, match=r"'a' is succeeded, and it is not its turn. What can step now: b"):
        play(run.step_action("a"))
    assert done == ["do a", "do b", "do c", "do d", "undo d", "undo c"]


@pytest.mark.parametrize(
    ("steps", "name", "text"),
    [
        (0, "d", "'d' is pending, and it is not its turn. What can step now: a"),
        (1, "a", "'a' is succeeded, and it is not its turn. What can step now: b, c"),
        (3, "d", "'d' is succeeded, and it is not its turn. What can step now: nothing"),
        (0, "x", "the flow has no action 'x'. Did you mean 'a' or 'b' or 'c' or 'd'?"),
    ],
)
def test_a_step_that_is_not_possible_says_what_is(done, steps, name, text):
    run = flow_of(done).start()
    for _ in range(steps):
        play(run.step())
    before = story(run)
    with pytest.raises(StepError) as refused:
        play(run.step_action(name))
    assert str(refused.value) == text
    assert story(run) == before


def test_stepping_one_action_that_fails_turns_back_and_abandons_its_siblings(done):
    run = flow_of(done, how={"b": {"fails": Boom()}}).start()
    play(run.step())
    assert told(play(run.step_action("b"))) == [
        "b RUNNING",
        "b FAILED",
        "run ROLLING_BACK",
        "c ABANDONED",
        "d ABANDONED",
    ]
    play(run.step())
    play(run.step())
    assert done == ["do a", "do b", "undo b", "undo a"]


FAILURES = [
    {},
    {"a": {"fails": Boom()}},
    {"b": {"fails": Boom()}},
    {"b": {"fails": Boom()}, "c": {"fails": Boom()}},
    {"d": {"fails": Boom(), "undo": False}},
    {"b": {"undo": False}, "d": {"fails": Boom()}},
    {"c": {"undo_fails": Boom()}, "d": {"fails": Boom()}},
    {"a": {"undo": False, "no_effect": True}, "d": {"fails": Boom(), "undo_fails": Boom()}},
]


@BOTH
@pytest.mark.parametrize("how", FAILURES)
@pytest.mark.parametrize("rule", [{}, {"rollback_failed": False}, {"on_rollback_error": "stop"}])
def test_stepping_is_transparent(schedule, how, rule):
    """A run that is stepped tells the same story as one that runs freely."""
    tales = []
    for stepped in (False, True):
        done = []
        run = flow_of(done, how=how, schedule=schedule, **rule).start(1)

        async def step_through(run=run):
            while not run.state.ended:
                assert await run.step()

        if stepped:
            play(step_through())
        else:
            try:
                play(run.finish())
            except DagaFlowError:
                assert how
        tales.append((story(run), [event.reason for event in run.events], done, words(run), run.state))
    assert tales[0] == tales[1]


# --------------------------------------------------------------------------------- finish


def test_finish_gives_the_results_of_the_last_batch_and_outputs_every_sink(done):
    run = flow_of(done, [("a", "early"), ("a", "b"), ("b", "z1"), ("b", "z2")]).start()
    assert play(run.finish()) == ["z1", "z2"]
    assert run.outputs == {"early": "early", "z1": "z1", "z2": "z2"}
    assert run.results == {name: name for name in ("a", "early", "b", "z1", "z2")}


def test_finishing_twice_gives_the_same_and_runs_once(done):
    run = flow_of(done).start()
    assert play(run.finish()) == play(run.finish()) == ["d"]
    assert done == ["do a", "do b", "do c", "do d"]


def test_finishing_a_failed_run_twice_raises_the_same_errors_and_undoes_once(done):
    error = Boom("no")
    run = flow_of(done, how={"b": {"fails": error}}).start()
    for _ in range(3):
        with pytest.raises(DagaFlowError) as failed:
            play(run.finish())
        assert failed.value.exceptions == (error,)
    assert done == ["do a", "do b", "do c", "undo b", "undo c", "undo a"]


def test_finish_goes_on_from_where_the_steps_stopped(done):
    run = flow_of(done, how={"d": {"fails": Boom()}}).start()
    for _ in range(4):
        play(run.step())
    assert done == ["do a", "do b", "do c", "do d", "undo d"]
    with pytest.raises(DagaFlowError):
        play(run.finish())
    assert done[5:] == ["undo b", "undo c", "undo a"]


@pytest.mark.parametrize("joiners", [1, 3])
def test_finish_joins_another_driver(done, joiners):
    async def main():
        gate = Gate()
        run = flow_of(done, how={"a": {"before": gate.wait}}).start()
        stepping = asyncio.create_task(run.step())
        await gate.reached.wait()
        finishing = [asyncio.create_task(run.finish()) for _ in range(joiners)]
        await turns()
        assert not any(one.done() for one in finishing)
        gate.open()
        assert told(await stepping) == ["run RUNNING", "a RUNNING", "a SUCCEEDED"]
        return await asyncio.gather(*finishing)

    assert play(main()) == [["d"]] * joiners
    assert done == ["do a", "do b", "do c", "do d"]


def test_one_of_two_who_wait_may_give_up_without_hurting_the_run(done):
    async def main():
        gate = Gate()
        run = flow_of(done, how={"a": {"before": gate.wait}}).start()
        driving, waiting = asyncio.create_task(run.finish()), asyncio.create_task(run.finish())
        await gate.reached.wait()
        await turns()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        gate.open()
        return await driving

    assert play(main()) == ["d"]
    assert done == ["do a", "do b", "do c", "do d"]


@pytest.mark.parametrize(
    "call", [lambda run: run.step(), lambda run: run.step_action("b"), lambda run: run.step_action()]
)
def test_a_second_driver_is_refused(done, call):
    async def main():
        gate = Gate()
        run = flow_of(done, how={"a": {"before": gate.wait}}).start()
        stepping = asyncio.create_task(run.step())
        await gate.reached.wait()
        assert run.busy
        assert run.running == 1
        with pytest.raises(RunBusy, match="driven already: await that call, or hold it, first"):
            await call(run)
        gate.open()
        await stepping
        assert not run.busy

    play(main())
    assert done == ["do a"]


def test_a_run_may_be_driven_from_one_loop_after_another(done):
    run = flow_of(done, how={"d": {"fails": Boom()}}).start()
    for _ in range(6):
        asyncio.run(run.step())
    assert run.state is RunState.ROLLED_BACK
    assert done == ["do a", "do b", "do c", "do d", "undo d", "undo b", "undo c", "undo a"]


# --------------------------------------------------------------------- rollback by request


def test_a_run_that_succeeded_can_be_undone(done):
    run = flow_of(done).start()
    play(run.finish())
    events = play(run.rollback())
    assert told(events) == [
        "run ROLLING_BACK",
        "d ROLLING_BACK",
        "d ROLLED_BACK",
        "b ROLLING_BACK",
        "c ROLLING_BACK",
        "b ROLLED_BACK",
        "c ROLLED_BACK",
        "a ROLLING_BACK",
        "a ROLLED_BACK",
        "run ROLLED_BACK",
    ]
    assert events[0].reason == "rolled back by request"
    assert done[4:] == ["undo d", "undo b", "undo c", "undo a"]
    assert run.results == {name: name for name in "abcd"}, "results stay, to look at"
    assert run.rollback_results == {name: f"undone {name}" for name in "abcd"}
    with pytest.raises(DagaFlowError) as failed:
        play(run.finish())
    assert [type(error) for error in failed.value.exceptions] == [RunAborted]
    assert play(run.rollback()) == ()


def test_what_was_undone_already_is_left_alone(done):
    run = flow_of(done, how={"b": {"fails": Boom()}}).start()
    with pytest.raises(DagaFlowError):
        play(run.finish())
    before = list(done)
    assert play(run.rollback()) == ()
    assert done == before


def test_a_run_that_has_not_begun_is_abandoned_by_an_abort(done):
    run = flow_of(done).start()
    assert told(play(run.rollback())) == [
        "run ROLLING_BACK",
        "a ABANDONED",
        "b ABANDONED",
        "c ABANDONED",
        "d ABANDONED",
        "run ROLLED_BACK",
    ]
    assert done == []
    with pytest.raises(DagaFlowError) as failed:
        play(run.finish())
    assert isinstance(failed.value.exceptions[0], RunAborted)


def test_an_abort_between_two_steps_undoes_what_is_done(done):
    run = flow_of(done).start()
    play(run.step())
    play(run.step_action("c"))
    play(run.rollback())
    assert done == ["do a", "do c", "undo c", "undo a"]
    assert words(run) == {"a": "rolled back", "b": "abandoned", "c": "rolled back", "d": "abandoned"}


@BOTH
def test_an_abort_in_the_middle_drains_first(done, schedule):
    async def main():
        gate = Gate()
        run = flow_of(done, how={"b": {"before": gate.wait}}, schedule=schedule).start()
        finishing = asyncio.create_task(run.finish())
        await gate.reached.wait()
        aborting = asyncio.create_task(run.rollback())
        await turns()
        assert done == ["do a", "do c"], "b has not ended, so nothing is undone yet"
        assert run.state is RunState.RUNNING
        gate.open()
        await aborting
        with pytest.raises(DagaFlowError) as failed:
            await finishing
        assert [type(error) for error in failed.value.exceptions] == [RunAborted]
        return run

    run = play(main())
    assert done == ["do a", "do c", "do b", "undo b", "undo c", "undo a"]
    assert run.state is RunState.ROLLED_BACK


def test_an_abort_of_a_run_that_fails_meanwhile_tells_the_failure(done):
    async def main():
        gate = Gate()
        run = flow_of(done, how={"a": {"before": gate.wait, "fails": Boom("no")}}).start()
        finishing = asyncio.create_task(run.finish())
        await gate.reached.wait()
        aborting = asyncio.create_task(run.rollback())
        await turns()
        gate.open()
        await aborting
        with pytest.raises(DagaFlowError) as failed:
            await finishing
        assert [str(error) for error in failed.value.exceptions] == ["no"]

    play(main())
    assert done == ["do a", "undo a"]


def test_a_rollback_by_request_raises_for_rollbacks_that_fail_and_tries_all(done):
    run = flow_of(done, how={"b": {"undo_fails": OSError("stuck")}}).start()
    play(run.finish())
    with pytest.raises(DagaFlowError) as failed:
        play(run.rollback())
    assert [type(error) for error in failed.value.exceptions] == [RollbackError]
    assert failed.value.run is run
    assert done[4:] == ["undo d", "undo b", "undo c", "undo a"]
    assert run.state is RunState.ROLLBACK_INCOMPLETE
    with pytest.raises(DagaFlowError) as failed:
        play(run.finish())
    assert [type(error) for error in failed.value.exceptions] == [RunAborted, RollbackError]


def test_an_abort_may_be_stepped(done):
    from daga_nb.debug.stepper import BatchStep

    run = flow_of(done).start()
    play(run.finish())

    async def main():
        for _ in range(3):
            await run.rollback(BatchStep(run.plan))
            done.append("--")

    play(main())
    assert done[4:] == ["undo d", "--", "undo b", "undo c", "--", "undo a", "--"]


def test_two_aborts_at_once_undo_once(done):
    async def main():
        gate = Gate()
        run = flow_of(done, how={"d": {"before_undo": gate.wait}}).start()
        await run.finish()
        aborting = [asyncio.create_task(run.rollback()) for _ in range(3)]
        await gate.reached.wait()
        await turns()
        gate.open()
        await asyncio.gather(*aborting)

    play(main())
    assert done[4:] == ["undo d", "undo b", "undo c", "undo a"]


# --------------------------------------------------------------------------------- next


def test_next_says_in_words_what_a_step_would_do(done):
    run = flow_of(done, nodes="abcdefgh").start()
    assert str(run.next) == "next: batch 1, 8 actions: a, b, c, d, e, f and 2 more"
    assert run.next.actions == tuple("abcdefgh")
    assert run.next[:3] == ("forward", 1, 1)


def test_next_while_actions_run_and_while_they_roll_back(done):
    async def main():
        gate, back = Gate(), Gate()
        run = flow_of(done, nodes="a", how={"a": {"before": gate.wait, "before_undo": back.wait}}).start()
        finishing = asyncio.create_task(run.finish())
        await gate.reached.wait()
        said = [str(run.next)]
        gate.open()
        await finishing
        aborting = asyncio.create_task(run.rollback())
        await back.reached.wait()
        said.append(str(run.next))
        back.open()
        await aborting
        return said

    assert play(main()) == ["waiting for what still runs", "waiting for what still rolls back"]


def test_next_of_a_dirty_end(done):
    run = flow_of(done, nodes="a", how={"a": {"undo": False}}).start()
    play(run.finish())
    play(run.rollback())
    assert run.state is RunState.ROLLBACK_INCOMPLETE
    assert str(run.next) == "rollback incomplete; left: a"
    assert run.next.direction is run.next.batch is None
    assert words(run) == {"a": "kept"}


# --------------------------------------------------------------------- results, durations


def test_inputs_stand_in_the_order_of_the_users_edges(done):
    run = flow_of(done, [("v", "w"), ("u", "w")], nodes="uvw").start(3)
    play(run.step())
    assert run.inputs_of("w") == ["v", "u"]
    assert run.inputs_of("u") == [3]


@pytest.mark.parametrize("look", [lambda run: run.duration("x"), lambda run: run.inputs_of("x")])
def test_looking_at_no_action_says_so(done, look):
    with pytest.raises(FaultError, match="no action 'x'"):
        look(flow_of(done).start())


def test_durations_are_those_of_the_calls_there_and_back(done):
    run = flow_of(done, how={"b": {"fails": Boom()}}).start()
    with pytest.raises(DagaFlowError):
        play(run.finish())
    assert all(run.duration(name) >= 0 for name in "abc")
    assert run.duration("d") is None
    assert all(run.duration(name, rollback=True) >= 0 for name in "abc")
    assert run.duration("d", rollback=True) is None


def test_run_time_stands_still_while_the_run_is_held(done, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(recorder, "perf_counter", lambda: now[0])

    def passes(event):
        now[0] += 1.0

    run = flow_of(done, [("a", "b")]).start()
    run.subscribe(passes)
    play(run.step())
    now[0] += 3600.0
    play(run.step())
    assert [(str(event), event.at) for event in run.events] == [
        ("run RUNNING", 0.0),
        ("a RUNNING", 1.0),
        ("a SUCCEEDED", 2.0),
        ("b RUNNING", 3.0),
        ("b SUCCEEDED", 4.0),
        ("run SUCCEEDED", 5.0),
    ]
    now[0] += 3600.0
    assert [event.at for event in play(run.rollback())] == [6.0, 7.0, 8.0, 9.0, 10.0, 11.0]


def test_run_time_stands_still_while_a_stepper_thinks_and_goes_on_while_something_runs(done, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(recorder, "perf_counter", lambda: now[0])

    class Slow:
        dwell = 0.0

        async def admit(self, ready):
            now[0] += 60.0
            return ready.nodes[:1]

    run = flow_of(done, nodes="ab").start()
    play(run.drive(Slow()))
    assert [(str(event), event.at) for event in run.events] == [
        ("run RUNNING", 0.0),
        ("a RUNNING", 0.0),
        ("a SUCCEEDED", 0.0),
        ("b RUNNING", 0.0),
        ("b SUCCEEDED", 0.0),
        ("run SUCCEEDED", 0.0),
    ]


def test_started_at_is_the_time_of_day_and_stays(done, monkeypatch):
    monkeypatch.setattr(recorder, "time", lambda: 1234.5)
    run = flow_of(done).start()
    play(run.step())
    monkeypatch.setattr(recorder, "time", lambda: 9999.0)
    play(run.finish())
    assert run.started_at == 1234.5


# ------------------------------------------------------------------------------ observers


def test_an_observer_hears_every_event_after_it_is_recorded(done):
    run = flow_of(done).start()
    heard = []
    with run.subscribe(lambda event: heard.append((str(event), event is run.events[-1]))):
        play(run.step())
    play(run.step())
    assert heard == [("run RUNNING", True), ("a RUNNING", True), ("a SUCCEEDED", True)]


@pytest.mark.parametrize(
    "error", [Boom("observer"), asyncio.CancelledError(), SystemExit(3), GeneratorExit(), BaseException()]
)
@pytest.mark.parametrize("how", FAILURES[:3])
def test_an_observer_that_raises_is_logged_and_removed_and_hurts_nothing(done, caplog, error, how):
    run = flow_of(done, how=how).start()
    calls, others = [], []

    def broken(event):
        calls.append(event)
        raise error

    run.subscribe(broken)
    run.subscribe(lambda event: others.append(str(event)))
    with caplog.at_level(logging.ERROR, "daga_nb"):
        try:
            play(run.finish())
        except DagaFlowError:
            assert how
    assert len(calls) == 1
    assert others == story(run)
    assert [record.getMessage() for record in caplog.records] == [
        f"an observer of run {run.id} failed and hears no more: {broken!r}"
    ]
    assert run.state is (RunState.ROLLED_BACK if how else RunState.SUCCEEDED)


def test_an_observer_may_unsubscribe_itself_or_another(done):
    run = flow_of(done).start()
    first, second = [], []

    def once(event):
        first.append(str(event))
        mine.close()
        other.close()

    mine = run.subscribe(once)
    other = run.subscribe(lambda event: second.append(str(event)))
    play(run.finish())
    assert first == ["run RUNNING"]
    assert second in ([], ["run RUNNING"])


def test_an_observer_may_subscribe_another_who_hears_from_the_next_event_on(done):
    run = flow_of(done, [("a", "b")]).start()
    late = []

    def first(event):
        if str(event) == "a SUCCEEDED":
            run.subscribe(lambda event: late.append(str(event)))

    run.subscribe(first)
    play(run.finish())
    assert late == ["b RUNNING", "b SUCCEEDED", "run SUCCEEDED"]


def test_the_same_function_subscribed_twice_hears_twice_and_closing_one_handle_twice_leaves_the_other(done):
    run = flow_of(done, nodes="a").start()
    heard = []

    def observer(event):
        heard.append(str(event))

    first, _second = run.subscribe(observer), run.subscribe(observer)
    first.close()
    first.close()
    play(run.finish())
    assert heard == ["run RUNNING", "a RUNNING", "a SUCCEEDED", "run SUCCEEDED"]


def test_an_observer_may_run_another_flow(done):
    other, tasks = flow_of(done, nodes="x"), []
    run = flow_of(done, [("a", "b")]).start()

    def observer(event):
        if str(event) == "a SUCCEEDED":
            tasks.append(asyncio.get_running_loop().create_task(other.run()))

    async def main():
        run.subscribe(observer)
        result = await run.finish()
        return result, await tasks[0]

    assert play(main()) == (["b"], ["x"])


def test_an_observer_may_abort_and_plant_faults(done):
    run = flow_of(done).start()
    tasks = []

    def observer(event):
        if str(event) == "b RUNNING":
            run.inject(Fault.raising(Boom("planted"), at="d"))
            tasks.append(asyncio.get_running_loop().create_task(run.rollback()))

    run.subscribe(observer)

    async def main():
        with pytest.raises(DagaFlowError), pytest.warns(FaultNotFired, match="it was never called"):
            await run.finish()
        await asyncio.gather(*tasks)

    play(main())
    assert done == ["do a", "do b", "do c", "undo b", "undo c", "undo a"]


def test_observers_are_called_on_the_thread_of_the_loop(done):
    threads = set()

    def plain(results):
        done.append(threading.current_thread() is threading.main_thread())

    run = DagaFlow([(plain, action(done, "b"))]).start()
    run.subscribe(lambda event: threads.add(threading.current_thread()))
    play(run.finish())
    assert threads == {threading.main_thread()}
    assert done == [False, "do b"]


# ----------------------------------------------------------------------- nothing is left


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("eager", [False, True] if sys.version_info >= (3, 12) else [False])
@BOTH
@pytest.mark.parametrize("how", FAILURES)
def test_no_task_is_left_in_any_kind_of_loop_and_the_story_is_the_same(done, how, schedule, debug, eager):
    expected = flow_of([], how=how, schedule=schedule).start()
    run = flow_of(done, how=how, schedule=schedule).start()
    for one, options in ((expected, {}), (run, {"debug": debug, "eager": eager})):
        try:
            play(one.finish(), **options)
        except DagaFlowError:
            assert how
    assert words(run) == words(expected)
    assert sorted(story(run)) == sorted(story(expected))


@pytest.mark.parametrize("eager", [False, True] if sys.version_info >= (3, 12) else [False])
@pytest.mark.parametrize("threaded", [True, False])
@pytest.mark.parametrize("fails", [False, True])
def test_plain_functions_leave_no_task_and_no_busy_thread(done, eager, threaded, fails):
    def work(results):
        done.append("do work")

    def back(results):
        done.append("undo work")

    made = DagaAction(work, in_thread=threaded)
    made.on_rollback(back)
    last = action(done, "last", fails=Boom() if fails else None)
    try:
        play(DagaFlow([(made, last)]).run(), eager=eager)
    except DagaFlowError:
        assert fails
    assert done == ["do work", "do last", *(["undo last", "undo work"] if fails else [])]


def test_no_task_is_left_between_two_steps(done):
    async def main():
        run = flow_of(done).start()
        while not run.state.ended:
            await run.step()
            assert asyncio.all_tasks() == {asyncio.current_task()}

    play(main())


def test_no_exception_is_left_unheard(done):
    async def main():
        unheard = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: unheard.append(context))
        run = flow_of(
            done, how={"b": {"fails": Boom()}, "c": {"fails": Boom(), "undo_fails": Boom()}}
        ).start()
        with pytest.raises(DagaFlowError):
            await run.finish()
        del run
        gc.collect()
        await turns()
        return unheard

    assert play(main()) == []


def test_everything_that_is_left_is_named_up_to_six(done):
    run = flow_of(done, how={name: {"undo": False} for name in "bcd"}).start()
    play(run.finish())
    play(run.rollback())
    assert str(run.next) == "rollback incomplete; left: b, c, d"
    run = flow_of(done, nodes="abcdefgh", how={name: {"undo": False} for name in "abcdefgh"}).start()
    play(run.finish())
    play(run.rollback())
    assert str(run.next) == "rollback incomplete; left: a, b, c, d, e, f and 2 more"
