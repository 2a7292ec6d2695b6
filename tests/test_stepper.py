"""Steppers: who decides how many of the ready actions may go."""

import asyncio

import pytest
from helpers import Boom, Gate, flow_of, play, story, told, turns, words

from daga_nb import DagaFlowError
from daga_nb.core.moves import Ready
from daga_nb.debug.stepper import TURN, BatchStep, OneAction, Pacer
from daga_nb.errors import StepError


class Asked:
    """A stepper that writes down what it is asked, and lets through what the test says."""

    dwell = 0.0

    def __init__(self, choose=lambda ready: ready.nodes):
        self.asked = []
        self.choose = choose

    async def admit(self, ready):
        self.asked.append(ready)
        return self.choose(ready)


def test_a_stepper_is_asked_before_each_batch_there_and_back(done):
    run = flow_of(done, how={"d": {"fails": Boom()}}).start()
    stepper = Asked()
    play(run.drive(stepper))
    assert stepper.asked == [
        Ready("forward", 0, (0,), 0),
        Ready("forward", 1, (1, 2), 0),
        Ready("forward", 2, (3,), 0),
        Ready("back", 2, (3,), 0),
        Ready("back", 1, (1, 2), 0),
        Ready("back", 0, (0,), 0),
    ]
    assert done == ["do a", "do b", "do c", "do d", "undo d", "undo b", "undo c", "undo a"]


def test_a_stepper_that_holds_ends_the_drive_and_not_the_run(done):
    run = flow_of(done).start()
    assert play(run.drive(Asked(lambda ready: ()))) == ()
    assert run.state == "READY"
    assert done == []


def test_part_of_a_batch_may_go(done):
    run = flow_of(done).start()
    stepper = Asked(lambda ready: ready.nodes[-1:])
    play(run.drive(stepper))
    assert done == ["do a", "do c", "do b", "do d"]
    assert [ready.nodes for ready in stepper.asked] == [(0,), (1, 2), (1,), (3,)]


@pytest.mark.parametrize("answer", [[0, 0], [0, 0, 0]])
def test_admitting_an_action_twice_admits_it_once(done, answer):
    run = flow_of(done, nodes="a").start()
    play(run.drive(Asked(lambda ready: answer)))
    assert done == ["do a"]


@pytest.mark.parametrize("answer", [[1], [0, 1], [7], [-1], ["a"], [None]])
def test_admitting_what_is_not_ready_is_refused_and_changes_nothing(done, answer):
    run = flow_of(done).start()
    with pytest.raises(StepError, match=r"the stepper admitted .*, and ready are"):
        play(run.drive(Asked(lambda ready: answer)))
    assert story(run) == done == []
    assert play(run.finish()) == ["d"]


def test_a_stepper_that_raises_is_heard_after_what_runs_has_ended(done):
    async def main():
        gate = Gate()
        run = flow_of(
            done, [("a", "b"), ("s", "z")], how={"s": {"before": gate.wait}}, schedule="eager"
        ).start()

        def choose(ready):
            if run.plan.ids["b"] in ready.nodes:
                raise Boom("the stepper is broken")
            return ready.nodes

        driving = asyncio.create_task(run.drive(Asked(choose)))
        await turns()
        assert not driving.done(), "s still runs"
        assert done == ["do a"]
        gate.open()
        with pytest.raises(Boom, match="broken"):
            await driving
        assert not run.busy
        assert words(run) == {"a": "succeeded", "s": "succeeded", "b": "pending", "z": "pending"}
        return await run.finish()

    assert play(main()) == ["b", "z"]
    assert done == ["do a", "do s", "do b", "do z"]


def test_what_fails_while_the_stepper_thinks_is_rolled_back_without_its_answer(done):
    async def main():
        gate, thinking = Gate(), Gate()
        run = flow_of(
            done,
            [("a", "b"), ("s", "z")],
            how={"s": {"before": gate.wait, "fails": Boom("s")}},
            schedule="eager",
        ).start()

        class Slow(Asked):
            async def admit(self, ready):
                if run.plan.ids["b"] in ready.nodes:
                    await thinking.wait()
                return ready.nodes

        driving = asyncio.create_task(run.drive(Slow()))
        await thinking.reached.wait()
        gate.open()
        await driving
        return run

    run = play(main())
    assert done == ["do a", "do s", "undo a", "undo s"]
    assert words(run) == {"a": "rolled back", "s": "rolled back", "b": "abandoned", "z": "abandoned"}


