"""Timeouts of actions and of rollbacks, on a clock that the test moves; and those of threads."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import Any

from clock import clocked, now
from helpers import Boom, play, turns, words
from scene import chain, flaky, raised, reasons

from daga_nb import DagaAction, DagaFlow, Retries
from daga_nb.errors import ActionInterrupted


async def for_ever(results: Any) -> None:
    await asyncio.sleep(1000)


def test_an_async_action_that_takes_too_long_has_failed(done):
    async def main() -> None:
        slow = DagaAction(for_ever, timeout=2.5)
        slow.on_rollback(undo_slow)
        run = chain(flaky(done, "a", 0), slow).start()
        (error,) = await raised(run)
        assert type(error) is TimeoutError
        assert str(error) == "it did not end within 2.5 s"
        assert done == ["do a at 0", "undo slow at 2.5", "undo a at 2.5"]
        assert "for_ever FAILED 1: TimeoutError: it did not end within 2.5 s" in reasons(run)

    async def undo_slow(results: Any) -> None:
        done.append(f"undo slow at {now():g}")

    clocked(main())


def test_a_deadline_is_for_each_call_and_not_for_the_wait(done):
    async def main() -> None:
        slow = DagaAction(for_ever, no_effect=True, retries=Retries(2, wait=10, factor=1, on=TimeoutError))
        run = chain(slow, flaky(done, "b", 0), timeout=3.0).start()
        await raised(run)
        assert now() == 3 + 10 + 3 + 10 + 3
        assert [event.attempt for event in run.events if event.node == "for_ever"] == [1, 1, 2, 2, 3, 3]

    clocked(main())


def test_what_ends_in_time_is_not_struck_later(done):
    async def quick(results: Any) -> str:
        await asyncio.sleep(1)
        return "done"

    async def main() -> None:
        run = chain(DagaAction(quick, timeout=2), DagaAction(for_a_while, no_effect=True)).start()
        assert await run.finish() == ["rested"]
        assert now() == 11

    async def for_a_while(results: Any) -> str:
        await asyncio.sleep(10)
        return "rested"

    clocked(main())


def test_an_action_that_has_its_own_answer_to_a_timeout_keeps_it():
    async def tidy(results: Any) -> str:
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            raise Boom("tidied up") from None
        return "never"

    async def quick(results: Any) -> str:
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            return "just in time"
        return "never"

    async def main() -> None:
        one = chain(DagaAction(quick, timeout=1, no_effect=True), DagaAction(tidy, timeout=1, no_effect=True))
        run = one.start()
        (error,) = await raised(run)
        assert (type(error), str(error)) == (Boom, "tidied up")
        assert run.results["quick"] == "just in time"

    clocked(main())


def test_a_thread_that_takes_too_long_is_unknown_and_its_rollback_waits_for_it(done):
    go_on = threading.Event()

    def slow(results: Any) -> str:
        go_on.wait(20)
        done.append("the thread ends")
        return "late"

    def undo(results: Any, result: Any, context: Any) -> None:
        done.append(f"undo slow, {result}, {context.outcome}")

    async def main() -> None:
        action = DagaAction(slow, timeout=0.01, retries=5)
        action.on_rollback(undo)
        run = DagaFlow([(lambda results: 1, action)]).start()
        watch = run.subscribe(lambda event: str(event) == "slow ROLLING_BACK" and go_on.set())
        (error,) = await raised(run)
        watch.close()
        assert type(error) is TimeoutError
        assert str(error) == "it did not end within 0.01 s; its thread still runs"
        assert done == ["the thread ends", "undo slow, late, UNKNOWN"]
        assert [str(event) for event in run.events if event.node == "slow"] == [
            "slow RUNNING",
            "slow UNKNOWN",
            "slow ROLLING_BACK",
            "slow ROLLED_BACK",
        ]

    play(main())


def test_a_rollback_that_takes_too_long_has_failed_and_is_made_again(done):
    calls: list[float] = []

    async def stuck(results: Any) -> None:
        calls.append(now())
        if len(calls) == 1:
            await asyncio.sleep(1000)

    async def main() -> None:
        a = DagaAction(pay, rollback_timeout=4.0, rollback_retries=Retries(1, wait=2, on=TimeoutError))
        a.on_rollback(stuck)
        run = chain(a, flaky(done, "b", 1)).start()
        await raised(run)
        assert calls == [0, 6]
        assert run.state.word == "rolled back"
        assert "pay ROLLBACK_FAILED 1: TimeoutError: it did not end within 4 s" in reasons(run)

    async def pay(results: Any) -> str:
        return "paid"

    clocked(main())


def test_who_swallows_even_that_is_given_up_and_not_called_again():
    calls: list[str] = []
    let_go = asyncio.Event()

    async def stubborn(results: Any) -> None:
        calls.append("called")
        while not let_go.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await let_go.wait()

    async def main() -> None:
        run = chain(DagaAction(stubborn, timeout=2, retries=3, no_effect=True), pay).start()
        (error,) = await raised(run)
        assert isinstance(error, ActionInterrupted)
        assert now() == 3  # a second of grace
        assert words(run) == {"stubborn": "unknown", "pay": "abandoned"}
        assert calls == ["called"]
        let_go.set()
        await turns()

    async def pay(results: Any) -> str:
        return "paid"

    clocked(main())
