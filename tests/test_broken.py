"""An engine that is struck, or cannot write its story: nothing is forgotten, called twice, or spun on."""

import asyncio
import gc
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from helpers import Boom, Gate, flow_of, play, told, turns

from daga_nb import DagaFlowError, Fault, FlowRun, list_runs
from daga_nb.core.events import Event
from daga_nb.core.states import RunState
from daga_nb.debug.stepper import Pacer
from daga_nb.errors import RunBusy, StepError

HOW: dict[str, dict[str, dict[str, Any]]] = {
    "succeeds": {},
    "fails": {"d": {"fails": Boom("no")}},
    "keeps": {"d": {"fails": Boom("no")}, "b": {"undo": False}, "c": {"undo": False, "no_effect": True}},
}


def kept(how: str) -> set[str]:
    return {name for name, options in HOW[how].items() if not options.get("undo", True)}


class Disk:
    """Stands between the run and its story: each write from the n-th to the m-th fails."""

    def __init__(self, run: FlowRun, first: int, last: int, error: type[BaseException]) -> None:
        self.first, self.last, self.error = first, last, error
        self.writes, self.when = 0, "before"
        recorder = run._driver.recorder
        self._write: Callable[..., None] = recorder.machine.apply
        recorder.machine = Machine(recorder.machine, self)

    def write(self, event: Event) -> None:
        self.writes += 1
        if self.when == "after":
            self._write(event)
        if self.first <= self.writes <= self.last:
            raise self.error("the disk is full")
        if self.when == "before":
            self._write(event)


class Machine:
    """The machine of a run, with another `apply`."""

    def __init__(self, machine: Any, disk: Disk) -> None:
        self._machine, self.apply = machine, disk.write

    def __getattr__(self, name: str) -> Any:
        return getattr(self._machine, name)


async def end(run: FlowRun) -> list[BaseException]:
    """Finish a run, again while its story cannot be written; give what was raised before the end."""
    raised: list[BaseException] = []
    for _ in range(20):
        try:
            await run.finish()
        except DagaFlowError:
            return raised
        except BaseException as error:
            raised.append(error)
            left = asyncio.all_tasks() - {asyncio.current_task()}
            if isinstance(error, Exception):
                assert not left, f"tasks left behind: {left}"
        else:
            return raised
    raise AssertionError(f"it never ends: {told(run.events)}")


def ended_without(how: str, done: list[str]) -> tuple[list[str], list[str], RunState, int]:
    run = flow_of(done, how=HOW[how]).start()
    play(end(run))
    return sorted(done), sorted(told(run.events)), run.state, len(run.events)


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("how", HOW)
def test_a_story_that_cannot_be_written_for_a_while_is_written_on_later(done, how, times):
    calls, story, state, writes = ended_without(how, [])
    for first in range(1, writes + 1):
        done.clear()
        run = flow_of(done, how=HOW[how]).start()
        disk = Disk(run, first, first + times - 1, OSError)
        raised = play(end(run))
        assert [str(error) for error in raised] == ["the disk is full"] * times, first
        assert disk.writes == writes + times
        assert sorted(done) == calls
        assert (sorted(told(run.events)), run.state) == (story, state)


@pytest.mark.parametrize("how", HOW)
def test_while_the_story_cannot_be_written_nothing_is_called(done, how):
    _, _, _, writes = ended_without(how, [])
    for first in range(1, writes + 1):
        done.clear()
        run = flow_of(done, how=HOW[how]).start()
        disk = Disk(run, first, 10**6, OSError)
        for _ in range(3):
            with pytest.raises(OSError, match="the disk is full"):
                play(run.finish())
        with pytest.raises(OSError, match="the disk is full"):
            play(run.rollback())
        called, written = list(done), told(run.events)
        assert len(written) == first - 1
        with pytest.raises(OSError, match="the disk is full"):
            play(run.cancel())
        assert (done, told(run.events)) == (called, written)
        disk.last = 0
        with pytest.raises(asyncio.CancelledError):
            play(run.finish())
        assert run.state.ended
        undone = [line.removeprefix("undo ") for line in done if line.startswith("undo")]
        assert len(undone) == len(set(undone))
        acted = {line.removeprefix("do ") for line in done if line.startswith("do")}
        assert acted - set(undone) <= kept(how)


@pytest.mark.parametrize("how", HOW)
def test_an_interrupt_that_strikes_the_engine_leaves_a_run_that_can_be_rolled_back(done, how):
    """On a bare loop it leaves the loop at once. Nothing is spun on, called twice, or left running."""
    _, _, _, writes = ended_without(how, [])
    for first in range(1, writes + 1):
        done.clear()
        run = flow_of(done, how=HOW[how]).start()
        Disk(run, first, first, KeyboardInterrupt)
        loop = asyncio.new_event_loop()
        try:
            with pytest.raises(KeyboardInterrupt):
                loop.run_until_complete(run.finish())
            assert not run.busy
            loop.run_until_complete(asyncio.wait_for(run.rollback(), 10))
            assert not asyncio.all_tasks(loop)
        finally:
            loop.close()
        assert run.state.ended
        assert len(done) == len(set(done)), "something was called twice"
        acted = [line.removeprefix("do ") for line in done if line.startswith("do")]
        undone = {line.removeprefix("undo ") for line in done if line.startswith("undo")}
        assert set(acted) - kept(how) <= undone
        batches = [{"a": 0, "b": 1, "c": 1, "d": 2}[line[-1]] for line in done if line.startswith("undo")]
        assert batches == sorted(batches, reverse=True)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("how", HOW)
