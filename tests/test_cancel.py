"""Cancelling: at every moment, again, before, after, with threads and with calls that do not listen."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

import networkx as nx
import pytest
from gate import Gate, watched
from model import Saga
from strategies import MAY_NOT_FIRE, Plot, Told, ending, random_plot

from daga_nb import DagaAction, DagaFlow, DagaFlowError, FlowRun
from daga_nb.core.states import NodeState, RunState
from daga_nb.debug.stepper import Pacer
from daga_nb.engine import inflight
from daga_nb.errors import ActionInterrupted, RunAborted, RunBusy

# Eager tasks came with Python 3.12.
EAGER = [False, True] if sys.version_info >= (3, 12) else [False]


def make_eager(eager: bool) -> None:
    if eager:
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)  # type: ignore[attr-defined]


# ------------------------------------------------------------------ at every moment


def small_plots() -> list[Plot]:
    rng, found = Random(11), []
    while len(found) < 20:
        plot = random_plot(rng, threads=False)
        if 4 <= len(plot.saga.parents) <= 8 and plot.saga.abort_before is None:
            bare = {"planted": plot.planted, "max_parallel": plot.max_parallel, "seed": plot.seed}
            found.append(Plot(plot.saga, plot.places, **bare))
    return found


class Cancelled:
    """A plot that is cancelled after so many calls were let through, and then again at the next moments."""

    def __init__(self, plot: Plot, after: int, way: str, times: int = 1) -> None:
        self.gate = Gate()
        self.told = Told(plot, pause=self.gate.stop)
        self.run = self.told.flow.start(7, faults=self.told.faults)
        self.after, self.way, self.times = after, way, times
        self.commands: list[asyncio.Task[Any]] = []

    async def play(self) -> BaseException | None:
        limit = asyncio.timeout(None)
        task = asyncio.ensure_future(self._finish(limit))
        interrupted: set[str] | None = None
        while not task.done():
            waiting = await self.gate.settle()
            if task.done():
                break
            if len(self.gate.opened) >= self.after and self.times:
                self.times -= 1
                if interrupted is None:
                    interrupted = {name for kind, name in waiting if kind == "do"}
                self._cancel(task, limit)
                waiting = await self.gate.settle()
            if waiting:
                self.gate.open(waiting[0])
        assert interrupted is not None
        await asyncio.gather(*self.commands)
        for name in interrupted:
            self.told.errors.pop(name, None)
            assert isinstance(self.run.errors[name], ActionInterrupted)
            assert isinstance(self.run.errors[name].__cause__, asyncio.CancelledError)
        saga = Saga(**{**self.told.saga.__dict__, "fails": self.told.saga.fails | interrupted})
        self.told.judge(self.run, saga=saga, witness=True)
        try:
            await task
        except BaseException as error:
            return error
        return None

    def _cancel(self, task: asyncio.Future[Any], limit: asyncio.Timeout) -> None:
        if self.way == "task":
            task.cancel()
        elif self.way == "timeout":
            limit.reschedule(0)
        else:
            self.commands.append(asyncio.ensure_future(self.run.cancel()))

    async def _finish(self, limit: asyncio.Timeout) -> Any:
        async with limit:
            return await self.run.finish()


async def gates(plot: Plot) -> int:
    gate = Gate()
    told = Told(plot, pause=gate.stop)
    run = told.flow.start(7, faults=told.faults)
    await gate.conduct(ending(run), lambda waiting: waiting[0])
    return len(gate.opened)


@MAY_NOT_FIRE
@pytest.mark.parametrize(("way", "times"), [("task", 1), ("task", 3), ("run", 1), ("run", 2), ("timeout", 1)])
def test_cancelled_at_every_gate(way: str, times: int):
    async def sweep() -> int:
        tried = 0
        for plot in small_plots():
            for after in range(await gates(plot)):
                error = await Cancelled(plot, after, way, times).play()
                assert type(error) is (TimeoutError if way == "timeout" else asyncio.CancelledError), plot
                tried += 1
        return tried

    tried = watched(sweep())
    print(tried, "gates")
    assert tried > 120


@MAY_NOT_FIRE
@pytest.mark.parametrize("way", ["task", "run"])
def test_cancelled_at_every_turn_of_the_loop(way: str):
    """Not only where all stand still: between any two turns of the loop."""

    async def at_turn(plot: Plot, turn: int) -> bool:
        told = Told(plot)
        run = told.flow.start(7, faults=told.faults)
        task = asyncio.ensure_future(ending(run))
        for _ in range(turn):
            await asyncio.sleep(0)
        if task.done() or run.state.ended:
            await task
            return False
        if way == "task":
            task.cancel()
        else:
            await run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        if run.state is RunState.READY:
            assert (way, turn) == ("task", 0)  # its task had not begun
            return True
        cut = {name for name, error in run.errors.items() if isinstance(error, ActionInterrupted)}
        for name in cut:
            told.errors.pop(name, None)
        called = {name for kind, name in told.handed if kind == "do"}
        saga = {
            **plot.saga.__dict__,
            "fails": plot.saga.fails | cut,
            "never_called": plot.saga.never_called | (cut - called),
            "abort_before": 0 if not cut | {*run.errors} else None,
        }
        told.judge(run, saga=Saga(**saga), witness=True)
        return True

    async def sweep() -> int:
        turns = 0
        for plot in small_plots():
            turn = 0
            while await at_turn(plot, turn):
                turn += 1
            turns += turn
        return turns

    turns = watched(sweep())
    print(turns, "turns")
    assert turns > 300


# ---------------------------------------------------------------------- small flows


class Trip:
    """flight -> (hotel, car) -> pay, on a gate; `undone` and `done` name the calls in order."""

    def __init__(self, **options: Any) -> None:
        self.gate = Gate()
        self.done: list[str] = []
        self.undone: list[str] = []
        actions = {name: self._action(name) for name in ("flight", "hotel", "car", "pay")}
        edges = [("flight", "hotel"), ("flight", "car"), ("hotel", "pay"), ("car", "pay")]
        self.flow: DagaFlow[Any, Any] = DagaFlow([(actions[a], actions[b]) for a, b in edges], **options)
        self.run = self.flow.start()

    def _action(self, name: str) -> DagaAction[Any, Any]:
        async def act(results: Any) -> str:
            await self.gate.stop(("do", name))
            self.done.append(name)
            return name

        async def take_back(results: Any) -> None:
            await self.gate.stop(("undo", name))
            self.undone.append(name)

        action: DagaAction[Any, Any] = DagaAction(act, name=name)
        action.on_rollback(take_back)
        return action

    async def through(self, *names: str) -> None:
        for name in names:
            await self.gate.settle()
            self.gate.open(("do", name))
        await self.gate.settle()

    def states(self) -> str:
        return " ".join(state.value for state in self.run.states.values())


def test_cancelled_before_the_task_of_the_run_began():
    async def work() -> None:
        trip = Trip()
        task = asyncio.ensure_future(trip.run.finish())
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert trip.run.state is RunState.READY
        assert not trip.run.events

    watched(work())


def test_a_ready_run_is_cancelled():
    async def work() -> None:
        trip = Trip()
        events = await trip.run.cancel()
        assert [str(e) for e in events] == [
            "run ROLLING_BACK",
            *(f"{name} ABANDONED" for name in ("flight", "hotel", "car", "pay")),
            "run ROLLED_BACK",
        ]
        assert trip.done == trip.undone == []
        with pytest.raises(asyncio.CancelledError) as caught:
            await trip.run.finish()
        assert caught.value.__notes__ == [f"run {trip.run.id} of 'flow' was cancelled: rolled back"]
        assert await trip.run.step() == ()

    watched(work())


def test_a_paused_run_is_cancelled():
    async def work() -> None:
        trip = Trip()
        trip.gate.open_wide()
        await trip.run.step()
        await trip.run.step()
        events = await trip.run.cancel()
        assert trip.undone == ["hotel", "car", "flight"]
        assert str(events[0]) == "run ROLLING_BACK"
        assert events[0].reason == "cancelled"
        assert trip.states() == "ROLLED_BACK ROLLED_BACK ROLLED_BACK ABANDONED"
        with pytest.raises(asyncio.CancelledError):
            await trip.run.finish()

    watched(work())


def test_a_step_that_is_cancelled_rolls_the_whole_run_back():
    async def work() -> None:
        trip = Trip()
        step = asyncio.ensure_future(trip.run.step())
        await trip.through("flight")
        await step
        step = asyncio.ensure_future(trip.run.step_action("car"))
        await trip.gate.settle()
        step.cancel()
        await trip.gate.settle()
        trip.gate.open_wide()
        with pytest.raises(asyncio.CancelledError):
            await step
        assert trip.undone == ["car", "flight"]
        assert trip.states() == "ROLLED_BACK ABANDONED ROLLED_BACK ABANDONED"

    watched(work())


def test_a_run_held_by_a_pacer_is_cancelled():
    async def work() -> None:
        trip, pacer = Trip(), Pacer()
        drive = asyncio.ensure_future(trip.run.drive(pacer))
        await trip.gate.settle()
        pacer.pause()
        await trip.through("flight")
        await drive
        assert trip.run.next.actions == ("hotel", "car")
        trip.gate.open_wide()
        await trip.run.cancel()
        assert trip.undone == ["flight"]

    watched(work())


def test_a_run_that_ended_stays_as_it_is():
    async def work() -> None:
        trip = Trip()
        trip.gate.open_wide()
        assert await trip.run.finish() == ["pay"]
        assert await trip.run.cancel() == ()
        assert await trip.run.finish() == ["pay"]
        assert trip.undone == []
        await trip.run.rollback()
        assert trip.undone == ["pay", "hotel", "car", "flight"]
        assert await trip.run.cancel() == ()
        assert trip.run.state is RunState.ROLLED_BACK
        with pytest.raises(DagaFlowError) as caught:
            await trip.run.finish()
        assert [type(error) for error in caught.value.exceptions] == [RunAborted]

    watched(work())


def test_cancelled_between_shown_and_called():
    """A stepper dwells on what it shows as running: cancelled then, that is not called, nor undone."""

    async def work() -> None:
        trip = Trip()
        drive = asyncio.ensure_future(trip.run.drive(Pacer(delay=600)))
        await trip.gate.settle()
        assert trip.run.states["flight"] is NodeState.RUNNING
        assert not trip.gate.waiting
        drive.cancel()
        with pytest.raises(asyncio.CancelledError):
            await drive
        assert (trip.done, trip.undone) == ([], [])
        assert trip.states() == "ABANDONED ABANDONED ABANDONED ABANDONED"
        story = [(str(event), event.reason) for event in trip.run.events if event.node == "flight"]
        assert story[-1] == ("flight ABANDONED", "the run turned back before it was called")
        assert trip.run.state is RunState.ROLLED_BACK

    watched(work())


def test_a_rollback_that_is_shown_and_not_yet_called_is_called_all_the_same():
    async def work() -> None:
        trip = Trip()
        trip.gate.open_wide()
        await trip.run.step()
        drive = asyncio.ensure_future(trip.run.rollback(Pacer(delay=600)))
        await trip.gate.settle()
        assert trip.run.states["flight"] is NodeState.ROLLING_BACK
        assert trip.undone == []
        drive.cancel()
        with pytest.raises(asyncio.CancelledError):
            await drive
        assert trip.undone == ["flight"]

    watched(work())


def test_who_waits_for_another_driver_is_cancelled_alone():
    async def work() -> None:
        trip = Trip()
        drive = asyncio.ensure_future(trip.run.finish())
        other = asyncio.ensure_future(trip.run.finish())
        await trip.gate.settle()
        other.cancel()
        with pytest.raises(asyncio.CancelledError):
            await other
        trip.gate.open_wide()
        assert await drive == ["pay"]

    watched(work())


def test_everybody_who_awaits_a_cancelled_run_hears_of_it():
    async def work() -> None:
        trip = Trip()
        waiters = [asyncio.ensure_future(trip.run.finish()) for _ in range(3)]
        await trip.through("flight")
        command = asyncio.ensure_future(trip.run.cancel())
        await trip.gate.settle()
        trip.gate.open_wide()
        await command
        given = await asyncio.gather(*waiters, return_exceptions=True)
        assert [type(one) for one in given] == [asyncio.CancelledError] * 3
        assert trip.undone == ["car", "hotel", "flight"]

    watched(work())


def test_a_sibling_task_that_fails_takes_the_run_back_with_it():
    async def work() -> None:
        trip = Trip()

        async def sibling() -> None:
            await trip.through("flight", "car")
            trip.gate.open_wide()
            raise ValueError("the sibling's")

        async def both() -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(trip.run.finish())
                group.create_task(sibling())

        with pytest.raises(ExceptionGroup) as caught:
            await both()
        assert [str(error) for error in caught.value.exceptions] == ["the sibling's"]
        assert trip.undone == ["hotel", "car", "flight"]

    watched(work())


def test_the_errors_of_rollbacks_stand_in_the_notes_of_the_cancellation():
    async def work() -> None:
        told = Told(Plot(Saga({"a": (), "b": ("a",)}, undo_fails=frozenset("a"))))
        run = told.flow.start(7)
        await run.step()
        await run.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await run.finish()
        assert caught.value.__notes__ == [
            f"run {run.id} of 'flow' was cancelled: rollback incomplete",
            "the rollback of 'a' (batch 1) failed: Failure: undo a",
        ]

    watched(work())


def test_an_abort_drains_first():
    async def work() -> None:
        trip = Trip()
        finish = asyncio.ensure_future(trip.run.finish())
        await trip.through("flight", "car")
        abort = asyncio.ensure_future(trip.run.rollback())
        await trip.gate.settle()
        assert trip.run.states["hotel"] is NodeState.RUNNING
        assert trip.run.state is RunState.RUNNING
        trip.gate.open_wide()
        await abort
        assert trip.done == ["flight", "car", "hotel"]
        assert trip.undone == ["hotel", "car", "flight"]
        with pytest.raises(DagaFlowError):
            await finish

    watched(work())


@pytest.mark.parametrize("eager", EAGER)
@pytest.mark.parametrize("through", ["itself", "a task", "a thread"])
@pytest.mark.parametrize("command", ["cancel", "rollback", "finish"])
def test_an_action_that_would_wait_for_its_own_run_is_refused_and_nothing_is_half_done(
    command: str, through: str, eager: bool
):
    async def work() -> None:
        make_eager(eager)
        undone = []

        async def ask() -> None:
            await getattr(run, command)()

        async def selfish(results: Any) -> None:
            if through == "itself":
                await ask()
            elif through == "a task":
                await asyncio.wait_for(ask(), 10)
            else:
                await asyncio.to_thread(lambda: asyncio.run(ask()))

        async def other(results: Any) -> str:
            return "other"

        action: DagaAction[Any, Any] = DagaAction(selfish)
        action.on_rollback(lambda results, context: undone.append(context.outcome))
        run = DagaFlow([(other, action)]).start()
        with pytest.raises(DagaFlowError) as caught:
            await run.finish()
        (error,) = caught.value.exceptions
        assert type(error) is RunBusy
        assert "an action cannot wait for its own run" in str(error)
        assert undone == ["FAILED"]
        assert (
            run.events[5].reason == "selfish failed"
        )  # and not that it was cancelled, or rolled back by request

    watched(work())


@pytest.mark.parametrize("command", ["cancel", "rollback", "finish", "step"])
def test_a_call_from_another_event_loop_is_refused_and_nothing_is_half_done(command: str):
    async def work() -> None:
        trip = Trip()
        finish = asyncio.ensure_future(trip.run.finish())
        await trip.through("flight")
        before = len(trip.run.events)

        async def ask() -> None:
            await getattr(trip.run, command)()

        with pytest.raises(RunBusy):
            await asyncio.to_thread(lambda: asyncio.run(ask()))
        assert len(trip.run.events) == before
        trip.gate.open_wide()
        assert await finish == ["pay"]

    watched(work())


@pytest.mark.parametrize("eager", EAGER)
def test_a_cancel_in_the_first_slice_of_an_action_reaches_it(eager: bool):
    async def work() -> None:
        make_eager(eager)
        undone = []

        async def act(results: Any) -> None:
            cancel_soon()
            await asyncio.get_running_loop().create_future()

        def cancel_soon() -> None:
            finish.cancel()

        action: DagaAction[Any, Any] = DagaAction(act)
        action.on_rollback(lambda results: undone.append("act"))
        graph: nx.DiGraph[Any] = nx.DiGraph()
        graph.add_node(action)
        finish = asyncio.ensure_future(DagaFlow(graph).start().finish())
        with pytest.raises(asyncio.CancelledError):
            await finish
        assert undone == ["act"]

    watched(work())


# ------------------------------------------------------ calls that do not listen


def single(
    act: Callable[..., Any], take_back: Callable[..., Any] | None = None, **options: Any
) -> DagaFlow[Any, Any]:
    """Give first -> act, where `first` is undone into `first_undone` of the flow."""
    timeout = options.pop("rollback_timeout", None)
    undone: list[str] = []

    async def first(results: Any) -> str:
        return "first"

    before: DagaAction[Any, Any] = DagaAction(first, rollback_timeout=10)
    before.on_rollback(lambda results: undone.append("first"))
    action: DagaAction[Any, Any] = DagaAction(act, name="act", rollback_timeout=timeout)
    if take_back is not None:
        action.on_rollback(take_back)
    flow: DagaFlow[Any, Any] = DagaFlow([(before, action)], **options)
    flow.first_undone = undone  # type: ignore[attr-defined]
    return flow


async def until(run: FlowRun, node: str | None, state: str) -> None:
    """Wait until the run tells of it."""
    told = asyncio.Event()

    def hear(event: Any) -> None:
        if (event.node, event.state) == (node, state):
            told.set()

    with run.subscribe(hear):
        if not any((event.node, event.state) == (node, state) for event in run.events):
            await told.wait()


async def let_move() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def test_an_action_that_swallows_its_cancellation_and_gives_a_value_has_succeeded():
    async def work() -> None:
        handed = []

        async def stubborn(results: Any) -> str:
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                return "all the same"
            raise AssertionError

        async def take_back(results: Any, result: Any, context: Any) -> None:
            handed.append((result, context.outcome))

        flow = single(stubborn, take_back)
        run = flow.start()
        task = asyncio.ensure_future(run.finish())
        await until(run, "act", "RUNNING")
        await let_move()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert handed == [("all the same", "SUCCEEDED")]
        assert [str(e) for e in run.events][-7:-1] == [
            "act SUCCEEDED",
            "run ROLLING_BACK",
            "act ROLLING_BACK",
            "act ROLLED_BACK",
            "first ROLLING_BACK",
            "first ROLLED_BACK",
        ]

    watched(work())


class Deaf:
    """An action that goes on after each cancel, until it is released; `told` names what happened."""

    def __init__(self, rollback_timeout: float) -> None:
        self.release = asyncio.Event()
        self.told: list[Any] = []
        self.flow = single(self.act, self.take_back, rollback_timeout=rollback_timeout)
        self.flow.rollback_timeout = 0.01
        self.run = self.flow.start()

    async def act(self, results: Any) -> str:
        while not self.release.is_set():
            try:
                await self.release.wait()
            except asyncio.CancelledError:
                continue
        self.told.append("effect")
        return "too late"

    async def take_back(self, results: Any, result: Any, context: Any) -> None:
        self.told.append((result, context.outcome))

    async def cancelled(self) -> asyncio.Task[Any]:
        task = asyncio.ensure_future(self.run.finish())
        await until(self.run, "act", "RUNNING")
        await let_move()
        task.cancel()
        return task

    def story(self) -> list[str]:
        return [str(e.state) for e in self.run.events if e.node == "act"]


def test_an_action_that_swallows_its_cancellation_is_given_up_and_its_rollback_waits_for_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr(inflight, "_GRACE", 0.01)

    async def work() -> None:
        deaf = Deaf(rollback_timeout=30)
        task = await deaf.cancelled()
        await until(deaf.run, "act", "ROLLING_BACK")
        await let_move()
        assert deaf.told == []
        deaf.release.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert deaf.told == ["effect", ("too late", "UNKNOWN")]
        assert deaf.story() == ["RUNNING", "UNKNOWN", "ROLLING_BACK", "ROLLED_BACK"]
        assert deaf.flow.first_undone == ["first"]  # type: ignore[attr-defined]
        assert deaf.run.state is RunState.ROLLED_BACK

    with caplog.at_level(logging.ERROR):
        watched(work())
    assert [record.message for record in caplog.records] == [
        "the call of 'act' does not end, although it was cancelled"
    ]


def test_an_action_that_outlives_the_deadline_of_its_rollback_too_is_never_overtaken_by_it(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(inflight, "_GRACE", 0.01)

    async def work() -> None:
        before = asyncio.all_tasks()
        deaf = Deaf(rollback_timeout=0.01)
        task = await deaf.cancelled()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(asyncio.all_tasks() - before) == 1  # nothing can end it but itself
        assert deaf.story() == ["RUNNING", "UNKNOWN", "ROLLING_BACK", "ROLLBACK_FAILED"]
        assert deaf.run.events[-4].reason == (
            "TimeoutError: it did not end within 0.01 s; it was not called, because its action still runs"
        )
        assert deaf.flow.first_undone == ["first"]  # type: ignore[attr-defined]
        assert deaf.run.state is RunState.ROLLBACK_INCOMPLETE
        count = len(deaf.run.events)
        deaf.release.set()
        await let_move()
        assert deaf.told == ["effect"]
        assert len(deaf.run.events) == count

    watched(work())


def test_a_thread_that_ends_before_the_deadline_is_awaited():
    async def work() -> None:
        held, handed = threading.Event(), []

        def slow(results: Any) -> str:
            held.wait()
            return "done"

        flow = single(slow, lambda results, result, context: handed.append((result, context.outcome)))
        run = flow.start()
        task = asyncio.ensure_future(run.finish())
        await until(run, "act", "RUNNING")
        await let_move()
        task.cancel()
        await let_move()
        assert run.states["act"] is NodeState.RUNNING
        assert not handed
        held.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert handed == [("done", "SUCCEEDED")]
        assert flow.first_undone == ["first"]  # type: ignore[attr-defined]

    watched(work())


@pytest.mark.parametrize("max_parallel", [None, 1])
def test_a_thread_that_outlives_the_deadline_is_unknown_and_its_rollback_waits_for_it(
    max_parallel: int | None,
):
    async def work() -> None:
        held, handed = threading.Event(), []

        def slow(results: Any) -> str:
            held.wait()
            return "done after all"

        def take_back(results: Any, result: Any, context: Any) -> None:
            handed.append((result, context.outcome))

        flow = single(slow, take_back, rollback_timeout=30, max_parallel=max_parallel)
        flow.rollback_timeout = 0.02
        run = flow.start()
        task = asyncio.ensure_future(run.finish())
        await until(run, "act", "RUNNING")
        await let_move()
        task.cancel()
        await until(run, "act", "UNKNOWN")
        await until(run, "act", "ROLLING_BACK")
        await let_move()
        assert not handed
        assert flow.first_undone == []  # type: ignore[attr-defined]
        held.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert handed == [("done after all", "UNKNOWN")]
        assert flow.first_undone == ["first"]  # type: ignore[attr-defined]
        assert run.state is RunState.ROLLED_BACK

    watched(work())


@pytest.mark.parametrize("max_parallel", [None, 1])
def test_a_thread_that_never_ends_does_not_hold_up_the_rollback_of_others(max_parallel: int | None):
    async def work() -> None:
        held = threading.Event()

        def slow(results: Any) -> None:
            held.wait()

        flow = single(slow, lambda results: None, rollback_timeout=0.02, max_parallel=max_parallel)
        flow.rollback_timeout = 0.02
        run = flow.start()
        task = asyncio.ensure_future(run.finish())
        await until(run, "act", "RUNNING")
        await let_move()
        task.cancel()
        try:
            with pytest.raises(asyncio.CancelledError):
                await task
        finally:
            held.set()
        assert flow.first_undone == ["first"]  # type: ignore[attr-defined]
        late = run.rollback_errors["act"].error
        assert type(late) is TimeoutError
        assert str(late) == ("it did not end within 0.02 s; it was not called, because its action still runs")
        assert run.state is RunState.ROLLBACK_INCOMPLETE

    watched(work())


def test_what_waits_for_a_thread_is_never_called_once_the_run_is_cancelled():
    async def work() -> None:
        held, called, undone = threading.Event(), [], []
        graph: nx.DiGraph[Any] = nx.DiGraph()

        def action(number: int) -> DagaAction[Any, Any]:
            def slow(results: Any) -> None:
                called.append(number)
                held.wait()

            made: DagaAction[Any, Any] = DagaAction(slow, name=f"a{number}")
            made.on_rollback(lambda results: undone.append(number))
            return made

        graph.add_nodes_from(action(number) for number in range(4))
        run = DagaFlow(graph).start()
        run._driver.performer.threads._size = 2
        task = asyncio.ensure_future(run.finish())
        await until(run, "a3", "RUNNING")
        await let_move()
        task.cancel()
        await let_move()
        held.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert sorted(called) == [0, 1]
        assert sorted(undone) == [0, 1, 2, 3]
        assert list(run.errors) == ["a2", "a3"]

    watched(work())


# --------------------------------------------------------- rollbacks and deadlines


async def fails(results: Any) -> None:
    raise ValueError("the failure")


@pytest.mark.parametrize("kind", ["async", "thread"])
def test_a_rollback_has_a_deadline(kind: str):
    async def work() -> None:
        held = threading.Event()

        async def hangs(results: Any) -> None:
            await asyncio.get_running_loop().create_future()

        def hangs_in_a_thread(results: Any) -> None:
            held.wait()

        flow = single(fails, hangs if kind == "async" else hangs_in_a_thread, rollback_timeout=0.02)
        run = flow.start()
        try:
            with pytest.raises(DagaFlowError) as caught:
                await run.finish()
        finally:
            held.set()
        failure, late = caught.value.exceptions
        assert str(failure) == "the failure"
        assert type(late.__cause__) is TimeoutError
        still = "; its thread still runs" if kind == "thread" else ""
        assert str(late.__cause__) == f"it did not end within 0.02 s{still}"
        assert run.states["act"] is NodeState.ROLLBACK_FAILED
        assert flow.first_undone == ["first"]  # type: ignore[attr-defined]

    watched(work())


def test_a_rollback_that_swallows_its_deadline_is_given_up(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr(inflight, "_GRACE", 0.01)

    async def work() -> None:
        release = asyncio.Event()

        async def deaf(results: Any) -> None:
            while not release.is_set():
                try:
                    await release.wait()
                except asyncio.CancelledError:
                    continue

        flow = single(fails, deaf, rollback_timeout=0.01)
        run = flow.start()
        with pytest.raises(DagaFlowError) as caught:
            await run.finish()
        assert type(caught.value.exceptions[1].__cause__) is TimeoutError
        assert flow.first_undone == ["first"]  # type: ignore[attr-defined]
        release.set()
        await let_move()
        assert run.states["act"] is NodeState.ROLLBACK_FAILED

    with caplog.at_level(logging.ERROR):
        watched(work())
    assert len(caplog.records) == 1


def test_a_rollback_that_ends_its_work_when_its_deadline_strikes_is_through():
    async def work() -> None:
        async def quick_in_the_end(results: Any) -> str:
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                return "through"
            raise AssertionError

        run = single(fails, quick_in_the_end, rollback_timeout=0.01).start()
        with pytest.raises(DagaFlowError):
            await run.finish()
        assert run.states["act"] is NodeState.ROLLED_BACK
        assert run.rollback_results["act"] == "through"

    watched(work())


def test_a_cancel_that_comes_during_a_rollback_is_remembered():
    async def work() -> None:
        trip = Trip()
        finish = asyncio.ensure_future(trip.run.finish())
        await trip.through("flight")
        abort = asyncio.ensure_future(trip.run.rollback())
        await trip.through("hotel", "car")
        for _ in range(3):
            finish.cancel()
            await trip.gate.settle()
        assert not finish.done()
        assert sorted(trip.gate.waiting) == [("undo", "car"), ("undo", "hotel")]
        trip.gate.open_wide()
        with pytest.raises(asyncio.CancelledError):
            await finish
        await abort
        assert trip.undone == ["car", "hotel", "flight"]

    watched(work())


# --------------------------------------------------------------- ends of a process


@pytest.mark.parametrize("place", ["async", "thread", "loop", "rollback"])
@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_what_ends_the_process_is_rolled_back_first(kind: type[BaseException], place: str):
    def flow_of() -> tuple[DagaFlow[Any, Any], list[str]]:
        undone: list[str] = []

        async def act(results: Any) -> None:
            raise ValueError("first") if place == "rollback" else kind("now")

        def plain(results: Any) -> None:
            raise kind("now")

        def take_back(results: Any) -> None:
            undone.append("act")
            if place == "rollback":
                raise kind("now")

        flow = single(act if place in ("async", "rollback") else plain, take_back)
        if place == "loop":
            flow.plan.nodes[1].in_thread = False
            flow = DagaFlow([(flow.plan.nodes[0], flow.plan.nodes[1])])
            flow.first_undone = undone  # type: ignore[attr-defined]
        return flow, undone

    async def awaited() -> None:
        flow, undone = flow_of()
        run = flow.start()
        with pytest.raises(kind, match="now"):
            await run.finish()
        assert undone == ["act"]
        assert run.state is (RunState.ROLLBACK_INCOMPLETE if place == "rollback" else RunState.ROLLED_BACK)

    async def stepped() -> None:
        flow, undone = flow_of()
        run = flow.start()
        for _ in range(4):
            await run.step()
        assert undone == ["act"]
        carried = run.rollback_errors["act"] if place == "rollback" else run.errors["act"]
        assert type(carried.__cause__) is kind
        run = flow.start()
        await run.drive(Pacer())
        assert undone == ["act", "act"]

    watched(awaited())
    watched(stepped())


def python(script: str, *, interrupt: bool = False, times: int = 1) -> tuple[int, list[str], str]:
    """Run a script; `interrupt`: strike it with SIGINT when it says "ready"."""
    # A job in the background of a script ignores the interrupt, and what it starts inherits that.
    heed = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    process = subprocess.Popen(
        [sys.executable, "-X", "dev", "-W", "error", "-c", heed + script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONFAULTHANDLER": "1"},
    )
    assert process.stdout is not None
    if interrupt:
        for _ in range(times):
            while process.stdout.readline().strip() != "ready":
                assert process.poll() is None, process.communicate()
            process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    return process.returncode, out.split("\n")[:-1], err


SCRIPT = """
import asyncio, threading, time
from daga_nb import DagaAction, DagaFlow, DagaFlowError

