"""One execution of a flow, as people handle it: step it, watch it, break it, undo it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from daga_nb.core.events import Event
from daga_nb.core.moves import BY_REQUEST
from daga_nb.core.states import RunState
from daga_nb.engine.admission import FREE, Stepper
from daga_nb.engine.fault_plan import Faults
from daga_nb.engine.faults import find_node
from daga_nb.engine.verdict import RunVerdict
from daga_nb.errors import RunHeld, StepError

if TYPE_CHECKING:
    from daga_nb.debug.breakpoints import Phase

__all__ = ["FlowRun"]


class FlowRun(RunVerdict):
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

    # ------------------------------------------------------------------ driving

    async def step(self) -> tuple[Event, ...]:
        """Run one batch, forward or back, and give its events. Never raises for an action.

        Raises
        ------
        RunBusy
            If another call is driving the run.
        """
        from daga_nb.debug.stepper import BatchStep

        return await self.drive(BatchStep(self.plan), stops=False)

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

        self._driver.seat.check_free()
        ready = self._driver.machine.ready()
        if name is None:
            if not ready.nodes:
                return ()
            return await self.drive(OneAction(ready.nodes[0]), stops=False)
        node = find_node(self.plan, name)
        if node not in ready.nodes:
            raise StepError(self._why_not(node, ready.nodes))
        return await self.drive(OneAction(node), stops=False)

    def _why_not(self, node: int, ready: tuple[int, ...]) -> str:
        name, names = self.plan.names[node], self.plan.names
        state = self._driver.machine.states[node]
        if node in self._driver.undecided():
            return f"{name!r} has failed, and is not stepped: retry() calls it once more"
        now = ", ".join(names[one] for one in ready) or "nothing"
        return f"{name!r} is {state.word}, and it is not its turn. What can step now: {now}"

    async def go(self) -> tuple[Event, ...]:
        """Go on to the end, to a breakpoint, or to a failure that is to be decided, and give the events.

        Never raises for an action.

        Raises
        ------
        RunBusy
            If another call is driving the run.
        """
        return await self.drive(FREE)

    async def until(self, name: str, phase: Phase = "forward") -> tuple[Event, ...]:
        """Go on until `name`, or its rollback, is the next to start; else as `go`.

        Raises
        ------
        StepError
            If there is no such action, or nothing to stop before.
        """
        from daga_nb.debug.stepper import Until

        self._check_stop(name, phase)
        return await self.drive(Until(find_node(self.plan, name), phase))

    async def drive(self, stepper: Stepper, *, stops: bool = True) -> tuple[Event, ...]:
        """Go on until the run ends, stops at a failure that is to be decided, or `stepper` holds.

        Also at a breakpoint, unless `stops` is False. What runs then has finished. Never raises for an
        action. Gives the events of this drive.
        """
        self._driver.seat.check_free()
        breakpoints = self._breakpoints
        if breakpoints is not None:
            breakpoints.go_on()
        return await self._drive(stepper, stops=breakpoints if stops else None)

    async def finish(self) -> list[Any]:
        """Run to the end, and give the results of the last batch.

        If another call is driving, it is waited for first.

        Raises
        ------
        DagaFlowError
            If an action or a rollback failed, or the run was rolled back by request. If failures pause the
            run (`on_failure`), or it has passed a pivot, nothing has been rolled back: `retry` or `skip`.
        RunHeld
            If it has stopped at a breakpoint. Call it again to go on.
        asyncio.CancelledError
            If the run was cancelled; then only after the rollback.

        Warns
        -----
        FaultNotFired
            If faults were planted that have never struck; once.
        """
        driver = self._driver
        while True:
            await driver.at_rest()
            if driver.through and not driver.closing:
                await self._look_at_the_end()
                self._warn_of_unfired()
                return self._verdict()
            try:
                await self.drive(FREE)
            except asyncio.CancelledError as error:
                if driver.outcomes.fatal is not None:
                    raise driver.outcomes.fatal from error
                self._note_rollback(error)
                try:
                    self._warn_of_unfired()
                finally:
                    raise error  # where warnings are errors too: a cancel goes on
            if driver.cancelled and driver.stands:
                raise self._cancelled()
            if driver.stands and driver.outcomes.fatal is not None:  # said once: the run can still go on
                fatal, driver.outcomes.fatal = driver.outcomes.fatal, None
                raise fatal
            if driver.undecided():
                raise self._failure(self._own_errors())
            if self._breakpoints is not None and self._breakpoints.stopped:
                where = ", ".join(map(str, self._breakpoints.stopped))
                raise RunHeld(f"run {self._id} of {self._flow.name!r} has stopped {where}; finish() goes on")

    def fork(
        self,
        batch: int,
        *,
        results: Mapping[str, Any] | None = None,
        replace: Mapping[str, Any] | None = None,
        faults: Faults | None = None,
        adopt: bool = False,
        **more: Any,
    ) -> FlowRun:
        """Re-run from here: give a new run that begins with `batch`, with what comes before it from this one.

        This run's story is not touched. The fork inherits results, not effects: what it inherited it never
        rolls back.

        Parameters
        ----------
        batch
            The batch that it begins with, from 1; the actions before it have succeeded in this run.
        results
            Other results for some of the inherited actions, by name.
        replace
            Other functions for some actions, by name.
        faults
            Other faults; this run's if not given.
        adopt
            Make the inherited effects the fork's own, to be undone by it. Refused while this run could still
            undo them (`release` lets go of them), or if it has.
        more
            ``input``, for a fork from batch 1; ``on_failure``; ``journal``, a file as for `DagaFlow.start`:
            what is inherited is kept in it too, so that the fork can be resumed without this run.

        Raises
        ------
        ForkError
            If it cannot be forked in this way.
        JournalError, JournalValueError
            If the journal cannot be written, or cannot keep what is inherited.

        Examples
        --------
        >>> import asyncio
        >>> from daga_nb import DagaFlow
        >>> async def quote(results): return results[0] * 2
        >>> async def pay(results): return f"paid {results[0]}"
        >>> run = DagaFlow([(quote, pay)]).start(21)
        >>> asyncio.run(run.finish())
        ['paid 42']
        >>> asyncio.run(run.fork(2, results={"quote": 40}).finish())
        ['paid 40']
        """
        from daga_nb.debug.fork import fork

        return fork(self, batch, results=results, replace=replace, faults=faults, adopt=adopt, **more)

    async def rollback(self, stepper: Stepper = FREE) -> tuple[Event, ...]:
        """Abort: let what runs finish, then undo what is done; also after the run has succeeded.

        Gives the events from now on. What was undone already is left alone.

        Raises
        ------
        DagaFlowError
            If a rollback failed; the others have been tried all the same.
        StepError
            If the run has passed a pivot: there is no way back.
        """
        driver = self._driver
        driver.check_apart()
        driver.seat.check_not_released()
        self._check_way_back()
        first = len(self.events)
        again = {self.plan.names[node] for node in driver.called_again()}
        failed = ", ".join(f"{name} {self.states[name].word}" for name in self.undecided if name not in again)
        driver.close(failed if self.state is RunState.RUNNING and failed else BY_REQUEST)
        await driver.at_rest()
        self._check_way_back()  # what ran meanwhile may have passed it
        if driver.closing or not driver.through:
            await self.drive(stepper)
        stands = self.state is RunState.ROLLBACK_INCOMPLETE or driver.undecided()
        if stands and driver.outcomes.rollback_errors:
            raise self._failure([])
        return self.events[first:]

    async def cancel(self) -> tuple[Event, ...]:
        """Stop what can be stopped, undo what is done, and give the events from now on.

        Running async actions are cancelled; a thread cannot be stopped, so it is waited for, up to the
        deadline. Who awaits `finish` gets a `CancelledError`. A run that has ended stays as it is. One that
        has passed a pivot is not rolled back: it stands still, and `finish` goes on with it. An action that
        was stopped has failed: after a save point that lies past the pivot, the run goes back there first.
        """
        driver = self._driver
        driver.check_apart()
        driver.seat.check_not_released()
        first = len(self.events)
        driver.cancel()
        while True:
            await driver.at_rest()
            if driver.through or driver.stands:
                break
            await self._drive(FREE)
        return self.events[first:]
