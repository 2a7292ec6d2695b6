"""One execution of a flow, as people handle it: step it, watch it, break it, undo it."""

from __future__ import annotations

import asyncio
from typing import Any

from daga_nb.core.events import Event
from daga_nb.core.states import RunState
from daga_nb.engine.admission import FREE, Stepper
from daga_nb.engine.faults import Fault, Where, find_node
from daga_nb.engine.look import RunLook
from daga_nb.errors import ActionInterrupted, DagaFlowError, RunAborted, StepError, describe

__all__ = ["FlowRun"]


class FlowRun(RunLook):
    """One execution of a flow: a state for each action, results, errors, and the story.

    `DagaFlow.start` makes it. It has run nothing yet, has made no task, and needs no event loop until
    it is awaited.

    Examples
    --------
    >>> import asyncio
    >>> from daga_nb import DagaFlow
    >>> async def quote(results): return results[0] * 2
    >>> async def pay(results): return f"paid {results[0]}"
    >>> run = DagaFlow([(quote, pay)]).start(21)
    >>> print(run.next)
    next: batch 1, 1 action: quote
    >>> [str(event) for event in asyncio.run(run.step())]
    ['run RUNNING', 'quote RUNNING', 'quote SUCCEEDED']
    >>> asyncio.run(run.finish())
    ['paid 42']
    """

    # ------------------------------------------------------------------- faults

    @property
    def faults(self) -> tuple[Fault, ...]:
        """The planted faults, in plan order."""
        return self._driver.faults.all()

    def inject(self, fault: Fault) -> Fault:
        """Plant a failure, and give it back.

        Raises
        ------
        FaultError
            If it could never fire: no such action, or no rollback to fail.
        """
        self._driver.faults.add(fault)
        return fault

    def clear_faults(self, at: Any = None, where: Where | None = None) -> tuple[Fault, ...]:
        """Take out the faults at one action (or all), at one place (or all), and give them."""
        return self._driver.faults.remove(at, where)

    # ------------------------------------------------------------------ driving

    async def step(self) -> tuple[Event, ...]:
        """Run one batch, forward or back, and give its events. Never raises for an action.

        Raises
        ------
        RunBusy
            If another call is driving the run.
        """
        from daga_nb.debug.stepper import BatchStep

        return await self._driver.drive(BatchStep(self.plan))

    async def step_action(self, name: str | None = None) -> tuple[Event, ...]:
        """Run one action, or one rollback, and give its events: the named one, or the next in plan order.

        Raises
        ------
        StepError
            If it is not its turn; the message says what it waits for.
        RunBusy
            If another call is driving the run.
        """
        from daga_nb.debug.stepper import OneAction

        self._driver.check_free()
        ready = self._driver.machine.ready()
        if name is None:
            if not ready.nodes:
                return ()
            return await self._driver.drive(OneAction(ready.nodes[0]))
        node = find_node(self.plan, name)
        if node not in ready.nodes:
            raise StepError(self._why_not(node, ready.nodes))
        return await self._driver.drive(OneAction(node))

    def _why_not(self, node: int, ready: tuple[int, ...]) -> str:
        name, names = self.plan.names[node], self.plan.names
        state = self._driver.machine.states[node]
        now = ", ".join(names[one] for one in ready) or "nothing"
        return f"{name!r} is {state.word}, and it is not its turn. What can step now: {now}"

    async def drive(self, stepper: Stepper) -> tuple[Event, ...]:
        """Go on until the run ends, or `stepper` holds and what runs has finished.

        Never raises for an action. Gives the events of this drive.
        """
        return await self._driver.drive(stepper)

    async def finish(self) -> list[Any]:
        """Run to the end, and give the results of the last batch.

        If another call is driving, it is waited for first.

        Raises
        ------
        DagaFlowError
            If an action or a rollback failed, or the run was rolled back by request.
        asyncio.CancelledError
            If the run was cancelled; then only after the rollback.
        """
        driver = self._driver
        while True:
            await driver.at_rest()
            if self.state.ended and not driver.closing:
                break
            try:
                await driver.drive(FREE)
            except asyncio.CancelledError as error:
                self._note_rollback(error)
                raise
        return self._verdict()

    def _note_rollback(self, error: BaseException) -> None:
        error.add_note(f"run {self._id} of {self._flow.name!r} was cancelled: {self.state.word}")
        for name, own in self.errors.items():
            if not isinstance(own, ActionInterrupted):
                error.add_note(f"{name!r} had failed: {describe(own)}")
        for failed in self._driver.outcomes.rollback_errors.values():
            error.add_note(str(failed))

    def _verdict(self) -> list[Any]:
        driver = self._driver
        if driver.outcomes.fatal is not None:
            raise driver.outcomes.fatal
        if driver.cancelled:
            error = asyncio.CancelledError()
            self._note_rollback(error)
            raise error
        if self.state is RunState.SUCCEEDED:
            return [driver.outcomes.results[node] for node in self.plan.batches[-1]]
        found: list[Exception] = [driver.outcomes.errors[node] for node in sorted(driver.outcomes.errors)]
        if not found:
            found.append(RunAborted(f"run {self._id} of {self._flow.name!r} was rolled back by request"))
        raise self._failure(found)

    def _failure(self, found: list[Exception]) -> DagaFlowError:
        rollbacks = self._driver.outcomes.rollback_errors
        group = DagaFlowError("DagaFlowError", [*found, *(rollbacks[node] for node in sorted(rollbacks))])
        group.run = self
        failed = ", ".join(map(repr, self.errors)) or "no action"
        told = str(self.next) if self.state is RunState.ROLLBACK_INCOMPLETE else self.state.word
        group.add_note(f"flow {self._flow.name!r}, run {self._id}: failed in {failed}; {told}")
        return group

    async def rollback(self, stepper: Stepper = FREE) -> tuple[Event, ...]:
        """Abort: let what runs finish, then undo what is done; also after the run has succeeded.

        Gives the events from now on. What was undone already is left alone.

        Raises
        ------
        DagaFlowError
            If a rollback failed; the others have been tried all the same.
        """
        driver = self._driver
        driver.check_apart()
        first = len(self.events)
        driver.close("rolled back by request")
        while True:
            await driver.at_rest()
            if self.state.ended and not driver.closing:
                break
            before = len(self.events)
            await driver.drive(stepper)
            if len(self.events) == before:
                break  # the stepper holds
        if self.state is RunState.ROLLBACK_INCOMPLETE and driver.outcomes.rollback_errors:
            raise self._failure([])
        return self.events[first:]

    async def cancel(self) -> tuple[Event, ...]:
        """Stop what can be stopped, undo what is done, and give the events from now on.

        Running async actions are cancelled; a thread cannot be stopped, so it is waited for, up to the
        deadline. Who awaits the run gets a `CancelledError`. A run that has ended stays as it is.
        """
        driver = self._driver
        driver.check_apart()
        first = len(self.events)
        driver.cancel()
        while True:
            await driver.at_rest()
            if self.state.ended:
                break
            await driver.drive(FREE)
        return self.events[first:]
