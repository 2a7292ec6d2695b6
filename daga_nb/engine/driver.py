"""The one loop of a run: ask what is ready, let the stepper decide, call, record, and turn back if need be.

Outcomes are values: no exception of an action leaves its call, so a failing action never cancels its
siblings. The order is fixed: the story first, then the machine, then the observers.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from logging import getLogger
from time import perf_counter, time
from typing import Any, Protocol

from daga_nb.core.events import Event
from daga_nb.core.machine import Machine, Policy, Ready, Undo
from daga_nb.core.plan import Plan
from daga_nb.core.states import NodeState, RunState, State
from daga_nb.engine.calls import ActionCall, Context, Target
from daga_nb.engine.executors import Threads
from daga_nb.engine.faults import Fault, FaultPlan
from daga_nb.errors import ActionInterrupted, RollbackError, RunBusy, add_note_once, describe

__all__ = ["FREE", "Driver", "Stepper"]

log = getLogger(__name__)

# How long after its deadline a rollback that swallows its cancellation is still waited for.
_GRACE = 1.0

_CAN_TURN_BACK = (RunState.READY, RunState.RUNNING, RunState.SUCCEEDED)


class Stepper(Protocol):
    """Who decides how many of the ready actions may go.

    Attributes
    ----------
    dwell
        Seconds between showing the admitted actions as running and calling them.
    """

    @property
    def dwell(self) -> float: ...  # noqa: D102

    async def admit(self, ready: Ready) -> Sequence[int]:
        """Give the nodes of `ready` that may start now; none to hold."""
        ...


class _Free:
    dwell = 0.0

    async def admit(self, ready: Ready) -> Sequence[int]:
        return ready.nodes


FREE: Stepper = _Free()
"""The stepper that holds nothing."""


class Driver:
    """Executes one run. `FlowRun` is its face; nothing else uses it."""

    def __init__(
        self,
        plan: Plan,
        calls: Sequence[ActionCall],
        policy: Policy,
        *,
        run_id: str,
        input: Any,
        faults: Iterable[Fault],
        max_parallel: int | None,
        rollback_timeout: float,
    ) -> None:
        undo = [call.undo for call in calls]
        self.plan = plan
        self.calls = calls
        self.machine = Machine(plan, undo, policy)
        self.faults = FaultPlan(plan, undo, faults)
        self.input = input
        self.run_id = run_id
        self.results: dict[int, Any] = {}
        self.errors: dict[int, Exception] = {}
        self.rollback_results: dict[int, Any] = {}
        self.rollback_errors: dict[int, RollbackError] = {}
        self.durations: dict[int, float] = {}
        self.rollback_durations: dict[int, float] = {}
        self.observers: list[Callable[[Event], object]] = []
        self.started_at: float | None = None
        self.driving = False
        self.closing = ""
        self.cancelled = False
        self.fatal: BaseException | None = None
        self._max_parallel = max_parallel
        self._rollback_timeout = rollback_timeout
        self._threads = Threads(max_parallel)
        self._in_thread: dict[int, concurrent.futures.Future[Any]] = {}
        self._tasks: dict[asyncio.Task[None], int] = {}
        self._overdue: set[int] = set()
        self._lost: set[int] = set()
        self._waiter: asyncio.Future[None] | None = None
        self._rest: asyncio.Future[None] | None = None
        self._broken: BaseException | None = None
        self._origin = 0.0
        self._stopped_at: float | None = None

    # ---------------------------------------------------------------- the loop

    async def drive(self, stepper: Stepper = FREE) -> tuple[Event, ...]:
        """Go on until the run ends, or the stepper holds and what runs has finished.

        Raises
        ------
        RunBusy
            If another call is driving.
        asyncio.CancelledError
            If the awaiting task was cancelled; then only after the rollback.
        """
        if self.driving:
            raise RunBusy("this run is being driven already: await that call, or hold it, first")
        self.driving = True
        first = len(self.machine.events)
        self._clock_on()
        cancelled: asyncio.CancelledError | None = None
        try:
            while True:
                try:
                    if not await self._advance(stepper):
                        break
                except asyncio.CancelledError as error:
                    # Remembered, not obeyed, until the rollback is through; then it goes on.
                    cancelled = cancelled or error
                    self.cancel()
                if self.cancelled:
                    stepper = FREE
        finally:
            self.driving = False
            self._stopped_at = perf_counter()
            if self._rest is not None and not self._rest.done():
                self._rest.set_result(None)
            self._rest = None
            if self.machine.run_state.ended:
                self._threads.close()
        if self._broken is not None:
            raise self._broken
        if cancelled is not None:
            raise cancelled
        return tuple(self.machine.events[first:])

    async def _advance(self, stepper: Stepper) -> bool:
        """Make one turn of the loop; False when there is nothing left to do or to wait for."""
        machine = self.machine
        for change in machine.due(self.closing):
            self._record(change.node, change.state, change.reason)
            if change.node is None and change.state is RunState.ROLLING_BACK:
                self.closing = ""
        if machine.run_state.ended and not self.closing:
            return False
        started = False
        limit = None if self._max_parallel is None else self._max_parallel - machine.running
        if (limit is None or limit > 0) and (machine.run_state is RunState.ROLLING_BACK or not self.closing):
            ready = machine.ready(limit)
            if ready.nodes:
                started = await self._admit(stepper, ready)
        if self._tasks:
            await self._wait()
            return self._broken is None
        return started or bool(machine.due(self.closing))

    async def _admit(self, stepper: Stepper, ready: Ready) -> bool:
        held = perf_counter()
        admitted = await stepper.admit(ready)
        if not self._tasks:
            self._origin += perf_counter() - held
        # While the stepper thought, a cancel or an abort may have come.
        if not admitted or (self.closing and ready.direction == "forward"):
            return bool(self.closing)
        if self.machine.run_state is RunState.READY:
            self._record(None, RunState.RUNNING)
        if ready.direction == "forward":
            await self._start(admitted, NodeState.RUNNING, self._perform, stepper.dwell)
            return True
        callable_ = []
        for node in admitted:
            undo = self.machine.undo[node]
            if undo is Undo.CALL:
                callable_.append(node)
            elif undo is Undo.NOTHING:
                self._record(node, NodeState.ROLLED_BACK, "no effect")
            else:
                self._record(node, NodeState.KEPT, "no rollback")
        await self._start(callable_, NodeState.ROLLING_BACK, self._undo, stepper.dwell)
        return True

    async def _start(
        self, nodes: Sequence[int], state: NodeState, carry_out: Callable[[int], Any], dwell: float
    ) -> None:
        for node in nodes:
            self._record(node, state)
        try:
            if dwell and nodes:
                held = perf_counter()
                try:
                    await asyncio.sleep(dwell)
                finally:
                    if not self._tasks:
                        self._origin += perf_counter() - held
        finally:
            # Shown as running, so they must be carried through, whatever came meanwhile.
            create_task = asyncio.get_running_loop().create_task
            for node in nodes:
                task = create_task(carry_out(node))
                self._tasks[task] = node
                task.add_done_callback(self._done)

    async def _wait(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _done(self, task: asyncio.Task[None]) -> None:
        node = self._tasks.pop(task, None)
        if node is not None:
            if task.cancelled():
                self._never_called(node)
            elif (error := task.exception()) is not None:
                self._broken = error
        self._wake()

    def _never_called(self, node: int) -> None:
        """Settle a node whose task was cancelled from outside before its first step."""
        error = asyncio.CancelledError("cancelled before it was called")
        if self.machine.states[node] is NodeState.RUNNING:
            self._fail(node, error)
        elif self.machine.states[node] is NodeState.ROLLING_BACK:
            self._fail_rollback(node, error)

    async def at_rest(self) -> None:
        """Wait until nobody drives."""
        while self.driving:
            if self._rest is None:
                self._rest = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._rest)

    def close(self, reason: str) -> None:
        """Let nothing more start forward, and roll back once what runs is through."""
        if not self.closing and self.machine.run_state in _CAN_TURN_BACK:
            self.closing = reason
        self._wake()

    def cancel(self) -> None:
        """Stop what can be stopped, and roll back. Cancelling again changes nothing."""
        if self.machine.run_state.ended:
            return
        if not self.cancelled:
            self.cancelled = True
            self.close("cancelled")
            loop = asyncio.get_running_loop()
            for task, node in list(self._tasks.items()):
                if self.machine.states[node] is NodeState.RUNNING:
                    if node not in self._in_thread:  # a thread cannot be stopped, only waited for
                        task.cancel("the run was cancelled")
                    loop.call_later(self._rollback_timeout, self._give_up_waiting, task)
        self._wake()

    def _give_up_waiting(self, task: asyncio.Task[None]) -> None:
        """Cancel a call that outlived the deadline; if it swallows even that, its outcome is lost."""
        if task in self._tasks:
            task.cancel("the run was cancelled, and the deadline has passed")
            asyncio.get_running_loop().call_later(_GRACE, self._lose, task)

    def _lose(self, task: asyncio.Task[None]) -> None:
        node = self._tasks.pop(task, None)
        if node is None:
            return
        log.error("the call of %r does not end, although it was cancelled", self.plan.names[node])
        if self.machine.states[node] is NodeState.RUNNING:
            self._lost.add(node)
            self._record(node, NodeState.UNKNOWN, "it does not end, although it was cancelled")
        else:
            self._fail_rollback(node, self._too_late(node))
        self._wake()

    # ------------------------------------------------------- one call, forward

    async def _perform(self, node: int) -> None:
        call = self.calls[node].action
        results = self.results
        inputs = [results[before] for before in self.plan.predecessors[node]] or [self.input]
        faults = self.faults.at
        planted: Fault | None = None
        begun = perf_counter()
        try:
            if self.cancelled:
                raise asyncio.CancelledError("cancelled before it was called")
            if faults and (planted := self.faults.find(node, "before")):
                raise planted.fire()
            if call.is_async and not call.extras:
                value = await (call.function(inputs) if call.takes_results else call.function())
            else:
                value = await self._call(node, call, inputs, self._extra)
            if faults and (planted := self.faults.find(node, "after")):
                raise planted.fire()
        except BaseException as error:
            self.durations[node] = perf_counter() - begun
            self._fail(node, error, planted)
        else:
            self.durations[node] = perf_counter() - begun
            if self.machine.states[node] is NodeState.RUNNING:
                results[node] = value
                self._record(node, NodeState.SUCCEEDED)

    async def _call(
        self, node: int, call: Target, inputs: list[Any], extra: Callable[[int, str], Any]
    ) -> Any:
        args, named = call.arguments(inputs, lambda name: extra(node, name))
        if call.in_thread and not call.is_async:
            future = self._threads.submit(call.function, args, named)
            self._in_thread[node] = future
            value, error = await asyncio.wrap_future(future)
            del self._in_thread[node]
            if error is not None:
                raise error
        else:
            value = call.function(*args, **named)
        return await value if inspect.isawaitable(value) else value

    def _fail(self, node: int, error: BaseException, planted: Fault | None = None) -> None:
        if self.machine.states[node] is not NodeState.RUNNING:
            return
        state = NodeState.FAILED
        reason = describe(error) + (f" (planted, {planted.place})" if planted else "")
        future = self._in_thread.get(node)
        if future is not None and future.done():
            del self._in_thread[node]
        elif future is not None and isinstance(error, asyncio.CancelledError):
            state, reason = NodeState.UNKNOWN, "its thread still runs"
            self._lost.add(node)
        self.errors[node] = self._carry(node, error)
        self._record(node, state, reason)

    def _carry(self, node: int, error: BaseException) -> Exception:
        """Give the error in a form that an ExceptionGroup holds, with a note that says where it was."""
        name, batch = self.plan.names[node], self.plan.batch_of[node] + 1
        if isinstance(error, KeyboardInterrupt | SystemExit):
            self.fatal = self.fatal or error
        if not isinstance(error, Exception):
            carrier = ActionInterrupted(f"{name!r} ended with {describe(error)}")
            carrier.__cause__ = error
            error = carrier.with_traceback(error.__traceback__)
        add_note_once(error, f"in action {name!r}, batch {batch}, attempt 1")
        return error

    # ---------------------------------------------------------- one call, back

    async def _undo(self, node: int) -> None:
        call = self.calls[node]
        target = call.rollback
        assert target is not None
        deadline = call.rollback_timeout or self._rollback_timeout
        task = asyncio.current_task()
        assert task is not None
        timer = asyncio.get_running_loop().call_later(deadline, self._expire, node, task)
        inputs = [self.results.get(before) for before in self.plan.predecessors[node]] or [self.input]
        planted: Fault | None = None
        begun = perf_counter()
        try:
            await self._outlived(node)
            if planted := self.faults.find(node, "rollback"):
                raise planted.fire()
            value = await self._call(node, target, inputs, self._extra)
        except BaseException as error:
            self.rollback_durations[node] = perf_counter() - begun
            expired = node in self._overdue and isinstance(error, asyncio.CancelledError)
            self._fail_rollback(node, self._too_late(node) if expired else error, planted)
        else:
            self.rollback_durations[node] = perf_counter() - begun
            if self.machine.states[node] is NodeState.ROLLING_BACK:
                self.rollback_results[node] = value
                self._record(node, NodeState.ROLLED_BACK)
        finally:
            timer.cancel()

    async def _outlived(self, node: int) -> None:
        """Wait for the thread of an action whose outcome was lost: it could overtake its own rollback."""
        future = self._in_thread.get(node)
        if future is not None and self.machine.undo[node] is Undo.CALL:
            value, error = await asyncio.shield(asyncio.wrap_future(future))
            del self._in_thread[node]
            if error is None:
                self.results[node] = value

    def _expire(self, node: int, task: asyncio.Task[None]) -> None:
        if task in self._tasks:
            self._overdue.add(node)
            task.cancel("the rollback's deadline has passed")
            asyncio.get_running_loop().call_later(_GRACE, self._lose, task)

    def _too_late(self, node: int) -> TimeoutError:
        seconds = self.calls[node].rollback_timeout or self._rollback_timeout
        thread = "; its thread still runs" if node in self._in_thread else ""
        return TimeoutError(f"it did not end within {seconds:g} s{thread}")

    def _fail_rollback(self, node: int, error: BaseException, planted: Fault | None = None) -> None:
        if self.machine.states[node] is not NodeState.ROLLING_BACK:
            return
        if isinstance(error, KeyboardInterrupt | SystemExit):
            self.fatal = self.fatal or error
        name, batch = self.plan.names[node], self.plan.batch_of[node] + 1
        add_note_once(error, f"in the rollback of action {name!r}, batch {batch}, attempt 1")
        self.rollback_errors[node] = RollbackError(name, batch, error)
        reason = describe(error) + (f" (planted, {planted.place})" if planted else "")
        self._record(node, NodeState.ROLLBACK_FAILED, reason)

    # ------------------------------------------------------- what is handed out

    def inputs(self, node: int) -> Mapping[str, Any]:
        """Give what `node` gets, by the names of its predecessors."""
        before = self.plan.predecessors[node]
        if not before:
            return {"input": self.input}
        return {self.plan.names[one]: self.results.get(one) for one in before}

    def _extra(self, node: int, name: str) -> Any:
        if name == "result":
            return self.results.get(node)
        if name == "error":
            return self.errors.get(node) or next(
                (self.errors.get(one) for one in self.machine.failures), None
            )
        state = self.machine.states[node]
        back = state is NodeState.ROLLING_BACK
        outcome = "SUCCEEDED"
        if back and node in self.machine.failures:
            outcome = "UNKNOWN" if node in self._lost else "FAILED"
        shown = self.plan.names[node]
        key = f"{self.run_id}/{shown}/{'undo' if back else 'do'}"
        return Context(self.run_id, shown, 1, key, self.inputs(node), outcome if back else None)

    # --------------------------------------------------------------- the story

    def _record(self, node: int | None, state: State, reason: str = "") -> None:
        machine = self.machine
        name = None if node is None else self.plan.names[node]
        event = Event(len(machine.events) + 1, perf_counter() - self._origin, name, state, 1, reason)
        machine.apply(event)
        if self.observers:
            self._tell(event)

    def _tell(self, event: Event) -> None:
        for observer in tuple(self.observers):
            try:
                observer(event)
            except Exception:
                log.exception("an observer of run %s failed and hears no more: %r", self.run_id, observer)
                if observer in self.observers:
                    self.observers.remove(observer)

    def _clock_on(self) -> None:
        now = perf_counter()
        if self._stopped_at is None:
            self._origin, self.started_at = now, time()
        else:
            self._origin += now - self._stopped_at