@DagaAction
async def a(results):
    return "a"

@DagaAction
async def b(results):
    print("ready", flush=True)
    await asyncio.get_running_loop().create_future()

@a.on_rollback
async def undo_a(results):
    print("undo a", flush=True)

@b.on_rollback
async def undo_b(results):
    await asyncio.sleep(0)
    print("undo b", flush=True)

flow = DagaFlow([(a, b)])
"""


@pytest.mark.parametrize("how", ["asyncio.run(flow.run())", "flow.run_sync()"])
def test_a_real_interrupt_rolls_back_and_ends_with_keyboard_interrupt(how: str):
    code, out, err = python(SCRIPT + how, interrupt=True)
    assert out == ["undo b", "undo a"]
    assert err.rstrip().endswith("KeyboardInterrupt")
    assert "never" not in err
    assert code in (-signal.SIGINT, 130)


def test_further_interrupts_do_not_strike_the_rollback_of_run_sync():
    script = SCRIPT.replace(
        "    await asyncio.sleep(0)\n",
        "    print('ready', flush=True)\n    await asyncio.sleep(0.1)\n    print('ready', flush=True)\n"
        "    await asyncio.sleep(0.1)\n",
    )
    code, out, err = python(script + "flow.run_sync()", interrupt=True, times=3)
    assert out == ["undo b", "undo a"]
    assert err.rstrip().endswith("KeyboardInterrupt")
    assert code in (-signal.SIGINT, 130)


def test_an_interrupt_after_a_loop_was_made_re_entrant_rolls_back_too():
    """nest-asyncio2 replaces `asyncio.run` for the whole process; its own does not handle the interrupt."""
    nested = """