def test_an_abort_while_the_stepper_thinks_starts_nothing_more(done):
    async def main():
        thinking = Gate()
        run = flow_of(done).start()

        class Slow(Asked):
            async def admit(self, ready):
                if ready.direction == "forward" and ready.batch == 1:
                    await thinking.wait()
                return ready.nodes

        driving = asyncio.create_task(run.drive(Slow()))
        await thinking.reached.wait()
        aborting = asyncio.create_task(run.rollback())
        await turns()
        thinking.open()
        await asyncio.gather(driving, aborting)
        return run

    run = play(main())
    assert done == ["do a", "undo a"]
    assert run.state == "ROLLED_BACK"


# ------------------------------------------------------------------------------- steps


def test_a_batch_step_lets_one_batch_go():
    async def main():
        stepper = BatchStep(type("Plan", (), {"batch_of": (0, 1, 1, 2)}))
        assert await stepper.admit(Ready("forward", 1, (1, 2), 0)) == [1, 2]
        assert await stepper.admit(Ready("forward", 1, (2, 3), 1)) == [2]
        assert await stepper.admit(Ready("forward", 2, (3,), 0)) == []
        assert await stepper.admit(Ready("back", 1, (1, 2), 0)) == ()

    play(main())


def test_one_action_lets_one_go_once():
    async def main():
        stepper = OneAction(2)
        assert await stepper.admit(Ready("forward", 0, (0, 1), 0)) == ()
        assert await stepper.admit(Ready("forward", 1, (1, 2), 0)) == (2,)
        assert await stepper.admit(Ready("forward", 1, (1, 2), 0)) == ()

    play(main())


# ------------------------------------------------------------------------------- pacer


@pytest.fixture
def clock(monkeypatch):
    """Replace the pacer's and the driver's sleep by one that only writes down how long."""
    slept = []
    real = asyncio.sleep

    async def sleep(seconds, result=None):
        if seconds:
            slept.append(seconds)
        return await real(0, result)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return slept


def test_a_pacer_without_delay_holds_nothing(done, clock):
    run = flow_of(done).start()
    play(run.drive(Pacer()))
    assert done == ["do a", "do b", "do c", "do d"]
    assert clock == []


def test_a_pacer_holds_before_each_new_batch_and_while_it_is_shown_as_running(done, clock):
    run = flow_of(done).start()
    play(run.drive(Pacer(delay=0.8)))
    assert clock == [0.4, 0.4, 0.4, 0.4, 0.4]
    assert done == ["do a", "do b", "do c", "do d"]


def test_a_pacer_holds_longest_where_the_run_turns_so_that_the_failure_is_seen(done, clock):
    run = flow_of(done, [("a", "b")], how={"b": {"fails": Boom()}}).start()
    play(run.drive(Pacer(delay=0.8)))
    assert clock == pytest.approx([0.4, 0.4, 0.4, 0.8 * TURN, 0.4, 0.4, 0.4])
    assert done == ["do a", "do b", "undo b", "undo a"]


def test_a_pause_holds_the_next_batch_back_and_resume_goes_on(done):
    async def main():
        gate, pacer = Gate(), Pacer()
        run = flow_of(done, how={"a": {"before": gate.wait}}).start()
        driving = asyncio.create_task(run.drive(pacer))
        await gate.reached.wait()
        pacer.pause()
        gate.open()
        assert told(await driving) == ["run RUNNING", "a RUNNING", "a SUCCEEDED"]
        assert str(run.next) == "next: batch 2, 2 actions: b, c"
        assert await run.drive(pacer) == ()
        pacer.resume()
        assert not pacer.paused
        await run.drive(pacer)
        return run

    assert play(main()).state == "SUCCEEDED"
    assert done == ["do a", "do b", "do c", "do d"]


@pytest.mark.parametrize("way", ["forward", "at the turn"])
def test_a_pause_does_not_wait_for_a_batch_that_is_held(done, way):
    async def main():
        run = flow_of(done, [("a", "b")], how={"b": {"fails": Boom()}}).start()
        if way == "at the turn":
            await run.step()
        pacer = Pacer()
        last = {"forward": "a SUCCEEDED", "at the turn": "run ROLLING_BACK"}[way]

        def hear(event):
            if str(event) == last:
                pacer.delay = 7200.0

        run.subscribe(hear)
        driving = asyncio.create_task(run.drive(pacer))
        await turns(20)
        assert not driving.done()
        pacer.pause()
        await driving
        assert len(asyncio.all_tasks()) == 1
        return run

    run = play(main())
    assert done == (["do a"] if way == "forward" else ["do a", "do b"])
    assert run.state == ("RUNNING" if way == "forward" else "ROLLING_BACK")


