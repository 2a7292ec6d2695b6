"""The one loop of a run: ask what is ready, let the stepper decide, call, record, turn back if need be."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from functools import partial
from logging import getLogger
from typing import Any, NamedTuple, TypeVar

from daga_nb.core.events import Event
from daga_nb.core.machine import Machine
from daga_nb.core.moves import Policy, Ready, Undo
from daga_nb.core.plan import Plan
from daga_nb.core.states import NodeState, RunState
from daga_nb.engine.admission import FREE, HOLD, Stepper
from daga_nb.engine.bell import Bell
from daga_nb.engine.calls import ActionCall
from daga_nb.engine.faults import Fault, FaultPlan
from daga_nb.engine.outcomes import Outcome, Outcomes
from daga_nb.engine.perform import Performer
from daga_nb.engine.recorder import Recorder
from daga_nb.errors import DagaError, RunBusy, StepError

__all__ = ["Driver"]

log = getLogger(__name__)

T = TypeVar("T")

# How long after its deadline a call that swallows its cancellation is still waited for.
_GRACE = 1.0

_CAN_TURN_BACK = (RunState.READY, RunState.RUNNING, RunState.SUCCEEDED)


class _Shown(NamedTuple):
    """What is shown as under way and still to be called, and whether others needed no call."""

    calls: Sequence[int]
    carry_out: Callable[[int], Coroutine[Any, Any, None]]
    settled: bool


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
        self.machine = Machine(plan, undo, policy)
        self.recorder = Recorder(self.machine, run_id)
        self.faults = FaultPlan(plan, undo, faults)
        self.outcomes = Outcomes(plan)
        self.performer = Performer(
            plan,
            calls,
            self.faults,
            self.outcomes,
            run_id=run_id,
            input=input,
            max_threads=max_parallel,
        )
        self.driving = False
        self.closing = ""
        self.cancelled = False
        self._max_parallel = max_parallel
        self._deadlines = [call.rollback_timeout or rollback_timeout for call in calls]
        self._patience = rollback_timeout
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._overdue: set[int] = set()
        self._bell = Bell()
        self._rest = asyncio.Event()
        self._broken: BaseException | None = None

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
        self.check_free()
        self.driving = True
        self._rest = asyncio.Event()
        first = len(self.machine.events)
        self.recorder.switch_on()
        cancelled: asyncio.CancelledError | None = None
        failed: Exception | None = None
        going = True
        try:
            while going:
                try:
                    going = await self._turn(FREE if self.cancelled else stepper)
                except asyncio.CancelledError as error:
                    # Remembered, not obeyed, until the rollback is through; then it goes on.
                    cancelled = cancelled or error
                    self.cancel()
                except Exception as error:
                    # The stepper's. What runs is heard out first, so that no task is left behind.
                    if failed is not None or self._broken is not None:
                        raise
                    failed, stepper = error, HOLD
        finally:
            self.driving = False
            self.recorder.switch_off()
            self._rest.set()
            if self.machine.run_state.ended:
                self.performer.threads.close()
        if self._broken is not None:
            raise self._broken
        if cancelled is not None:
            raise cancelled
        if failed is not None:
            raise failed
        events = tuple(self.machine.events[first:])
        if stepper is FREE and not events and not self.machine.run_state.ended:
            raise DagaError(f"the run is stuck while {self.machine.run_state.word}: a bug of daga_nb")
        return events

    def check_free(self) -> None:
        """Refuse a second driver.

        Raises
        ------
        RunBusy
            If a call is driving now.
        """
        if self.driving:
            raise RunBusy("this run is being driven already: await that call, or hold it, first")

    async def at_rest(self) -> None:
        """Wait until nobody drives.

        Raises
        ------
        RunBusy
            If an action of this very run asks.
        """
        if self.driving and asyncio.current_task() in self._tasks.values():
            raise RunBusy("an action cannot wait for its own run: it would wait for itself")
        while self.driving:
            await self._rest.wait()

    async def _turn(self, stepper: Stepper) -> bool:
        """Make one turn of the loop; False when there is nothing left to do or to wait for."""
        machine = self.machine
        for change in machine.due(self.closing):
            if change.state is RunState.ROLLING_BACK:
                self.closing = ""
                self.outcomes.find_cause(machine.failures)
            self.recorder.record(change.node, change.state, change.reason)
        if machine.run_state.ended and not self.closing:
            return False
        limit = None if self._max_parallel is None else self._max_parallel - machine.running
        if (limit is None or limit > 0) and (machine.run_state is RunState.ROLLING_BACK or not self.closing):
            # A stepper is asked about all that is ready: what it waits for may stand behind the limit.
            ready = machine.ready(limit if stepper is FREE else None)
            nodes = ready.nodes
            if nodes and stepper is not FREE:
                nodes = await self._ask(stepper, ready, limit)
            # While the stepper thought, a cancel or an abort may have come.
            if nodes and not (self.closing and ready.direction == "forward"):
                if stepper is FREE:
                    through = self._begin(self._show(nodes))
                else:
                    through = await self._start(nodes, stepper)
                if through:
                    return True  # what comes after those that are through may start too
        if self._tasks:
            await self._bell.wait()
            return self._broken is None
        return bool(self.closing) or bool(machine.due(self.closing))

    async def _ask(self, stepper: Stepper, ready: Ready, limit: int | None) -> tuple[int, ...]:
        """Give what the stepper lets go, and what may still go by then."""
        with self.recorder.held():
            admitted = await self._unless_turned(stepper.admit(ready)) or ()
        if not set(admitted) <= set(ready.nodes):
            raise StepError(f"the stepper admitted {list(admitted)}, and ready are {list(ready.nodes)}")
        now = set(self.machine.ready().nodes)  # while it thought, what ran may have failed
        return tuple(node for node in dict.fromkeys(admitted) if node in now)[:limit]

    async def _start(self, nodes: tuple[int, ...], stepper: Stepper) -> bool:
        """Show `nodes` as running for a while, then call them."""
        held = self.recorder.held()
        shown = self._show(nodes)
        try:
            if stepper.dwell and shown.calls:
                with held:
                    await self._unless_turned(asyncio.sleep(stepper.dwell))
        finally:
            # Shown as running, so they must be carried through, whatever came meanwhile.
            through = self._begin(shown)
        return through

    async def _unless_turned(self, work: Coroutine[Any, Any, T]) -> T | None:
        """Await what the stepper wants; None as soon as a cancel or an abort comes."""
        task = asyncio.ensure_future(work)
        task.add_done_callback(lambda _: self._bell.ring())
        try:
            while not (task.done() or self.closing or self.cancelled):
                await self._bell.wait()
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task})
        return None if self.closing or self.cancelled else task.result()

    def _show(self, nodes: tuple[int, ...]) -> _Shown:
        """Record that `nodes` are under way; settle those that need no call."""
        machine, record = self.machine, self.recorder.record
        if machine.run_state is RunState.READY:
            record(None, RunState.RUNNING)
        if machine.run_state is RunState.RUNNING:
            for node in nodes:
                record(node, NodeState.RUNNING)
            return _Shown(nodes, self._do, False)
        calls = []
        for node in nodes:
            undo = machine.undo[node]
            if undo is Undo.CALL:
                calls.append(node)
                record(node, NodeState.ROLLING_BACK)
            elif undo is Undo.NOTHING:
                record(node, NodeState.ROLLED_BACK, "no effect")
            else:
                record(node, NodeState.KEPT, "no rollback")
        return _Shown(calls, self._undo, len(calls) < len(nodes))

    def _begin(self, shown: _Shown) -> bool:
        """Make the tasks; give whether some are through already."""
        through = shown.settled
        for node in shown.calls:
            through = self._call(node, shown.carry_out) or through
        return through

    def _call(self, node: int, carry_out: Callable[[int], Coroutine[Any, Any, None]]) -> bool:
        task = asyncio.get_running_loop().create_task(carry_out(node))
        if not task.done():  # an eager task may have run through by now
            self._tasks[node] = task
        task.add_done_callback(partial(self._done, node))
        return task.done()

    def _done(self, node: int, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            task.exception()  # `_broken` has it
        elif self._tasks.get(node) is task:  # before its first step, so that nothing of it has run
            if self.machine.states[node] is NodeState.ROLLING_BACK:
                self._call(node, self._undo)  # a rollback is shielded
            else:
                never = asyncio.CancelledError("cancelled before it was called")
                self._settle(node, Outcome(None, never, None, 0.0))

    # ---------------------------------------------------- calling and settling

    async def _do(self, node: int) -> None:
        if self.cancelled:
            error = asyncio.CancelledError("cancelled before it was called")
            outcome = Outcome(None, error, None, 0.0)
        else:
            outcome = await self.performer.do(node)
        try:
            self._settle(node, outcome)
        except BaseException as error:
            self._broken = error
            raise

    def _settle(self, node: int, outcome: Outcome) -> None:
        if self.machine.states[node] is NodeState.RUNNING:  # and not given up meanwhile
            self._tasks.pop(node, None)
            self._bell.ring()
            self.recorder.record(node, *self.outcomes.forward(node, outcome))

    async def _undo(self, node: int) -> None:
        timer = asyncio.get_running_loop().call_later(self._deadlines[node], self._expire, node)
        try:
            self._settle_back(node, await self.performer.undo(node))
        except BaseException as error:
            self._broken = error
            raise
        finally:
            timer.cancel()

    def _settle_back(self, node: int, outcome: Outcome) -> None:
        if self.machine.states[node] is NodeState.ROLLING_BACK:  # and not given up meanwhile
            self._tasks.pop(node, None)
            self._bell.ring()
            deadline = self._deadlines[node] if node in self._overdue else None
            self.recorder.record(node, *self.outcomes.back(node, outcome, deadline))

    # ---------------------------------------------------- aborting, cancelling

    def close(self, reason: str) -> None:
        """Let nothing more start forward, and roll back once what runs is through."""
        if not self.closing and self.machine.run_state in _CAN_TURN_BACK:
            self.closing = reason
        self._bell.ring()

    def cancel(self) -> None:
        """Stop what can be stopped, and roll back. Cancelling again changes nothing."""
        if self.machine.run_state.ended or self.cancelled:
            return
        self.cancelled = True
        self.close("cancelled")
        for node, task in self._tasks.items():
            if self.machine.states[node] is NodeState.RUNNING:
                thread = self.outcomes.in_thread.get(node)
                if thread is None or thread.cancel():  # one that runs cannot be stopped, only waited for
                    task.cancel("the run was cancelled")
                asyncio.get_running_loop().call_later(self._patience, self._stop_waiting, node, task)

    def _expire(self, node: int) -> None:
        self._overdue.add(node)
        self._stop_waiting(node, self._tasks[node])

    def _stop_waiting(self, node: int, task: asyncio.Task[None]) -> None:
        """Cancel a call that outlived its deadline; if it swallows even that, its outcome is lost."""
        if self._tasks.get(node) is task:
            task.cancel("the deadline has passed")
            asyncio.get_running_loop().call_later(_GRACE, self._lose, node, task)

    def _lose(self, node: int, task: asyncio.Task[None]) -> None:
        if self._tasks.get(node) is not task:
            return
        log.error("the call of %r does not end, although it was cancelled", self.plan.names[node])
        if self.machine.states[node] is NodeState.RUNNING:
            del self._tasks[node]
            self.outcomes.lost.add(node)
            self.recorder.record(node, NodeState.UNKNOWN, "it does not end, although it was cancelled")
            self._bell.ring()
        else:
            self._settle_back(node, Outcome(None, asyncio.CancelledError(), None, self._deadlines[node]))
