"""The debugger's commands in any order, and the ends of their process, held against a model of sets."""

import asyncio
import atexit
import os
import shutil
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import networkx as nx
from debug_model import Debugged
from helpers import turns
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from long import LONG
from story_runs import Watcher

from daga_nb import DagaAction, DagaFlow, DagaFlowError, Fault
from daga_nb.core.machine import fold
from daga_nb.engine.admission import OnFailure
from daga_nb.journal.file import opened

NAMES = "abcdefg"
SHAPES = {
    "alone": {"a": ()},
    "chain": {"a": (), "b": "a", "c": "b"},
    "diamond": {"a": (), "b": "a", "c": "a", "d": "bc"},
    "wide": {"a": (), "b": (), "c": (), "d": "abc"},
    "odd": {"a": (), "b": (), "c": "a", "d": "bc", "e": "a", "f": "de", "g": "b"},
}


@cache
def journal() -> Path:
    """Give the file of all the runs; in memory, if there is a place: it is not the power that fails."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    folder = tempfile.mkdtemp(dir=memory)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = Path(folder) / "runs.db"
    opened(path, create=True).__enter__()  # it stays open: to open it again takes longer than a run
    return path


PHASES = st.sampled_from(["forward", "rollback"])


class Debugger(RuleBasedStateMachine):
    """One run after the other, each with its model."""

    @initialize(
        shape=st.sampled_from(sorted(SHAPES)),
        stop=st.booleans(),
        textbook=st.booleans(),
        pause=st.booleans(),
        notes=st.booleans(),
        journaled=st.booleans(),
        fails=st.sets(st.sampled_from(NAMES), max_size=3),
        undo_fails=st.sets(st.sampled_from(NAMES), max_size=3),
        breaks=st.sets(st.tuples(st.sampled_from(NAMES), PHASES), max_size=3),
    )
    def begin(
        self,
        shape: str,
        stop: bool,
        textbook: bool,
        pause: bool,
        notes: bool,
        journaled: bool,
        fails: set[str],
        undo_fails: set[str],
        breaks: set[tuple[str, Any]],
    ) -> None:
        parents = SHAPES[shape]
        self.log: list[tuple[str, str]] = []
        actions = {name: self._action(name) for name in parents}
        graph: nx.DiGraph[Any] = nx.DiGraph()
        graph.add_nodes_from(actions.values())
        graph.add_edges_from((actions[one], actions[name]) for name in parents for one in parents[name])
        self.flow: DagaFlow[Any, Any] = DagaFlow(
            graph, on_rollback_error="stop" if stop else "continue", rollback_failed=not textbook
        )
        self.model = Debugged(parents, stop=stop, textbook=textbook, pause=pause)
        self.model.fails, self.model.undo_fails = set(fails), set(undo_fails)
        self.hangs: set[str] | None = None  # while a process dies: those that do not come back
        self.run = self.flow.start(on_failure=self._pause(), journal=journal() if journaled else None)
        self.old: list[Any] = []
        self.watchers: list[Watcher] = []
        self.heard: list[Any] = []
        self._watch()
        if notes:
            self.run.take_notes()
        for name, phase in sorted(breaks):
            self.set_breakpoint(name=name, phase=phase)

    def _action(self, name: str) -> DagaAction[Any, Any]:
        async def do(results: Any) -> str:
            self.log.append(("do", name))
            await self._pass(name)
            if name in self.model.fails:
                raise ValueError(name)
            return name

        async def undo(results: Any) -> None:
            self.log.append(("undo", name))
            await self._pass(name)
            if name in self.model.undo_fails:
                raise KeyError(name)

        made: DagaAction[Any, Any] = DagaAction(do, name=name)
        made.on_rollback(undo)
        return made

    def play(self, work: Any) -> None:
        async def main() -> None:
            before = asyncio.all_tasks()
            with suppress(DagaFlowError, asyncio.CancelledError):
                await work
            assert asyncio.all_tasks() == before

        asyncio.run(main())

    def _watch(self) -> None:
        if self.run.journal is None:
            self.watchers.append(Watcher(self.run))
        self.heard = list(self.run.events)  # of a journaled run several at once, when they are written
        self.run.subscribe(self.heard.append)

    def _pause(self) -> OnFailure:
        return "pause" if self.model.pause else "rollback"

    async def _pass(self, name: str) -> None:
        if self.hangs is not None:
            self.hangs.add(name)
            await asyncio.Event().wait()
        await asyncio.sleep(0)

    name = st.sampled_from(NAMES)

    def known(self, name: str) -> bool:
        return name in self.model.parents

    # -------------------------------------------------------------------- commands

    @rule()
    def step(self) -> None:
        self.model.step()
        self.play(self.run.step())

    @rule(number=st.integers(0, 6))
    def step_one(self, number: int) -> None:
        coming = self.model.next()
        if coming is None or self.model.undecided():
            return
        name = sorted(coming[1])[number % len(coming[1])]
        self.model.step_one(name)
        self.play(self.run.step_action(name))

    @rule()
    def go(self) -> None:
        self.model.go()
        self.play(self.run.go())

    @rule(name=name, phase=PHASES)
    def until(self, name: str, phase: Any) -> None:
        if self.known(name):
            self.model.go((name, phase))
            self.play(self.run.until(name, phase))

    @rule(name=name, phase=PHASES)
    def set_breakpoint(self, name: str, phase: Any) -> None:
        if self.known(name):
            self.model.breaks.add((name, phase))
            self.model.passed.discard((name, phase))
            self.run.break_at(name, phase)

    @rule(name=name)
    def clear_breakpoints(self, name: str) -> None:
        if self.known(name):
            self.model.breaks -= {(name, "forward"), (name, "rollback")}
            self.run.clear_breaks(name)

    @rule(name=name, undo=st.booleans())
    def break_it(self, name: str, undo: bool) -> None:
        if self.known(name):
            (self.model.undo_fails if undo else self.model.fails).add(name)

    @rule(name=name, undo=st.booleans())
    def inject(self, name: str, undo: bool) -> None:
        # Planted and taken out at once: what is planted is heeded only while it stands.
        if self.known(name) and name not in self.model.inherited:
            where: Any = "rollback" if undo else "before"
            self.run.inject(Fault.raising(ValueError, at=name, where=where))
            assert len(self.run.clear_faults(name, where)) == 1

    @rule(name=name)
    def mend(self, name: str) -> None:
        if self.known(name):
            self.model.fails.discard(name)
            self.model.undo_fails.discard(name)
            self.run.replace(name, self._action(name))

    @rule(pause=st.booleans())
    def switch(self, pause: bool) -> None:
        self.model.pause = pause
        self.run.on_failure = "pause" if pause else "rollback"

    @precondition(lambda self: self.model.failed())
    @rule(number=st.integers(0, 6), every=st.booleans())
    def retry(self, number: int, every: bool) -> None:
        failed = sorted(self.model.failed())
        names = failed if every else [failed[number % len(failed)]]
        self.model.retry(set(names))
        self.play(self.run.retry(*([] if every else names)))

    @precondition(lambda self: self.model.run == "RUNNING" and self.model.failed())
    @rule(number=st.integers(0, 6))
    def skip(self, number: int) -> None:
        failed = sorted(self.model.failed())
        name = failed[number % len(failed)]
        self.model.skip(name)
        self.run.skip(name, "by hand")
        assert self.run.results[name] == "by hand"

    @rule()
    def roll_back(self) -> None:
        self.model.rollback()
        self.play(self.run.rollback())

    @rule(seldom=st.integers(0, 4))
    def cancel(self, seldom: int) -> None:
        if seldom:
            return
        self.model.cancel()
        self.play(self.run.cancel())

    @rule(number=st.integers(0, 6))
    def fork(self, number: int) -> None:
        depth = max(self.model.depths.values()) + 1
        batch = number % depth + 1
        before = {name for name, deep in self.model.depths.items() if deep < batch - 1}
        if not before <= set(self.run.results):
            return
        self.old.append((self.run, tuple(self.run.events)))
        self.model = self.model.fork(batch)
        self.run = self.run.fork(batch, faults=[])
        self._watch()

    # ------------------------------------------------------------- the process ends

    @precondition(lambda self: self.run.journal and self.model.run != "READY")
    @rule()
    def die(self) -> None:
        self.model.die()
        self._resume()

    @precondition(lambda self: self.run.journal and not self.model.undecided())
    @rule()
    def die_in_step(self) -> None:
        coming = self.model.die_in_step()
        if coming is None:
            if self.model.run != "READY":
                self.play(self.run.step())
                self._resume()
            return
        self.hangs = set()
        loop = asyncio.new_event_loop()
        loop.set_exception_handler(lambda loop, context: None)  # "task was destroyed": that is what dying is

        async def until_called() -> Any:
            task = asyncio.ensure_future(self.run.step())
            await turns(40)
            assert self.hangs == coming[1]
            return task

        loop.run_until_complete(until_called())
        loop.close()
        self.hangs = None
        self._resume()
        assert set(self.run.lost) == coming[1]
        if coming[0] == "rollback":
            self.play(self.run.step())

    def _resume(self) -> None:
        assert self.run.journal is not None
        story = tuple(self.run.events)
        self.run = self.flow.resume(
            self.run.journal, self.run.id, on_failure=self._pause(), most_resumes=1000
        )
        same = [one == other for one, other in zip(self.run.events, story, strict=False)]
        known = [*same, False].index(False)
        found = [event.node for event in self.run.events[known:]]
        # What an earlier process has lost, and nobody has decided about, is lost still, and no news.
        assert found == [name for name in self.run.lost if name in found]
        self._watch()

    # ------------------------------------------------------------------ what holds

    @invariant()
    def as_the_model_says(self) -> None:
        if not hasattr(self, "model"):
            return
        model, run = self.model, self.run
        assert {name: str(state) for name, state in run.states.items()} == model.states
        assert str(run.state) == model.run
        told = list(self.log)
        for kind, names in model.calls:
            batch, told = told[: len(names)], told[len(names) :]
            assert {name for _, name in batch} == names
            assert {one for one, _ in batch} == {kind}
        assert not told
        self.log.clear()
        model.calls.clear()
        assert set(run.next.undecided) == model.undecided()
        assert {(one.at, one.phase) for one in run.stopped_at} == model.standing
        if not model.undecided():
            coming = model.next()
            assert set(run.next.actions) == (coming[1] if coming else set())

    @invariant()
    def every_prefix_folds_to_the_snapshot(self) -> None:
        if hasattr(self, "run"):
            machine = self.run._driver.machine
            folded = fold(machine.plan, machine.undo, machine.events, machine.policy)
            assert folded.states == machine.states
            assert (folded.run_state, folded.running) == (machine.run_state, 0)
            assert self.heard == machine.events

    def teardown(self) -> None:
        for run, events in getattr(self, "old", ()):
            assert tuple(run.events) == events, "a fork has touched the story of the first run"
        for watcher in getattr(self, "watchers", ()):
            watcher.check()


Debugger.TestCase.settings = settings(
    max_examples=5_000 if LONG else 250,
    stateful_step_count=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
TestDebugger = Debugger.TestCase
