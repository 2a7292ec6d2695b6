"""Save points: how far a run goes back, to go forward again from there."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from clock import clocked
from helpers import play, told, turns, words
from scene import Scene, lost, run_states

from daga_nb import DagaAction, DagaFlow, DagaFlowError
from daga_nb.core.states import RunState
from daga_nb.errors import RunBusy, StepError

FORK = [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")]


def test_the_run_goes_back_to_the_save_point_and_forward_again():
    async def main() -> None:
        scene = Scene(how={"b": {"save_point": True}}, fails={"d": 1})
        run = scene.flow.start()
        assert await run.finish() == ["d"]
        assert scene.done == ["a", "b", "c", "d", "undo d", "undo c", "c", "d"]
        assert run_states(run) == [
            "RUNNING",
            "RECOVERING d failed: back to the save point after batch 2",
            "RUNNING again from the save point after batch 2",
            "SUCCEEDED",
        ]
        assert not run.errors
        assert not run.rollback_results
        assert dict(run.results) == {name: name for name in "abcd"}
        assert [event.attempt for event in run.events if event.node == "d"] == [1, 1, 1, 1, 2, 2]

    play(main())


def test_what_is_done_again_has_another_key():
    scene = Scene(how={"b": {"save_point": 2}}, fails={"d": 2})
    play(scene.flow.run())
    assert [key for key in scene.keys if key[0] in "cd"] == [
        *["c/do", "d/do", "d/undo", "c/undo"],
        *["c/do/2", "d/do/2", "d/undo/2", "c/undo/2"],
        *["c/do/3", "d/do/3"],
    ]
    assert len(set(scene.keys)) == len(scene.keys)


def test_when_its_tries_are_used_up_all_is_rolled_back():
    async def main() -> None:
        scene = Scene(how={"b": {"save_point": 2}}, fails={"d": 9})
        run = scene.flow.start()
        assert await lost(run) == ["d"]
        again = ["undo d", "undo c", "c", "d"]
        assert scene.done == ["a", "b", "c", "d", *again, *again, *[f"undo {name}" for name in "dcba"]]
        assert run.state.word == "rolled back"
        assert words(run) == dict.fromkeys("abcd", "rolled back")

    play(main())


def test_two_save_points_the_later_one_first_then_the_earlier_then_the_start():
    async def main() -> None:
        scene = Scene(how={"a": {"save_point": 1}, "c": {"save_point": 2}}, fails={"d": 9})
        run = scene.flow.start()
        await lost(run)
        assert scene.take() == [
            *["a", "b", "c", "d"],
            *["undo d", "d"] * 2,
            *["undo d", "undo c", "undo b", "b", "c", "d"],
            *["undo d", "undo c", "undo b", "undo a"],
        ]
        assert [line for line in run_states(run) if "save point" in line] == [
            *[
                "RECOVERING d failed: back to the save point after batch 3",
                "RUNNING again from the save point after batch 3",
            ]
            * 2,
            "RECOVERING d failed: back to the save point after batch 1",
            "RUNNING again from the save point after batch 1",
        ]

    play(main())


def test_a_save_point_stands_after_the_whole_batch():
    """While a sibling of its action has not succeeded, it does not hold yet."""

    async def main(fails: str) -> list[str]:
        scene = Scene(FORK, how={"b": {"save_point": True}}, fails={fails: 1})
        await scene.flow.start().go()
        return sorted(scene.done[:3]) + scene.done[3:]

    assert play(main("c"))[:3] == ["a", "b", "c"]
    assert sorted(play(main("c"))[3:5]) == ["undo b", "undo c"]
    assert play(main("c"))[5:] == ["undo a"]
    assert play(main("d"))[3:] == ["d", "undo d", "d"]


def test_the_budget_of_retries_begins_anew_at_a_save_point():
    async def main() -> None:
        scene = Scene(how={"c": {"save_point": 1}, "d": {"retries": 1}}, fails={"d": 3})
        run = scene.flow.start()
        assert await run.finish() == ["d"]
        assert scene.done[3:] == ["d", "d", "undo d", "d", "d"]
        assert [event.attempt for event in run.events if str(event) == "d RUNNING"] == [1, 2, 3, 4]
        assert [event.reason for event in run.events if str(event) == "d RUNNING"] == [
            *["", "retry 1 of 1"] * 2
        ]

    play(main())


def test_the_budget_of_the_rollback_begins_anew_too():
    async def main() -> None:
        how = {"b": {"save_point": 1}, "c": {"rollback_retries": 1}}
        scene = Scene(how=how, fails={"d": 2, "undo c": 1})
        run = scene.flow.start()
        run.subscribe(
            lambda event: scene.fails.update({"undo c": 1}) if str(event) == "run RUNNING" else None
        )
        await lost(run)
        assert scene.done[4:] == [
            *["undo d", "undo c", "undo c", "c", "d"],
            *["undo d", "undo c", "undo c", "undo b", "undo a"],
        ]
        assert [event.attempt for event in run.events if str(event) == "c ROLLING_BACK"] == [1, 2, 3, 4]

    play(main())


@pytest.mark.parametrize("order", ["batches", "graph", "completion"])
@pytest.mark.parametrize("schedule", ["batch", "eager"])
def test_only_what_came_later_is_undone_in_each_order(order, schedule):
    async def main() -> None:
        scene = Scene(
            how={"b": {"save_point": True}}, fails={"d": 1}, rollback_order=order, schedule=schedule
        )
        await scene.flow.run()
        assert scene.done == ["a", "b", "c", "d", "undo d", "undo c", "c", "d"]

    play(main())


def test_eager_a_branch_that_ran_ahead_is_done_again():
    async def main() -> None:
        edges = [("a", "long"), ("root", "b"), ("b", "c"), ("c", "d")]
        scene = Scene(edges, how={"root": {"save_point": True}}, fails={"d": 1}, schedule="eager")
        gate = scene.gate("long")
        run = scene.flow.start()
        task = asyncio.ensure_future(run.finish())
        await turns()
        assert scene.take() == ["a", "root", "b", "c", "d"]
        assert run.state is RunState.RUNNING  # what runs, finishes first
        gate.open()
        await task
        assert scene.done[0] == "long"
        undone = scene.done[1:5]
        assert sorted(undone) == ["undo b", "undo c", "undo d", "undo long"]
        assert [name for name in undone if name != "undo long"] == ["undo d", "undo c", "undo b"]
        assert sorted(scene.done[5:]) == ["b", "c", "d", "long"]

    play(main())


def test_what_is_kept_since_then_rules_a_save_point_out():
    async def main() -> None:
        scene = Scene(how={"a": {"save_point": 5}, "c": {"undo": False}}, fails={"d": 1})
        run = scene.flow.start()
        assert await lost(run) == ["d"]
        assert scene.done[4:] == ["undo d", "undo b", "undo a"]
        assert words(run)["c"] == "kept"
        assert run.state.word == "rollback incomplete"

    play(main())


def test_what_has_no_effect_does_not():
    scene = Scene(how={"a": {"save_point": 1}, "c": {"undo": False, "no_effect": True}}, fails={"d": 1})
    play(scene.flow.run())
    assert scene.done[4:] == ["undo d", "undo b", "b", "c", "d"]


def test_a_failed_action_that_owes_nothing_is_called_again_at_once():
    scene = Scene(how={"c": {"save_point": 2}, "d": {"rollback_failed": False}}, fails={"d": 2})
    play(scene.flow.run())
    assert scene.done[3:] == ["d", "d", "d"]


def test_a_step_ends_where_the_run_goes_forward_again():
    async def main() -> None:
        scene = Scene(how={"c": {"save_point": 2}, "d": {"rollback_failed": False}}, fails={"d": 1})
        run = scene.flow.start()
        for _ in range(3):
            await run.step()
        assert told(await run.step()) == ["d RUNNING", "d FAILED", "run RECOVERING", "run RUNNING"]
        assert str(run.next) == "next: batch 4, 1 action: d"
        assert told(await run.step()) == ["d RUNNING", "d SUCCEEDED", "run SUCCEEDED"]

    play(main())


def test_stepping_through_a_recovery():
    async def main() -> None:
        scene = Scene(how={"a": {"save_point": True}}, fails={"c": 1})
        run = scene.flow.start()
        for _ in range(3):
            await run.step()
        assert run.state is RunState.RECOVERING
        assert str(run.next) == "next: back to the save point: rolling back batch 3 of 4: c"
        assert told(await run.step_action("c")) == ["c ROLLING_BACK", "c ROLLED_BACK"]
        with pytest.raises(
            StepError, match=r"'a' is succeeded, and it is not its turn. What can step now: b"
        ):
            await run.step_action("a")
        assert told(await run.step()) == ["b ROLLING_BACK", "b ROLLED_BACK", "run RUNNING"]
        assert str(run.next) == "next: batch 2, 1 action: b"
        assert await run.finish() == ["d"]

    play(main())


@pytest.mark.parametrize("stops", ["continue", "stop"])
def test_an_undo_that_fails_while_recovering_turns_it_into_a_whole_rollback(stops):
    async def main() -> None:
        scene = Scene(how={"a": {"save_point": 3}}, fails={"d": 1, "undo c": 1}, on_rollback_error=stops)
        run = scene.flow.start()
        assert await lost(run) == ["d", "the rollback of 'c' (batch 3) failed: Boom: undo c"]
        rest = ["undo b", "undo a"] if stops == "continue" else []
        assert scene.done[4:] == ["undo d", "undo c", *rest]
        assert "ROLLING_BACK the rollback of c failed: the save point cannot be reached" in run_states(run)
        assert run.state is RunState.ROLLBACK_INCOMPLETE

    play(main())


def test_a_pause_at_an_undo_that_fails_while_recovering_can_be_retried():
    async def main() -> None:
        scene = Scene(how={"a": {"save_point": 3}}, fails={"d": 1, "undo c": 1})
        run = scene.flow.start()
        await run.until("d")
        run.on_failure = "rollback"
        await run.step()
        run.on_failure = "pause"
        await run.go()
        assert run.state is RunState.RECOVERING
        assert run.undecided == ("c",)
        assert str(run.next) == "paused: the rollback of c failed; retry, or go on"
        await run.retry()
        assert await run.finish() == ["d"]
        assert scene.done[4:] == ["undo d", "undo c", "undo c", "undo b", "b", "c", "d"]

    play(main())


@pytest.mark.parametrize("how", ["cancel", "task", "rollback"])
def test_a_cancel_or_an_abort_while_recovering_becomes_a_whole_rollback(how):
    async def main() -> None:
        scene = Scene(how={"b": {"save_point": 3}}, fails={"d": 1})
        gate = scene.gate("undo d")
        run = scene.flow.start()
        task = asyncio.ensure_future(run.finish())
        await turns()
        assert run.state is RunState.RECOVERING
        if how == "task":
            task.cancel()
        else:
            asking = asyncio.ensure_future(getattr(run, how)())
        await turns()
        assert run.turning
        gate.open()
        with pytest.raises(DagaFlowError if how == "rollback" else asyncio.CancelledError):
            await task
        if how != "task":
            await asking
        assert scene.done == ["a", "b", "c", "d", "undo d", "undo c", "undo b", "undo a"]
        assert run_states(run)[-3:] == [
            "RECOVERING d failed: back to the save point after batch 2",
            f"ROLLING_BACK {'rolled back by request' if how == 'rollback' else 'cancelled'}",
            "ROLLED_BACK",
        ]

    play(main())


def test_an_abort_between_two_steps_of_a_recovery():
    async def main() -> None:
        scene = Scene(how={"b": {"save_point": 3}}, fails={"d": 1})
        run = scene.flow.start()
        for _ in range(5):
            await run.step()
        assert scene.take() == ["a", "b", "c", "d", "undo d"]
        await run.rollback()
        assert scene.take() == ["undo c", "undo b", "undo a"]
        assert await lost(run) == ["d"]

    play(main())


def test_a_run_in_a_recovery_cannot_be_released():
    async def main() -> None:
        scene = Scene(how={"b": {"save_point": 3}}, fails={"d": 1})
        run = scene.flow.start()
        for _ in range(5):
            await run.step()
        with pytest.raises(StepError, match="rolling back"):
            run.release()
        await run.finish()
        run.release()
        with pytest.raises(RunBusy, match="released"):
            await run.go()

    play(main())


def test_paused_at_a_failure_the_run_goes_back_to_its_save_point_when_it_is_let_go():
    async def main() -> None:
        scene = Scene(how={"b": {"save_point": 1}}, fails={"d": 1})
        run = scene.flow.start(on_failure="pause")
        await run.go()
        assert run.undecided == ("d",)
        run.on_failure = "rollback"
        assert await run.finish() == ["d"]
        assert scene.done[4:] == ["undo d", "undo c", "c", "d"]

    play(main())


def test_a_rollback_by_request_of_a_paused_run_passes_its_save_points():
    async def main() -> None:
        scene = Scene(how={"b": {"save_point": 1}}, fails={"d": 1})
        run = scene.flow.start(on_failure="pause")
        await run.go()
        await run.rollback()
        assert scene.done[4:] == ["undo d", "undo c", "undo b", "undo a"]

    play(main())


def test_what_was_skipped_stays_skipped_where_a_failed_action_is_not_undone():
    async def main() -> None:
        how = {"a": {"save_point": 1}}
        scene = Scene(how=how, fails={"c": 9, "d": 9}, rollback_failed=False)
        run = scene.flow.start(on_failure="pause")
        await run.go()
        run.skip("c", "by hand")
        run.on_failure = "rollback"
        assert await lost(run) == ["d"]
        assert scene.done[3:] == ["d", "undo b", "b", "d", "undo b", "undo a"]
        assert run.skipped == ("c",)
        assert run.results["c"] == "by hand"
        assert words(run) == {"a": "rolled back", "b": "rolled back", "c": "succeeded", "d": "failed"}
        assert run.state.word == "rolled back"

    play(main())


def test_eager_what_was_not_called_yet_when_the_run_turned_is_called_afterwards():
    """It was shown as running, and a sibling failed while the stepper dwelt."""

    class Dwelling:
        dwell = 5.0

        async def admit(self, ready: Any) -> Any:
            return ready.nodes

    async def main() -> None:
        edges = [("a", "bad"), ("a", "b"), ("b", "c")]
        scene = Scene(edges, how={"a": {"save_point": 1}}, fails={"bad": 1}, schedule="eager")
        run = scene.flow.start()
        await run.step()
        gate = scene.gate("bad")
        driving = asyncio.ensure_future(run.drive(Dwelling()))
        await asyncio.sleep(6)
        assert words(run) == {"a": "succeeded", "bad": "running", "b": "succeeded", "c": "running"}
        gate.open()
        await driving
        assert scene.done[:3] == ["a", "b", "bad"]
        assert set(scene.done[3:5]) == {"undo bad", "undo b"}
        assert scene.done[5:] in (["bad", "b", "c"], ["b", "bad", "c"])
        assert [str(event) for event in run.events if event.node == "c"] == [
            *["c RUNNING", "c ABANDONED", "c RUNNING", "c SUCCEEDED"]
        ]
        assert run.state.word == "succeeded"

    clocked(main())


def test_a_breakpoint_stops_each_time_that_the_run_comes_there():
    async def main() -> None:
        scene = Scene(how={"b": {"save_point": 2}}, fails={"d": 2})
        run = scene.flow.start()
        run.break_at("c")
        run.break_at("c", "rollback")
        stops = []
        while not run.state.ended:
            await run.go()
            stops.append(", ".join(map(str, run.stopped_at)))
        assert stops == [*["before c", "before the rollback of c"] * 2, "before c", ""]

    play(main())


def test_until_goes_through_a_recovery():
    async def main() -> None:
        scene = Scene(how={"a": {"save_point": 2}}, fails={"c": 1})
        run = scene.flow.start()
        await run.until("d")
        assert scene.done == ["a", "b", "c", "undo c", "undo b", "b", "c"]
        assert str(run.next) == "next: batch 4, 1 action: d"

    play(main())


def test_a_fork_may_go_back_to_a_save_point_but_undoes_nothing_that_it_inherited():
    async def main() -> None:
        scene = Scene(how={"a": {"save_point": 1}}, fails={})
        run = scene.flow.start()
        await run.finish()
        scene.take()
        scene.fails["d"] = 1
        forked = run.fork(3)
        assert await forked.finish() == ["d"]
        assert scene.take() == ["c", "d", "undo d", "undo c", "c", "d"]
        assert words(forked)["b"] == "succeeded"

    play(main())


def test_who_stops_the_process_does_not_go_forward_again():
    calls: list[str] = []

    async def a(results: Any) -> str:
        return "a"

    async def b(results: Any) -> None:
        calls.append("b")
        raise KeyboardInterrupt

    async def undo(results: Any) -> None:
        calls.append("undo")

    async def main() -> None:
        first, second = DagaAction(a, save_point=3), DagaAction(b)
        first.on_rollback(undo)
        second.on_rollback(undo)
        await DagaFlow([(first, second)]).run()

    loop = asyncio.new_event_loop()
    try:
        with pytest.raises(KeyboardInterrupt):
            loop.run_until_complete(main())
    finally:
        loop.close()
    assert calls == ["b", "undo", "undo"]