def test_where_the_engine_was_struck_the_journal_has_no_hole(done, how, when, tmp_path):
    _, _, _, writes = ended_without(how, [])
    for first in range(1, writes + 1):
        run = flow_of(done, how=HOW[how]).start(journal=tmp_path / f"{first}.db")
        disk = Disk(run, first, first, KeyboardInterrupt)
        disk.when = when
        loop = asyncio.new_event_loop()
        try:
            with pytest.raises(KeyboardInterrupt):
                loop.run_until_complete(run.finish())
            loop.run_until_complete(run.rollback())
        finally:
            loop.close()
        (kept,) = list_runs(tmp_path / f"{first}.db")
        assert kept.story.events == tuple(run.events), first


def test_an_interrupt_in_an_observer_is_raised_when_all_have_been_told(done):
    run = flow_of(done).start()
    heard: list[str] = []

    def struck(event: Event) -> None:
        if str(event) == "b SUCCEEDED":
            raise KeyboardInterrupt

    run.subscribe(struck)
    run.subscribe(lambda event: heard.append(str(event)))
    loop = asyncio.new_event_loop()
    with pytest.raises(KeyboardInterrupt):
        loop.run_until_complete(run.finish())
    loop.run_until_complete(run.rollback())
    loop.close()
    assert heard == told(run.events)
    assert done == ["do a", "do b", "do c", "undo b", "undo c", "undo a"]


def test_what_stood_still_on_a_loop_that_was_closed_is_unknown_and_rolled_back(done):
    async def strike() -> None:
        asyncio.get_running_loop().call_soon(interrupt)
        await asyncio.get_running_loop().create_future()

    def interrupt() -> None:
        raise KeyboardInterrupt

    run = flow_of(done, how={"c": {"before": strike}}).start()
    loop = asyncio.new_event_loop()
    with pytest.raises(KeyboardInterrupt):
        loop.run_until_complete(run.finish())
    for task in asyncio.all_tasks(loop):
        task._log_destroy_pending = False  # type: ignore[attr-defined]
    assert run.busy
    loop.close()
    assert not run.busy
    play(run.rollback())
    assert run.state is RunState.ROLLED_BACK
    assert [str(event) for event in run.events if event.node == "c"] == [
        "c RUNNING",
        "c UNKNOWN",
        "c ROLLING_BACK",
        "c ROLLED_BACK",
    ]
    assert done == ["do a", "do b", "undo b", "undo c", "undo a"]


def test_what_is_in_flight_on_another_loop_is_refused(done):
    async def hang() -> None:
        await asyncio.get_running_loop().create_future()

    run = flow_of(done, how={"c": {"before": hang}}).start()
    Disk(run, 6, 6, KeyboardInterrupt)
    loop = asyncio.new_event_loop()
    with pytest.raises(KeyboardInterrupt):
        loop.run_until_complete(run.finish())
    with pytest.raises(RunBusy, match="in flight on another event loop"):
        play(run.rollback())
    loop.run_until_complete(run.cancel())
    loop.close()
    assert done == ["do a", "do b", "undo b", "undo c", "undo a"]


def test_a_bug_of_the_engine_ends_the_call_with_that_error_and_never_spins(done, monkeypatch):
    run = flow_of(done).start()

    def broken(node: int, error: BaseException) -> None:
        raise MemoryError("a bug")

    monkeypatch.setattr(run._driver.outcomes, "_carried", broken)
    run.inject(Fault.raising(Boom, at="b"))
    for call in (run.finish, run.finish, run.rollback, run.step, run.cancel):
        with pytest.raises(MemoryError, match="a bug"):
            play(call())
    assert done == ["do a", "do c"]
    monkeypatch.undo()
    with pytest.raises(asyncio.CancelledError):
        play(run.finish())
    assert done == ["do a", "do c", "undo b", "undo c", "undo a"]


def test_a_loop_closed_under_a_dwelling_stepper_leaves_a_run_that_calls_each_action_once(done):
    run = flow_of(done).start()
    first, second = asyncio.new_event_loop(), asyncio.new_event_loop()
    task = first.create_task(run.drive(Pacer(7200)))
    first.run_until_complete(turns())
    assert [str(event) for event in run.events] == ["run RUNNING", "a RUNNING"]
    task._log_destroy_pending = False  # type: ignore[attr-defined]
    for other in asyncio.all_tasks(first):
        other._log_destroy_pending = False  # type: ignore[attr-defined]
    first.close()
    going = second.create_task(run.finish())
    second.run_until_complete(turns(2))
    del task, other
    gc.collect()
    assert second.run_until_complete(asyncio.wait_for(going, 10)) == ["d"]
    second.close()
    assert done == ["do a", "do b", "do c", "do d"]


