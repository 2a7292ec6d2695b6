"""Carries out the calls of one run. Outcomes are values: no exception of an action leaves its call."""

from __future__ import annotations

import asyncio
import concurrent.futures
import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from time import perf_counter
from typing import Any

from daga_nb.core.machine import Machine
from daga_nb.core.states import NodeState, RunState
from daga_nb.engine.calls import ActionCall, Context, Target
from daga_nb.engine.effects import Effects
from daga_nb.engine.executors import Threads, called
from daga_nb.engine.fault_tasks import Corrupt, Raise, Repeat
from daga_nb.engine.outcomes import Outcome, Outcomes
from daga_nb.engine.planted import PlantedFaults
from daga_nb.engine.strikes import Strikes
from daga_nb.errors import describe

__all__ = ["Performer"]

Ended = tuple[Any, BaseException | None]
"""What a call gave, and what it raised, of which one is None."""


class Performer:
    """Calls the actions and rollbacks of one run, and knows what each is handed."""

    def __init__(
        self,
        machine: Machine,
        calls: list[ActionCall],
        faults: PlantedFaults,
        outcomes: Outcomes,
        effects: Effects,
        *,
        run_id: str,
        input: Any,
        cancel: Callable[[], None],
    ) -> None:
        self.machine = machine
        self.plan = machine.plan
        self.calls = calls
        self.faults = faults
        self.run_id = run_id
        self.input = input
        self.outcomes = outcomes
        self.effects = effects
        self.threads = Threads()
        self.cancelled = False
        self._cancel = cancel
        self._looked_at = self._begun = 0  # how many events, and how often the run went forward in them
        self._called_in: dict[str, int] = {}  # in which of these times each action was called last

    async def do(self, node: int) -> Outcome:
        """Call an action."""
        call = self.calls[node].action
        results = self.outcomes.results
        inputs = [results[before] for before in self.plan.predecessors[node]] or [self.input]
        strikes: Strikes | None = None
        begun = perf_counter()
        try:
            if self.faults.at and node in self.faults.at:
                strikes = Strikes(self.faults, node, self._cancel)
                value, failure = await self._do_struck(node, call, inputs, strikes)
                if failure is not None:
                    raise failure
            elif call.is_async and not call.extras:
                value = await (call.function(inputs) if call.takes_results else call.function())
            else:
                value, failure = await self._call(node, call, inputs)
                if failure is not None:
                    raise failure
        except BaseException as error:
            return Outcome(None, error, strikes.words if strikes else None, perf_counter() - begun)
        return Outcome(value, None, strikes.words if strikes else None, perf_counter() - begun)

    async def undo(self, node: int) -> Outcome:
        """Call the rollback of an action."""
        target = self.calls[node].rollback
        assert target is not None
        results = self.outcomes.results
        inputs = [results.get(before) for before in self.plan.predecessors[node]] or [self.input]
        strikes: Strikes | None = None
        begun = perf_counter()
        try:
            await self._outlived(node)
            if self.faults.at and node in self.faults.at:
                strikes = Strikes(self.faults, node, self._cancel)
                value, failure = await self._undo_struck(node, target, inputs, strikes)
            else:
                value, failure = await self._call(node, target, inputs, self.outcomes.ended(node))
            if failure is not None:
                raise failure
        except BaseException as error:
            return Outcome(None, error, strikes.words if strikes else None, perf_counter() - begun)
        return Outcome(value, None, strikes.words if strikes else None, perf_counter() - begun)

    async def _do_struck(self, node: int, call: Target, inputs: list[Any], strikes: Strikes) -> Ended:
        """Call an action that has faults planted. As in `_call`, what is raised is handed on as a value."""
        given = inputs
        task = await strikes.at("before", inputs)
        if isinstance(task, Raise):
            return None, task.fresh()
        if isinstance(task, Corrupt):
            given = [task.wrong(one) for one in inputs]
        if isinstance(task, Repeat):
            value, failure = await self._at_once(node, call, given, task.times, strikes)
        else:
            value, failure = await self._call(node, call, [*given])
        if failure is not None:
            return None, failure
        task = await strikes.at("after", inputs)
        if isinstance(task, Raise):
            return None, task.fresh()
        if isinstance(task, Corrupt):
            return task.wrong(value), None
        if isinstance(task, Repeat):
            return await self._again(task.times - 1, lambda: self._call(node, call, [*given]))
        return value, None

    async def _undo_struck(self, node: int, call: Target, inputs: list[Any], strikes: Strikes) -> Ended:
        """Call a rollback that may have a fault planted."""
        task = await strikes.at("rollback", inputs)
        if isinstance(task, Raise):
            return None, task.fresh()
        wrong = task if isinstance(task, Corrupt) else None
        times = task.times if isinstance(task, Repeat) else 1
        ended = self.outcomes.ended(node)
        return await self._again(times, lambda: self._call(node, call, [*inputs], ended, wrong))

    async def _again(self, times: int, call: Callable[[], Awaitable[Ended]]) -> Ended:
        """Call `times` times, one after the other, until one fails; the last one's reply counts."""
        value, failure = await call()
        for _ in range(times - 1):
            if failure is None:
                value, failure = await call()
        return value, failure

    async def _at_once(
        self, node: int, call: Target, inputs: list[Any], times: int, strikes: Strikes
    ) -> Ended:
        """Call `times` times at once; the first one's reply counts, the others' errors are told."""
        args, named = call.arguments(inputs, lambda name: self._extra(node, name, None, inputs))
        each = [tuple(list(one) for one in args) for _ in range(times)]
        others: list[Ended] = []
        if call.in_thread and not call.is_async:
            # One call for the books: the thread that makes it hears out the others.
            deliver = partial(_delivered, self.threads, call.function, others)
            first = await self._in_thread(node, deliver, (each, named), {})
        else:
            first, *others = [called(call.function, one, named) for one in each]
        replies = [first, *others]
        if self.cancelled and any(inspect.iscoroutine(value) for value, _ in replies):
            for value, _ in replies:
                if inspect.iscoroutine(value):
                    value.close()
            raise asyncio.CancelledError("the run was cancelled")
        ended = await asyncio.gather(*(_heard(*reply) for reply in replies))
        for number, (_, error) in enumerate(ended[1:], 2):
            if error is not None:
                self.outcomes.heed(error)
                strikes.add(f"call {number} raised {describe(error)}")
        return ended[0]

    async def _outlived(self, node: int) -> None:
        """Wait for an action that was given up: it could overtake its own rollback."""
        strays = self.outcomes.strays.get(node, [])
        while strays:
            stray = strays[0]
            if isinstance(stray, concurrent.futures.Future):
                value, error = await asyncio.shield(asyncio.wrap_future(stray))
            else:
                value, error, *_ = await asyncio.shield(stray)
            strays.remove(stray)
            if error is not None:
                self.outcomes.heed(error)
            elif inspect.iscoroutine(value):
                value.close()  # what a plain function has only prepared was never done
            else:
                self.outcomes.results[node] = value
        self.outcomes.strays.pop(node, None)

    async def _call(
        self,
        node: int,
        call: Target,
        inputs: list[Any],
        outcome: str | None = None,
        wrong: Corrupt | None = None,
    ) -> Ended:
        # What a plain function raised is handed on as a value: no coroutine lets a StopIteration through.
        args, named = call.arguments(inputs, lambda name: self._extra(node, name, outcome, inputs, wrong))
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
        results = self.outcomes.results
        return self._named(node, [results.get(one) for one in self.plan.predecessors[node]] or [self.input])

    def _extra(
        self,
        node: int,
        name: str,
        outcome: str | None,
        inputs: Sequence[Any],
        wrong: Corrupt | None = None,
    ) -> Any:
        if name == "result":
            result = self.outcomes.own_result(node)
            return result if wrong is None else wrong.wrong(result)
        if name == "error":
            return self.outcomes.own_error(node)
        shown = self.plan.names[node]
        key = f"{self.run_id}/{shown}/{'do' if outcome is None else 'undo'}"
        if self.machine.recoveries:  # what was undone is done anew, not once more
            key += f"/{self.machine.recoveries + 1}"
        attempt = self.machine.attempts(node, "forward" if outcome is None else "back")
        named = self._named(node, inputs)
        done = None if outcome is None else self._key_of_action(shown)
        return Context(self.run_id, shown, attempt, key, named, outcome, self.effects, action_key=done)

    def _key_of_action(self, name: str) -> str:
        """Give the key that the last call of an action had, for its rollback to look by."""
        key = f"{self.run_id}/{name}/do"
        if not self.machine.recoveries:
            return key
        # Each event is looked at once, and not again for each of thousands of rollbacks.
        for event in self.machine.events[self._looked_at :]:
            if event.node is None:
                self._begun += event.state is RunState.RUNNING
            elif event.state is NodeState.RUNNING:
                self._called_in[event.node] = self._begun
        self._looked_at = len(self.machine.events)
        begun = self._called_in.get(name, 0)
        return f"{key}/{begun}" if begun > 1 else key

    def _named(self, node: int, inputs: Sequence[Any]) -> dict[str, Any]:
        names = [self.plan.names[before] for before in self.plan.predecessors[node]] or ["input"]
        return dict(zip(names, inputs, strict=True))


def _delivered(
    threads: Threads,
    function: Callable[..., Any],
    others: list[Ended],
    each: list[tuple[Any, ...]],
    named: dict[str, Any],
) -> Any:
    """Call `function` once for each of the arguments, at once; what became of the `others` is put there."""
    waiting = [threads.submit(function, args, named) for args in each[1:]]
    value, error = called(function, each[0], named)
    others += [future.result() for future in waiting]
    if error is not None:
        raise error
    return value


async def _heard(value: Any, error: BaseException | None) -> Ended:
    """Await a reply that is still to come."""
    if error is not None or not inspect.isawaitable(value):
        return value, error
    try:
        return await value, None
    except BaseException as raised:
        return None, raised
