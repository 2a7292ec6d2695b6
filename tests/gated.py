"""A case on the engine: each call of it stops at two gates, before its effect and after it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import networkx as nx
from cancel_model import Case, Entry
from gate import Gate, Mark

from daga_nb import DagaAction, DagaFlow, FlowRun


class Failure(Exception):
    """What calls fail with."""


class Gated:
    """The flow of a case, a run of it, the world its effects are in, and the log of its calls."""

    def __init__(self, case: Case, gate: Gate | None = None, **options: Any) -> None:
        self.case, self.gate = case, gate or Gate()
        self.log: list[Entry] = []
        self.world: dict[str, int] = dict.fromkeys(case.parents, 0)
        self.released = asyncio.Event()  # lets go of what does not end by itself
        self.loop: asyncio.AbstractEventLoop | None = None
        self._calls: dict[Entry, int] = {}
        self.flow = self._flow(options)
        self.run: FlowRun = self.flow.start()

    def _flow(self, options: dict[str, Any]) -> DagaFlow[Any, Any]:
        case = self.case
        actions = {name: self._action(name) for name in case.parents}
        graph: nx.DiGraph[Any] = nx.DiGraph()
        graph.add_nodes_from(actions.values())
        graph.add_edges_from((actions[one], actions[n]) for n in case.parents for one in case.parents[n])
        return DagaFlow(
            graph,
            max_parallel=case.max_parallel,
            schedule="eager" if case.eager else "batch",
            rollback_failed=case.rollback_failed,
            on_rollback_error="stop" if case.stop else "continue",
            rollback_order=case.order,  # type: ignore[arg-type]
            **options,
        )

    def _action(self, name: str) -> DagaAction[Any, Any]:
        case = self.case

        async def do(results: Any) -> str:
            try:
                return await self._do(name)
            except asyncio.CancelledError:
                self.log.append(("do cut", name))
                raise

        async def undo(results: Any) -> None:
            await self._undo(name)

        def do_in_a_thread(results: Any) -> str:
            return self._from_a_thread(self._do(name))

        def undo_in_a_thread(results: Any) -> None:
            self._from_a_thread(self._undo(name))

        threaded = name in case.threads
        action: DagaAction[Any, Any] = DagaAction(
            do_in_a_thread if threaded else do,
            name=name,
            no_effect=name in case.no_effect,
            retries=case.retries.get(name),
            rollback_retries=case.undo_retries.get(name),
            pivot=name in case.pivots,
            save_point=case.save_points.get(name),
        )
        if name not in case.no_undo:
            action.on_rollback(undo_in_a_thread if threaded else undo)
        return action

    def _from_a_thread(self, call: Any) -> Any:
        """Take the steps of a call on the loop, while it blocks its thread and cannot be cancelled."""
        assert self.loop is not None
        return asyncio.run_coroutine_threadsafe(call, self.loop).result(timeout=50)

    async def _do(self, name: str) -> str:
        call = self._begin("do", name)
        await self._stop((f"do {name}", "before"), name)
        if name not in self.case.no_effect:
            self.world[name] = 1  # done again, it finds what it had done
        self.log.append(("effect", name))
        await self._stop((f"do {name}", "after"), name)
        if self.case.fails_at(name, call):
            self.log.append(("do failed", name))
            raise Failure(f"do {name}")
        self.log.append(("did", name))
        return name

    async def _undo(self, name: str) -> None:
        call = self._begin("undo", name)
        await self.gate.stop((f"undo {name}", "before"))
        if name in self.case.undo_hangs:
            try:
                await self._never()
            finally:
                self.log.append(("undo failed", name))
        if self.case.undo_fails_at(name, call):
            self.log.append(("undo failed", name))
            raise Failure(f"undo {name}")
        self.world[name] = 0
        await self.gate.stop((f"undo {name}", "after"))
        self.log.append(("undid", name))

    def _begin(self, what: str, name: str) -> int:
        self.log.append((what, name))
        self._calls[what, name] = self._calls.get((what, name), 0) + 1
        return self._calls[what, name]

    async def _stop(self, mark: Mark, name: str) -> None:
        try:
            await self.gate.stop(mark)
        except asyncio.CancelledError:
            if name in self.case.deaf:
                while not self.released.is_set():
                    await _unmoved(self.released.wait())
            elif name not in self.case.stubborn:
                raise

    async def _never(self) -> None:
        await self.released.wait()

    # ----------------------------------------------------------------- letting through

    async def settle(self) -> list[Mark]:
        """Let everything move that can, also in threads, and give who stands before a gate then."""
        still = not self.case.threads
        while True:
            waiting = await self.gate.settle()
            if still and not self._moving():
                return waiting
            still = not self._moving()

    def _moving(self) -> bool:
        """Whether a call in a thread stands before no gate."""
        standing = {mark[0].rpartition(" ")[2] for mark in self.gate.waiting}
        states = self.run.states
        return any(
            str(states[name]) in ("RUNNING", "ROLLING_BACK") and name not in standing
            for name in self.case.threads
        )

    async def conduct(self, over: Callable[[], bool], strike: Callable[[int], None]) -> None:
        """Let one call after the other through until it is `over`.

        Each time all stand still, `strike` is told how many were let through by then.
        """
        self.loop, idle = asyncio.get_running_loop(), 0
        while True:
            waiting = await self.settle()
            if over():
                return
            strike(len(self.gate.opened))
            waiting = await self.settle()
            if waiting:  # not always the first: all are to stand at either gate while others do
                self.gate.open(waiting[len(self.gate.opened) % len(waiting)])
                continue
            if over():
                return
            idle += 1
            assert idle < 500, "it goes on for ever"
            assert self.case.deaf or self.case.undo_hangs, "nobody moves, and it is not over"
            await asyncio.sleep(0.5)  # of a clock that leaps


async def _unmoved(work: Awaitable[Any]) -> None:
    try:
        await work
    except asyncio.CancelledError:
        return