def left_on_a_closed_loop(done: list[str]) -> tuple[FlowRun, asyncio.Task[Any]]:
    """Give a run whose action `c` stands still on a loop that was closed, and the task that drove it."""

    async def hang() -> None:
        await asyncio.get_running_loop().create_future()

    run = flow_of(done, how={"c": {"before": hang}}).start()
    loop = asyncio.new_event_loop()
    task = loop.create_task(run.finish())
    loop.run_until_complete(turns())
    for other in asyncio.all_tasks(loop):
        other._log_destroy_pending = False  # type: ignore[attr-defined]
    loop.close()
    return run, task


def test_what_was_lost_with_its_loop_is_the_error_of_the_run(done):
    run, task = left_on_a_closed_loop(done)
    with pytest.raises(DagaFlowError) as failed:
        play(run.finish())
    assert [str(error) for error in failed.value.exceptions] == [
        "'c': its event loop was closed before it ended"
    ]
    assert done == ["do a", "do b", "undo b", "undo c", "undo a"]
    del task


def test_a_run_whose_loop_was_closed_can_be_cancelled(done):
    run, task = left_on_a_closed_loop(done)
    play(run.cancel())
    assert run.state is RunState.ROLLED_BACK
    assert done == ["do a", "do b", "undo b", "undo c", "undo a"]
    del task


@pytest.mark.parametrize("where", ["do", "undo"])
def test_an_error_of_the_engine_around_a_call_is_the_outcome_of_that_call(done, monkeypatch, where):
    run = flow_of(done).start()

    async def broken(node: int) -> None:
        raise MemoryError("a bug")

    monkeypatch.setattr(run._driver.performer, where, broken)
    if where == "undo":
        run.inject(Fault.raising(Boom, at="d"))
    with pytest.raises(DagaFlowError) as failed:
        play(asyncio.wait_for(run.finish(), 10))
    assert "MemoryError: a bug" in run.events[2 if where == "do" else -2].reason
    assert failed.value.run is run


def test_what_ends_the_process_is_raised_also_if_a_cancel_comes_too(done):
    async def main() -> None:
        gate = Gate()
        run = flow_of(done, how={"d": {"fails": SystemExit(3)}, "a": {"before_undo": gate.wait}}).start()
        finish = asyncio.ensure_future(run.finish())
        await gate.reached.wait()
        finish.cancel()
        await turns()
        gate.open()
        with pytest.raises(SystemExit):
            await finish

    with pytest.raises(SystemExit):
        play(main())
    assert done[-4:] == ["undo d", "undo b", "undo c", "undo a"]


def test_a_stepper_that_is_cancelled_or_fails_late_is_refused_and_heard(done):
    class Cancelled:
        dwell = 0.0

        async def admit(self, ready: Any) -> Any:
            raise asyncio.CancelledError

    class Late:
        dwell = 0.0

        async def admit(self, ready: Any) -> Any:
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                raise ValueError("late")

    run = flow_of(done).start()
    with pytest.raises(StepError, match="the stepper was cancelled, and not by this run"):
        play(run.drive(Cancelled()))
    assert run.state is RunState.READY

    async def main() -> None:
        unheard: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: unheard.append(context))
        driving = asyncio.ensure_future(run.drive(Late()))
        await turns()
        await run.cancel()
        with suppress(asyncio.CancelledError):
            await driving
        gc.collect()
        await turns()
        assert unheard == []

    play(main())


def test_a_stepper_may_admit_with_a_generator(done):
    class Lazy:
        dwell = 0.0

        async def admit(self, ready: Any) -> Any:
            return (node for node in ready.nodes)

    play(flow_of(done).start().drive(Lazy()))
    assert done == ["do a", "do b", "do c", "do d"]


@pytest.mark.parametrize("limit", [None, 1, 2])
def test_rollbacks_are_tried_again_once_also_if_the_story_cannot_be_written_meanwhile(done, limit):
    how = {name: {"undo_fails": Boom(name)} for name in "bcd"}

    def left_behind() -> FlowRun:
        run = flow_of(done, [("a", name) for name in "bcd"], how=how, max_parallel=limit).start()
        play(run.go())
        with pytest.raises(DagaFlowError):
            play(run.rollback())
        for name in "bcd":
            run.replace(name, rollback=lambda results, name=name: done.append(f"undo {name} again"))
        done.clear()
        return run

    for first in range(1, 9):
        run = left_behind()
        Disk(run, first, first, OSError)
        with pytest.raises(OSError, match="the disk is full"):
            play(run.retry())
        play(run.go())  # what was shown as under way is called
        if run.undecided:
            play(run.retry())
        assert sorted(done) == ["undo b again", "undo c again", "undo d again"], first
        assert run.state is RunState.ROLLED_BACK
    run = left_behind()
    disk = Disk(run, 9, 9, OSError)
    play(run.retry())
    assert disk.writes == 8