def test_a_rollback_can_be_paused_and_resumed_as_well(done):
    async def main():
        gate, pacer = Gate(), Pacer()
        run = flow_of(done, how={"d": {"fails": Boom(), "before_undo": gate.wait}}).start()
        driving = asyncio.create_task(run.drive(pacer))
        await gate.reached.wait()
        pacer.pause()
        gate.open()
        await driving
        assert done == ["do a", "do b", "do c", "do d", "undo d"]
        assert str(run.next) == "next: rolling back batch 2 of 3: b, c"
        pacer.resume()
        await run.drive(pacer)
        return run

    assert play(main()).state == "ROLLED_BACK"
    assert done[5:] == ["undo b", "undo c", "undo a"]


def test_a_cancel_while_actions_are_shown_as_running_calls_none_of_them(done):
    async def main():
        run = flow_of(done).start()
        shown = asyncio.Event()
        run.subscribe(lambda event: str(event) == "b RUNNING" and shown.set())
        await run.step()
        driving = asyncio.create_task(run.drive(Pacer(delay=7200.0)))
        await shown.wait()
        driving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await driving
        return run

    run = play(main())
    assert done == ["do a", "undo a"]
    assert words(run) == {"a": "rolled back", "b": "abandoned", "c": "abandoned", "d": "abandoned"}
    assert dict(run.errors) == {}
    assert run.state == "ROLLED_BACK"


@pytest.mark.parametrize("turn", ["a failure", "an abort"])
def test_what_is_only_shown_as_running_when_the_run_turns_back_is_neither_called_nor_undone(done, turn):
    """Eagerly: `s` fails, or the run is aborted, while the stepper dwells on `b`."""

    async def main():
        gate, shown = Gate(), asyncio.Event()
        how = {"s": {"before": gate.wait, "fails": Boom("no") if turn == "a failure" else None}}
        run = flow_of(done, [("a", "b"), ("b", "z"), ("s", "z")], how=how, schedule="eager").start()
        run.subscribe(lambda event: str(event) == "b RUNNING" and shown.set())

        class Dwelling(Pacer):
            @property
            def dwell(self):
                return 7200.0 if gate.reached.is_set() and run.state == "RUNNING" else 0.0

        driving = asyncio.create_task(run.drive(Dwelling()))
        await shown.wait()
        gate.open()
        if turn == "an abort":
            await asyncio.gather(run.rollback(), driving)
        else:
            await driving
        return run

    run = play(main())
    assert [line for line in done if line.endswith("b")] == []
    assert words(run)["b"] == "abandoned"
    assert run.state == "ROLLED_BACK"
    assert sorted(done) == ["do a", "do s", "undo a", "undo s"]


# ------------------------------------------------------------------------- max_parallel


@pytest.mark.parametrize("schedule", ["batch", "eager"])
@pytest.mark.parametrize("name", ["a", "b", "c"])
def test_the_action_that_a_step_names_goes_although_it_stands_behind_the_limit(done, schedule, name):
    run = flow_of(done, nodes="abc", max_parallel=1, schedule=schedule).start()
    assert told(play(run.step_action(name))) == ["run RUNNING", f"{name} RUNNING", f"{name} SUCCEEDED"]
    assert done == [f"do {name}"]


@pytest.mark.parametrize("limit", [None, 1, 2])
def test_a_batch_step_takes_the_whole_batch_also_when_it_is_ready_in_an_odd_order(done, limit):
    # Eagerly, `late` (batch 3) becomes ready between x and y (both batch 2).
    edges = [("p", "x"), ("p", "q"), ("q", "late"), ("r", "y")]
    run = flow_of(done, edges, nodes="pr", max_parallel=limit, schedule="eager").start()

    async def main():
        await run.step_action("p")
        await run.step_action("q")
        await run.step_action("r")
        assert set(run.next.actions) == {"x", "y"}
        return await run.step()

    assert sorted(told(play(main()))) == ["x RUNNING", "x SUCCEEDED", "y RUNNING", "y SUCCEEDED"]
    assert words(run)["late"] == "pending"
    assert run.next.actions == ("late",)


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_what_the_stepper_admits_beyond_the_limit_waits(done, limit):
    seen = []
    flow = flow_of(done, nodes="abcde", max_parallel=limit)
    run = flow.start()
    run.subscribe(lambda event: seen.append(run.running))
    play(run.drive(Asked()))
    assert max(seen) == limit
    play(run.rollback(Asked()))
    assert max(seen) == limit
    assert sorted(done[5:]) == ["undo a", "undo b", "undo c", "undo d", "undo e"]


def test_stepping_and_a_rollback_that_fails_never_raise_for_an_action(done):
    run = flow_of(done, how={"b": {"fails": Boom(), "undo_fails": Boom()}}).start()

    async def main():
        while not run.state.ended:
            await run.step()
        with pytest.raises(DagaFlowError):
            await run.finish()

    play(main())
    assert done == ["do a", "do b", "do c", "undo b", "undo c", "undo a"]
