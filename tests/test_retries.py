"""Retries of actions and of rollbacks, on a clock that the test moves."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from clock import clocked, now
from helpers import Boom, flow_of, play, story, told, turns, words
from scene import chain, flaky, raised, reasons

from daga_nb import DagaAction, DagaFlow, DagaFlowError, Fault, Retries
from daga_nb.errors import FlowDefinitionError

CHAIN = [("a", "b"), ("b", "c")]


# --------------------------------------------------------------------------- of an action


def test_a_call_that_fails_is_made_again_after_a_wait_that_grows(done):
    async def main() -> None:
        patient = Retries(4, wait=0.5, factor=3, at_most=4)
        run = chain(flaky(done, "a", 4, retries=patient), flaky(done, "b", 0)).start()
        assert await run.finish() == ["do b"]
        assert done == [*(f"do a at {at}" for at in ("0", "0.5", "2", "6", "10")), "do b at 10"]
        assert story(run) == [
            "run RUNNING",
            *["a RUNNING", "a FAILED"] * 4,
            *["a RUNNING", "a SUCCEEDED", "b RUNNING", "b SUCCEEDED"],
            "run SUCCEEDED",
        ]
        assert [event.reason for event in run.events if str(event) == "a RUNNING"] == [
            "",
            "retry 1 of 4, after 0.5 s",
            "retry 2 of 4, after 1.5 s",
            "retry 3 of 4, after 4 s",
            "retry 4 of 4, after 4 s",
        ]
        assert [event.attempt for event in run.events if event.node == "a"] == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
        assert not run.errors

    clocked(main())


def test_one_failure_more_than_there_are_retries_rolls_the_run_back(done):
    async def main() -> None:
        run = chain(flaky(done, "a", 0), flaky(done, "b", 9, retries=2), flaky(done, "c", 0)).start()
        (error,) = await raised(run)
        assert str(error) == "do b, 6 left"
        assert error.__notes__ == ["in action 'b', batch 2, attempt 3"]
        assert done == ["do a at 0", *["do b at 0"] * 3, "undo b at 0", "undo a at 0"]
        assert words(run) == {"a": "rolled back", "b": "rolled back", "c": "abandoned"}

    clocked(main())


@pytest.mark.parametrize(("kind", "calls"), [(TimeoutError, 1), (Boom, 3), (Exception, 3)])
def test_only_what_is_covered_is_tried_again(done, kind, calls):
    async def main() -> None:
        run = chain(flaky(done, "a", 2, retries=Retries(2, on=kind)), flaky(done, "b", 0)).start()
        await run.go()
        assert len([line for line in done if line.startswith("do a")]) == calls

    clocked(main())


def test_a_cancelled_error_of_its_own_is_covered_only_if_it_is_named(done):
    calls: list[int] = []

    async def odd(results: Any) -> str:
        calls.append(1)
        if len(calls) == 1:
            raise asyncio.CancelledError("its own")
        return "worked"

    async def main(on: Any) -> str:
        calls.clear()
        action = DagaAction(odd, no_effect=True, retries=Retries(1, on=on))
        run = chain(action, flaky(done, "b", 0)).start()
        await run.go()
        return run.state.word

    assert clocked(main(Exception)) == "rolled back"
    assert clocked(main(asyncio.CancelledError)) == "succeeded"


def test_the_flow_says_it_for_all_and_an_action_for_itself(done):
    async def main() -> None:
        flow = chain(flaky(done, "a", 2), flaky(done, "b", 1, retries=0), retries=2)
        run = flow.start()
        await run.go()
        assert done == [*["do a at 0"] * 3, "do b at 0", "undo b at 0", "undo a at 0"]

    clocked(main())


def test_each_attempt_has_its_number_and_all_have_one_key():
    seen: list[tuple[int, str]] = []

    async def pay(results: Any, context: Any) -> str:
        seen.append((context.attempt, context.key.partition("/")[2]))
        if len(seen) < 3:
            raise Boom
        return "paid"

    async def ship(results: Any) -> str:
        return "shipped"

    play(chain(DagaAction(pay, retries=2), ship).run())
    assert seen == [(1, "pay/do"), (2, "pay/do"), (3, "pay/do")]


@pytest.mark.parametrize("where", ["before", "after"])
def test_a_planted_failure_strikes_each_attempt(done, where):
    async def main() -> None:
        flow = chain(flaky(done, "a", 0), flaky(done, "b", 0, retries=2))
        run = flow.start(faults=[Fault.raising(Boom("planted"), at="b", where=where)])
        await run.go()
        called = 3 if where == "after" else 0
        assert done == ["do a at 0", *["do b at 0"] * called, "undo b at 0", "undo a at 0"]
        assert [event.attempt for event in run.events if str(event) == "b FAILED"] == [1, 2, 3]

    clocked(main())


def test_a_failure_of_a_sibling_withdraws_a_retry_that_waits(done):
    async def main() -> None:
        flow = DagaFlow(
            [
                (root := flaky(done, "root", 0), flaky(done, "a", 9, retries=Retries(5, wait=60))),
                (root, DagaAction(slow_failure, name="b", no_effect=True)),
            ]
        )
        run = flow.start()
        first, second = await raised(run)
        assert [str(first), str(second)] == ["do a, 8 left", "b"]
        assert now() == 2
        assert done == ["do root at 0", "do a at 0", "undo a at 2", "undo root at 2"]
        assert reasons(run)[1:4] == [
            "a RUNNING 2: retry 1 of 5, after 60 s",
            "b FAILED 1: Boom: b",
            "a FAILED 2: the run turned back before it was called",
        ]

    async def slow_failure(results: Any) -> None:
        await asyncio.sleep(2)
        raise Boom("b")

    clocked(main())


def test_the_run_that_turns_back_tries_nothing_again(done):
    """What fails while the run waits for it to end, fails for good."""

    async def fast(results: Any) -> None:
        raise Boom("fast")

    async def slow(results: Any) -> None:
        await asyncio.sleep(3)
        done.append("slow")
        raise Boom("slow")

    async def main() -> None:
        root = flaky(done, "root", 0)
        two = [DagaAction(fast, no_effect=True), DagaAction(slow, no_effect=True, retries=5)]
        run = DagaFlow([(root, one) for one in two]).start()
        assert [str(error) for error in await raised(run)] == ["fast", "slow"]
        assert done == ["do root at 0", "slow", "undo root at 3"]

    clocked(main())


@pytest.mark.parametrize("how", ["cancel", "task", "rollback"])
def test_cancel_and_abort_during_the_wait_before_a_retry(done, how):
    async def main() -> None:
        b = flaky(done, "b", 9, retries=Retries(3, wait=60))
        run = chain(flaky(done, "a", 0), b, flaky(done, "c", 0)).start()
        task = asyncio.ensure_future(run.finish())
        await asyncio.sleep(5)
        assert words(run) == {"a": "succeeded", "b": "running", "c": "pending"}
        if how == "task":
            task.cancel()
        else:
            await getattr(run, how)()
        with pytest.raises(DagaFlowError if how == "rollback" else asyncio.CancelledError):
            await task
        assert now() == 5
        assert done == ["do a at 0", "do b at 0", "undo b at 5", "undo a at 5"]
        back = ["b ROLLING_BACK", "b ROLLED_BACK", "a ROLLING_BACK", "a ROLLED_BACK", "run ROLLED_BACK"]
        assert story(run)[-8:] == ["b FAILED", "run ROLLING_BACK", "c ABANDONED", *back]
        assert "b FAILED 2: the run turned back before it was called" in reasons(run)
        assert str(run.errors["b"]) == "do b, 8 left"

    clocked(main())


def test_a_cancel_in_the_moment_in_which_the_wait_is_over(done):
    """The timer and the cancel fall into one turn of the loop: nothing is complained of, nothing called."""

    async def main() -> None:
        run = chain(flaky(done, "a", 9, retries=Retries(3, wait=5)), flaky(done, "b", 0)).start()
        task = asyncio.ensure_future(run.finish())
        asyncio.get_running_loop().call_at(5, run._driver.cancel)  # before the timer of the retry
        with pytest.raises(asyncio.CancelledError):
            await task
        assert done == ["do a at 0", "undo a at 5"]

    clocked(main())


def test_a_pause_comes_after_the_retries_and_one_by_hand_is_one_call(done):
    async def main() -> None:
        flow = chain(flaky(done, "a", 0), flaky(done, "b", 4, retries=2), flaky(done, "c", 0))
        run = flow.start(on_failure="pause")
        await run.go()
        assert run.undecided == ("b",)
        assert str(run.next) == "paused: b failed; retry, skip with a value, or roll back"
        await run.retry()
        assert run.undecided == ("b",)
        await run.retry()
        assert await run.finish() == ["do c"]
        assert done == ["do a at 0", *["do b at 0"] * 5, "do c at 0"]

    clocked(main())


def test_a_step_lasts_until_the_retries_are_through(done):
    async def main() -> None:
        root = flaky(done, "root", 0)
        b, c = flaky(done, "b", 2, retries=Retries(2, wait=1)), flaky(done, "c", 0)
        run = DagaFlow([(root, b), (root, c)]).start()
        await run.step()
        assert told(await run.step_action("b")) == [
            *["b RUNNING", "b FAILED"] * 2,
            "b RUNNING",
            "b SUCCEEDED",
        ]
        assert now() == 3
        assert str(run.next) == "next: batch 2, 1 action: c"
        await run.step()
        assert run.state.word == "succeeded"

    clocked(main())


def test_others_go_on_while_a_retry_waits_and_it_keeps_its_place(done):
    """A retry that waits counts as running: `max_parallel` holds."""

    async def main(limit: int | None) -> list[str]:
        done.clear()
        a, b = flaky(done, "a", 1, retries=Retries(1, wait=7)), flaky(done, "b", 0)
        root = flaky(done, "r", 0)
        await DagaFlow([(root, a), (root, b)], max_parallel=limit).run()
        return [line.rpartition(" at ")[0] for line in done]

    assert clocked(main(None)) == ["do r", "do a", "do b", "do a"]
    assert clocked(main(1)) == ["do r", "do a", "do a", "do b"]


def test_an_interrupt_is_not_tried_again(done):
    calls: list[str] = []

    async def stopped(results: Any) -> None:
        calls.append("called")
        raise KeyboardInterrupt

    async def main() -> None:
        action = DagaAction(stopped, no_effect=True, retries=Retries(3, on=BaseException))
        await chain(flaky(done, "a", 0), action).run()

    loop = asyncio.new_event_loop()
    try:
        with pytest.raises(KeyboardInterrupt):
            loop.run_until_complete(main())
    finally:
        loop.close()
    assert calls == ["called"]


# ----------------------------------------------------------------------- of a rollback


def test_a_rollback_that_fails_is_made_again_before_the_next_one_begins(done):
    async def main() -> None:
        patient = Retries(3, wait=1)
        b = flaky(done, "b", 0, undo_fails=2, rollback_retries=patient)
        run = chain(flaky(done, "a", 0), b, flaky(done, "c", 9)).start()
        await raised(run)
        assert done[3:] == ["undo c at 0", "undo b at 0", "undo b at 1", "undo b at 3", "undo a at 3"]
        assert run.state.word == "rolled back"
        assert not run.rollback_errors
        assert [reason for reason in reasons(run) if "retry" in reason] == [
            "b ROLLING_BACK 2: retry 1 of 3, after 1 s",
            "b ROLLING_BACK 3: retry 2 of 3, after 2 s",
        ]

    clocked(main())


@pytest.mark.parametrize(
    ("stops", "undone"),
    [("continue", ["undo b", "undo b", "undo a"]), ("stop", ["undo b", "undo b"])],
)
def test_a_rollback_that_fails_too_often_has_failed(done, stops, undone):
    async def main() -> None:
        flow = flow_of(
            done,
            CHAIN,
            how={"b": {"undo_fails": Boom("stuck")}, "c": {"fails": Boom("c"), "undo": False}},
            on_rollback_error=stops,
            rollback_retries=1,
        )
        run = flow.start()
        assert [str(error) for error in await raised(run)] == [
            "c",
            "the rollback of 'b' (batch 2) failed: Boom: stuck",
        ]
        assert done[3:] == undone
        assert run.state.word == "rollback incomplete"
        assert run.rollback_errors["b"].error.__notes__ == [
            "in the rollback of action 'b', batch 2, attempt 1",
            "in the rollback of action 'b', batch 2, attempt 2",
        ]

    clocked(main())


def test_nothing_else_of_the_rollback_begins_while_one_waits_to_be_made_again(done):
    async def main() -> None:
        flow = DagaFlow(
            [
                (root := flaky(done, "root", 0), b := flaky(done, "b", 0, undo_fails=1)),
                (root, c := flaky(done, "c", 0)),
                (b, last := flaky(done, "last", 9)),
                (c, last),
            ],
            max_parallel=1,
            rollback_retries=Retries(1, wait=10),
        )
        await raised(flow.start())
        assert done[4:] == [
            "undo last at 0",
            "undo b at 0",
            "undo b at 10",
            "undo c at 10",
            "undo root at 10",
        ]

    clocked(main())


@pytest.mark.parametrize(
    "options",
    [
        {"times": 1.0},
        {"times": 1, "wait": -1},
        {"times": 1, "wait": float("nan")},
        {"times": 1, "factor": 0.5},
        {"times": 1, "at_most": float("inf")},
        {"times": 1, "on": ()},
        {"times": 1, "on": "TimeoutError"},
        {"times": 1, "on": (TimeoutError, int)},
        {"times": 10**7},
    ],
)
def test_retries_that_make_no_sense_are_refused(options):
    with pytest.raises(FlowDefinitionError, match="retries: "):
        Retries(**options)


@pytest.mark.parametrize("factor", [2, 2.0, 3e9, 1])
def test_the_wait_never_grows_beyond_all_bounds(factor):
    patient = Retries(1_000_000, wait=1, factor=factor, at_most=9)
    assert patient.delay(1_000_000) == (1 if factor == 1 else 9)
    assert Retries(5000, factor=factor).delay(5000) == 0


def test_a_retry_that_waited_on_a_loop_that_was_closed_was_not_called(done):
    calls: list[int] = []

    async def flaky_once(results: Any) -> str:
        calls.append(1)
        raise Boom(f"call {len(calls)}")

    async def undo(results: Any) -> None:
        done.append("undo")

    action = DagaAction(flaky_once, retries=Retries(3, wait=60))
    action.on_rollback(undo)
    run = chain(action, flaky(done, "b", 0)).start()
    loop = asyncio.new_event_loop()
    driving = loop.create_task(run.go())
    loop.run_until_complete(turns())
    loop.close()  # with the wait in it
    play(run.go())
    assert run.state.word == "rolled back"
    assert [str(event) for event in run.events if event.node == "flaky_once"] == [
        *["flaky_once RUNNING", "flaky_once FAILED"] * 2,
        *["flaky_once ROLLING_BACK", "flaky_once ROLLED_BACK"],
    ]
    assert (len(calls), done) == (1, ["undo"])
    driving._log_destroy_pending = False  # type: ignore[attr-defined]
    for task in asyncio.all_tasks(loop):
        task._log_destroy_pending = False  # type: ignore[attr-defined]
