"""Pivots: from where on a run never turns back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from clock import clocked, now
from helpers import Boom, play, story, turns, words
from scene import Scene, lost

from daga_nb import DagaAction, DagaFlow, Fault, Retries
from daga_nb.core.states import RunState
from daga_nb.errors import StepError


def past(**more: Any) -> Scene:
    return Scene(how={"b": {"pivot": True}, **more.pop("how", {})}, **more)


def test_past_its_pivot_a_run_stands_where_it_fails_and_goes_on_when_it_was_mended():
    async def main() -> None:
        scene = past(fails={"c": 1})
        run = scene.flow.start()
        assert await lost(run) == ["c"]
        assert scene.done == ["a", "b", "c"]
        assert (run.state, run.pivot, run.undecided) == (RunState.RUNNING, "b", ("c",))
        assert str(run.next) == (
            "paused: c failed, and past the pivot b there is no way back; retry, or skip with a value"
        )
        assert await lost(run) == ["c"]  # nothing has changed
        await run.retry()
        assert await run.finish() == ["d"]
        assert scene.done == ["a", "b", "c", "c", "d"]
        assert story(run)[-1] == "run SUCCEEDED"

    play(main())


def test_past_its_pivot_a_failed_action_can_be_skipped():
    async def main() -> None:
        scene = past(fails={"c": 1})
        run = scene.flow.start()
        await lost(run)
        run.skip("c", "by hand")
        assert await run.finish() == ["d"]
        assert run.results["c"] == "by hand"

    play(main())


def test_past_its_pivot_a_run_is_not_rolled_back_by_request_not_even_at_its_end():
    async def main() -> None:
        scene = past(fails={"c": 1})
        run = scene.flow.start()
        await lost(run)
        with pytest.raises(StepError, match="passed the pivot 'b'"):
            await run.rollback()
        await run.retry()
        await run.finish()
        with pytest.raises(StepError, match="passed the pivot 'b'"):
            await run.rollback()
        assert scene.done == ["a", "b", "c", "c", "d"]
        assert run.state is RunState.SUCCEEDED

    play(main())


def test_before_its_pivot_a_run_is_rolled_back_as_ever():
    async def main() -> None:
        for bad in ("a", "b"):
            scene = past(fails={bad: 1})
            run = scene.flow.start()
            assert await lost(run) == [bad]
            assert (
                scene.done == ["a", "b"][: "ab".index(bad) + 1] + ["undo b", "undo a"][1 - "ab".index(bad) :]
            )
            assert run.pivot is None
            assert run.state is RunState.ROLLED_BACK

    play(main())


def test_retries_go_on_past_the_pivot():
    async def main() -> None:
        scene = past(fails={"c": 3}, how={"c": {"retries": 3}})
        assert await scene.flow.run() == ["d"]

    play(main())


def test_a_sibling_that_has_failed_keeps_nobody_from_his_retries_past_the_pivot():
    async def main() -> None:
        edges = [("p", "bad"), ("p", "c"), ("bad", "d"), ("c", "d")]
        how = {"p": {"pivot": True}, "c": {"retries": Retries(2, wait=3)}}
        scene = Scene(edges, how=how, fails={"bad": 1, "c": 2})
        run = scene.flow.start()
        assert await lost(run) == ["bad"]
        assert scene.done == ["p", "bad", "c", "c", "c"]
        assert now() == 9
        await run.retry()
        assert await run.finish() == ["d"]

    clocked(main())


SIBLINGS = [("a", "p"), ("a", "bad"), ("p", "d"), ("bad", "d")]


@pytest.mark.parametrize("first", ["p", "bad"])
def test_a_pivot_counts_whether_its_sibling_fails_before_or_after_it(first):
    async def main() -> None:
        scene = Scene(SIBLINGS, how={"p": {"pivot": True}}, fails={"bad": 1})
        gates = {name: scene.gate(name) for name in ("p", "bad")}
        run = scene.flow.start()
        task = asyncio.ensure_future(lost(run))
        await turns()
        gates.pop(first).open()
        await turns()
        assert scene.done == ["a", first]
        (last,) = gates.values()
        last.open()
        assert await task == ["bad"]
        assert (run.pivot, run.undecided, run.state) == ("p", ("bad",), RunState.RUNNING)
        assert scene.done == ["a", first, "bad" if first == "p" else "p"]
        await run.retry()
        assert await run.finish() == ["d"]

    play(main())


def test_a_pivot_that_fails_while_its_failed_sibling_drains_is_none():
    async def main() -> None:
        scene = Scene(SIBLINGS, how={"p": {"pivot": True}}, fails={"bad": 1, "p": 1})
        run = scene.flow.start()
        assert sorted(await lost(run)) == ["bad", "p"]
        assert run.pivot is None
        assert run.state is RunState.ROLLED_BACK
        assert scene.done[-1] == "undo a"

    play(main())


@pytest.mark.parametrize("how", ["rollback", "cancel"])
def test_an_abort_comes_too_late_if_the_pivot_succeeds_meanwhile(how):
    async def main() -> None:
        scene = Scene(SIBLINGS, how={"p": {"pivot": True}})
        gate = scene.gate("bad")
        run = scene.flow.start()
        task = asyncio.ensure_future(run.finish())
        await turns()  # p has succeeded, bad runs
        if how == "rollback":
            with pytest.raises(StepError, match="passed the pivot 'p'"):
                await run.rollback()
            gate.open()
            assert await task == ["d"]
            return
        asking = asyncio.ensure_future(run.cancel())
        with pytest.raises(asyncio.CancelledError):
            await task
        await asking
        assert run.state is RunState.RUNNING
        assert run.undecided == ("bad",)  # it was cancelled
        gate.open()
        await run.retry()
        assert await run.finish() == ["d"]
        assert "undo" not in " ".join(scene.done)

    play(main())


def test_an_abort_while_the_pivot_runs_waits_for_it_and_is_refused_if_it_succeeds():
    async def main() -> None:
        scene = past()
        gate = scene.gate("b")
        run = scene.flow.start()
        task = asyncio.ensure_future(run.finish())
        await turns()
        asking = asyncio.ensure_future(run.rollback())
        await turns()
        gate.open()
        with pytest.raises(StepError, match="passed the pivot 'b'"):
            await asking
        assert await task == ["d"]
        assert not run.turning

    play(main())


def test_cancelled_past_its_pivot_a_run_stands_still_and_finish_goes_on():
    async def main() -> None:
        scene = past()
        gate = scene.gate("c")
        run = scene.flow.start()
        task = asyncio.ensure_future(run.finish())
        await turns()
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        assert caught.value.__notes__[0].endswith(
            "was cancelled: it has passed 'b', and is not rolled back; finish() goes on"
        )
        assert words(run) == {"a": "succeeded", "b": "succeeded", "c": "failed", "d": "pending"}
        gate.open()
        await run.retry()
        assert await run.finish() == ["d"]

    play(main())


def test_cancelled_past_its_pivot_between_two_steps():
    async def main() -> None:
        scene = past()
        run = scene.flow.start()
        await run.step()
        await run.step()
        assert await run.cancel() == ()
        assert str(run.next) == "next: batch 3, 1 action: c"
        assert await run.finish() == ["d"]

    play(main())


def test_cancelled_past_its_pivot_in_the_moment_before_a_call():
    """What was shown as running and not called is called when the run goes on."""

    class Dwelling:
        dwell = 5.0

        async def admit(self, ready: Any) -> Any:
            return ready.nodes

    async def main() -> None:
        scene = past()
        run = scene.flow.start()
        await run.step()
        await run.step()
        driving = asyncio.ensure_future(run.drive(Dwelling()))
        await asyncio.sleep(2)
        assert words(run)["c"] == "running"
        await run.cancel()
        await asyncio.wait({driving})
        assert scene.done == ["a", "b"]
        assert run.state is RunState.RUNNING
        assert await run.finish() == ["d"]
        assert [str(event) for event in run.events if event.node == "c"] == [
            *["c RUNNING", "c ABANDONED", "c RUNNING", "c SUCCEEDED"]
        ]

    clocked(main())


def test_an_interrupt_past_the_pivot_is_raised_and_the_run_can_still_go_on():
    again: list[str] = []

    async def pay(results: Any) -> str:
        return "paid"

    async def ship(results: Any) -> str:
        again.append("ship")
        if len(again) == 1:
            raise KeyboardInterrupt
        return "shipped"

    run = DagaFlow([(DagaAction(pay, pivot=True, no_effect=True), DagaAction(ship, no_effect=True))]).start()
    loop = asyncio.new_event_loop()
    try:
        with pytest.raises(KeyboardInterrupt):
            loop.run_until_complete(run.finish())
        loop.run_until_complete(run.retry())
        assert loop.run_until_complete(run.finish()) == ["shipped"]
    finally:
        loop.close()


def test_a_fork_inherits_the_pivot_that_was_passed():
    async def main() -> None:
        scene = past()
        run = scene.flow.start()
        await run.finish()
        scene.take()
        before, after = run.fork(2), run.fork(3)
        assert (before.pivot, after.pivot) == (None, "b")
        scene.fails["c"] = 2
        assert await lost(after) == ["c"]
        assert after.state is RunState.RUNNING
        with pytest.raises(StepError, match="passed the pivot 'b'"):
            await after.rollback()
        assert scene.take() == ["c"]
        assert await lost(before) == ["c"]
        assert scene.take() == ["b", "c"]

    play(main())


def test_a_fork_that_is_past_the_pivot_can_be_cancelled_before_it_begins():
    async def main() -> None:
        scene = past()
        run = scene.flow.start()
        await run.finish()
        forked = run.fork(3)
        await forked.cancel()
        assert await forked.finish() == ["d"]

    play(main())


def test_one_action_alone_passes_no_pivot():
    async def main() -> None:
        scene = past()
        alone = await scene.flow.try_action("b", ["a"])
        assert alone.pivot is None
        await alone.rollback()
        assert scene.done == ["b", "undo b"]

    play(main())


def test_a_save_point_after_the_pivot_still_serves_and_one_before_it_does_not():
    async def main() -> None:
        how = {"a": {"save_point": 5}, "b": {"pivot": True}, "c": {"save_point": 1}}
        scene = Scene(how=how, fails={"d": 2})
        run = scene.flow.start()
        assert await lost(run) == ["d"]
        assert scene.done[3:] == ["d", "undo d", "d"]
        assert run.undecided == ("d",)
        await run.retry()
        assert run.state is RunState.SUCCEEDED

    play(main())


def test_past_the_pivot_an_undo_that_fails_while_recovering_makes_the_run_stand():
    async def main() -> None:
        how = {"b": {"pivot": True, "save_point": 1}}
        scene = Scene(how=how, fails={"d": 1, "undo d": 2})
        run = scene.flow.start()
        assert await lost(run) == ["d", "the rollback of 'd' (batch 4) failed: Boom: undo d"]
        assert (run.state, run.undecided) == (RunState.RECOVERING, ("d",))
        assert str(run.next) == (
            "paused: the rollback of d failed, and past the pivot b there is no way back; retry"
        )
        with pytest.raises(StepError, match="cannot be skipped"):
            run.skip("d")
        await run.retry()
        assert run.undecided == ("d",)
        await run.retry()
        assert await run.finish() == ["d"]
        assert scene.done[4:] == ["undo d", "undo c", "undo d", "undo d", "c", "d"]

    play(main())


def test_a_planted_failure_past_the_pivot_can_be_taken_out():
    async def main() -> None:
        scene = past()
        run = scene.flow.start(faults=[Fault.raising(Boom("planted"), at="c")])
        assert await lost(run) == ["planted"]
        run.clear_faults()
        await run.retry()
        assert await run.finish() == ["d"]

    play(main())