async def one(results):
    return 1

async def main():
    DagaFlow([(one, two)]).run_sync()

async def two(results):
    return 2

asyncio.run(main())
signal.signal(signal.SIGINT, signal.default_int_handler)
flow.run_sync()
"""
    code, out, err = python("import signal" + SCRIPT + nested, interrupt=True)
    assert out == ["undo b", "undo a"]
    assert err.rstrip().endswith("KeyboardInterrupt")
    assert code in (-signal.SIGINT, 130)


def test_what_ends_the_process_leaves_no_complaint_behind():
    script = SCRIPT.replace("    await asyncio.get_running_loop().create_future()", "    raise SystemExit(3)")
    code, out, err = python(script + "asyncio.run(flow.run())")
    assert out == ["ready", "undo b", "undo a"]
    assert (code, err) == (3, "")


def test_a_run_whose_loop_is_torn_down_is_rolled_back():
    code, out, err = python(
        SCRIPT
        + """
async def main():
    global task
    run = flow.start()
    task = asyncio.create_task(run.finish())
    while run.states["b"] != "RUNNING":
        await asyncio.sleep(0)
    await asyncio.sleep(0)

asyncio.run(main())
print(task.cancelled())
"""
    )
    assert out == ["ready", "undo b", "undo a", "True"]
    assert (code, err) == (0, "")


def test_run_sync_inside_a_running_loop():
    code, out, err = python(
        SCRIPT
        + """
