"""Carries out the calls of one run. Outcomes are values: no exception of an action leaves its call."""

from __future__ import annotations

import asyncio
import concurrent.futures
import inspect
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import Any

from daga_nb.core.machine import Machine
from daga_nb.engine.calls import ActionCall, Context, Target
from daga_nb.engine.effects import Effects
from daga_nb.engine.executors import Threads, called
from daga_nb.engine.faults import Fault, FaultPlan
from daga_nb.engine.outcomes import Outcome, Outcomes

__all__ = ["Performer"]


class Performer:
    """Calls the actions and rollbacks of one run, and knows what each is handed."""

    def __init__(
        self,
        machine: Machine,
        calls: Sequence[ActionCall],
        faults: FaultPlan,
        outcomes: Outcomes,
        effects: Effects,
        *,
        run_id: str,
        input: Any,
    ) -> None:
        self.machine = machine
        self.plan = machine.plan
        self.calls = list(calls)
        self.faults = faults
        self.run_id = run_id
        self.input = input
        self.outcomes = outcomes
        self.effects = effects
        self.threads = Threads()
        self.cancelled = False

    async def do(self, node: int) -> Outcome:
        """Call an action."""
        call = self.calls[node].action
        results = self.outcomes.results
        inputs = [results[before] for before in self.plan.predecessors[node]] or [self.input]
        planted: Fault | None = None
        begun = perf_counter()
        try:
            if self.faults.at and (planted := self.faults.find(node, "before")):
                raise planted.fire()
            if call.is_async and not call.extras:
                value = await (call.function(inputs) if call.takes_results else call.function())
            else:
                value, failure = await self._call(node, call, inputs)
                if failure is not None:
                    raise failure
            if self.faults.at and (planted := self.faults.find(node, "after")):
                raise planted.fire()
        except BaseException as error:
            return Outcome(None, error, planted, perf_counter() - begun)
        return Outcome(value, None, None, perf_counter() - begun)

    async def undo(self, node: int) -> Outcome:
        """Call the rollback of an action."""
        target = self.calls[node].rollback
        assert target is not None
        results = self.outcomes.results
        inputs = [results.get(before) for before in self.plan.predecessors[node]] or [self.input]
        planted: Fault | None = None
        begun = perf_counter()
        try:
            await self._outlived(node)
            if planted := self.faults.find(node, "rollback"):
                raise planted.fire()
            value, failure = await self._call(node, target, inputs, self.outcomes.ended(node))
            if failure is not None:
                raise failure
        except BaseException as error:
            return Outcome(None, error, planted, perf_counter() - begun)
        return Outcome(value, None, None, perf_counter() - begun)

    async def _outlived(self, node: int) -> None:
        """Wait for an action that was given up: it could overtake its own rollback."""
        stray = self.outcomes.strays.get(node)
        if stray is None:
            return
        if isinstance(stray, concurrent.futures.Future):
            value, error = await asyncio.shield(asyncio.wrap_future(stray))
        else:
            value, error, *_ = await asyncio.shield(stray)
        del self.outcomes.strays[node]
        if error is not None:
            self.outcomes.heed(error)
        elif inspect.iscoroutine(value):
            value.close()  # what a plain function has only prepared was never done
        else:
            self.outcomes.results[node] = value

    async def _call(
        self, node: int, call: Target, inputs: list[Any], outcome: str | None = None
    ) -> tuple[Any, BaseException | None]:
        # What a plain function raised is handed on as a value: no coroutine lets a StopIteration through.
        args, named = call.arguments(inputs, lambda name: self._extra(node, name, outcome))
        if call.in_thread and not call.is_async:
            value, error = await self._in_thread(node, call.function, args, named)
        else:
            value, error = called(call.function, args, named)
        if error is None and inspect.isawaitable(value):
            if self.cancelled and outcome is None and inspect.iscoroutine(value):
                value.close()
                raise asyncio.CancelledError("the run was cancelled")
            return await value, None
        return value, error

    async def _in_thread(
        self, node: int, function: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]
    ) -> tuple[Any, BaseException | None]:
        in_thread = self.outcomes.in_thread
        future = in_thread[node] = self.threads.submit(function, args, named)
        try:
            ended = await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            if future.cancelled():  # before a thread was free for it
                del in_thread[node]
                raise
            if not future.done():
                raise
            ended = future.result()  # it ended in the very moment in which it was given up
        del in_thread[node]
        return ended

    def inputs(self, node: int) -> Mapping[str, Any]:
        """Give what an action gets, by the names of its predecessors."""
        before = self.plan.predecessors[node]
        if not before:
            return {"input": self.input}
        return {self.plan.names[one]: self.outcomes.results.get(one) for one in before}

    def _extra(self, node: int, name: str, outcome: str | None) -> Any:
        if name == "result":
            return self.outcomes.own_result(node)
        if name == "error":
            return self.outcomes.own_error(node)
        shown = self.plan.names[node]
        key = f"{self.run_id}/{shown}/{'do' if outcome is None else 'undo'}"
        if self.machine.recoveries:  # what was undone is done anew, not once more
            key += f"/{self.machine.recoveries + 1}"
        attempt = self.machine.attempts(node, "forward" if outcome is None else "back")
        return Context(self.run_id, shown, attempt, key, self.inputs(node), outcome, self.effects)