async def c(results):
    return results[0] + 1

async def d(results):
    await asyncio.sleep(0)
    return DagaFlow([(c, c2)]).run_sync(results[0])

async def c2(results):
    return results[0] * 2

async def boom(results):
    raise ValueError("boom")

async def main():
    before = asyncio.all_tasks()
    print(DagaFlow([(c, d)]).run_sync(1))
    try:
        DagaFlow([(a, boom)]).run_sync()
    except DagaFlowError as error:
        print(repr(error.exceptions), error.run.state)
    print(asyncio.all_tasks() == before)

asyncio.run(main())
"""
    )
    assert out == ["[[6]]", "undo a", "(ValueError('boom'),) ROLLBACK_INCOMPLETE", "True"]
    assert (code, err) == (0, "")


def test_a_rollback_whose_task_is_cancelled_before_its_first_step_is_called_all_the_same():
    """Whoever cancels every task there is hits those of the rollback too."""

    async def work() -> None:
        trip = Trip()
        trip.gate.open_wide()
        await trip.run.step()
        begun, before = asyncio.Event(), asyncio.all_tasks()
        trip.run.subscribe(lambda event: event.state is NodeState.ROLLING_BACK and begun.set())
        abort = asyncio.ensure_future(trip.run.rollback())
        await begun.wait()
        struck = asyncio.all_tasks() - before
        assert len(struck) == 2
        for task in struck:
            task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await abort
        assert trip.undone == ["flight"]
        assert trip.run.state is RunState.ROLLED_BACK

    watched(work())


def test_awaitables_of_a_cancelled_run_leave_nothing_pending():
    async def work() -> None:
        trip = Trip()
        waits: list[Awaitable[Any]] = [asyncio.ensure_future(trip.run.finish()) for _ in range(2)]
        await trip.through("flight")
        commands = [asyncio.ensure_future(trip.run.cancel()) for _ in range(3)]
        await trip.gate.settle()
        trip.gate.open_wide()
        told = await asyncio.gather(*commands)
        assert [str(e) for e in told[0]] == [str(e) for e in told[1]] == [str(e) for e in told[2]]
        given = await asyncio.gather(*waits, return_exceptions=True)
        assert {type(one) for one in given} == {asyncio.CancelledError}

    watched(work())
