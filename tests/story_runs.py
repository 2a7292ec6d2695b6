"""Runs whose stories are known at every moment: what tests of stories, tapes, logs and reports share."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any

from helpers import Boom, flow_of

from daga_nb import DagaFlowError, Fault, FlowRun
from daga_nb.core.moves import Undo
from daga_nb.core.states import NodeState, RunState
from daga_nb.debug.story import Story
from daga_nb.debug.story_file import from_json, to_json
from daga_nb.page.marks import RUN_STATES, STATES
from daga_nb.page.tape import Tape

Moment = tuple[RunState, dict[str, NodeState]]

CHAIN = [("a", "b"), ("b", "c")]


class Watcher:
    """Copies the state of a run after each of its events."""

    def __init__(self, run: FlowRun) -> None:
        self.run = run
        self.copies: list[Moment] = []
        for position in range(len(run.events) + 1):  # what was inherited is there before anybody can watch
            early = dict.fromkeys(run.plan.names, NodeState.PENDING)
            early |= {str(event.node): NodeState(event.state) for event in run.events[:position]}
            self.copies.append((RunState.READY, early))
        run.subscribe(self._hear)

    def _hear(self, event: Any) -> None:
        self.copies.append((self.run.state, dict(self.run.states)))

    def check(self) -> Story:
        """Hold every prefix of the story, saved and loaded, against the copies; give the loaded one."""
        story = self.run.story
        loaded = from_json(json.loads(json.dumps(to_json(story), allow_nan=False)))
        assert loaded == story
        assert len(self.copies) == len(loaded) + 1
        for position, (state, states) in enumerate(self.copies):
            moment = loaded.at(position)
            assert (moment.state, moment.states) == (state, states), position
        self._check_tape(loaded)
        return loaded

    def _check_tape(self, story: Story) -> None:
        """Fold the rows as a page does: the last row of an action is what its card shows."""
        tape = Tape(story.plan, story.events, story.notes)
        shown = dict.fromkeys(story.plan.names, NodeState.PENDING)
        failed = dict.fromkeys(story.plan.names, False)
        run = RunState.READY
        for position, (node, state, _, bad, at) in enumerate(tape.rows, start=1):
            if node < 0:
                run = RUN_STATES[state]
            else:
                name = story.plan.names[node]
                shown[name], failed[name] = STATES[state], bool(bad)
            assert (run, shown) == self.copies[position]
            assert at == round(1000 * story.events[position - 1].at, 3)
        assert failed == _had_failed(story)
        for node in range(len(story.plan)):
            assert [tape.rows[place][0] for place in tape.of(node)] == [node] * len(tape.of(node))


def _had_failed(story: Story) -> dict[str, bool]:
    """Whether the last thing that an action did, undoing left aside, was to fail."""
    forward = (NodeState.RUNNING, NodeState.SUCCEEDED, NodeState.FAILED)
    last = {event.node: event.state for event in story.events if event.state in forward}
    return {name: last.get(name) is NodeState.FAILED for name in story.plan.names}


def drive(work: Any) -> None:
    """Drive a run, whatever comes of it."""

    async def main() -> None:
        with suppress(DagaFlowError, asyncio.CancelledError):
            await work

    asyncio.run(main())


def failing(at: str, where: Any = "before", error: Exception | None = None) -> Fault:
    """Give a fault."""
    return Fault.raising(error or Boom("planted"), at=at, where=where)


def runs(notes: bool = True) -> dict[str, FlowRun]:
    """Give runs that have come to all kinds of ends, by what is special about them."""
    made: dict[str, FlowRun] = {}

    def run(
        what: str, *works: str, how: Any = None, faults: Any = (), edges: Any = CHAIN, **options: Any
    ) -> None:
        flow_options = {key: options.pop(key) for key in ("rollback_failed", "schedule") if key in options}
        flow = flow_of([], edges, how=how or {}, name=what, **flow_options)
        one = made[what] = flow.start("the input", faults=faults, **options)
        if notes:
            one.take_notes()
        for work in works:
            name, _, argument = work.partition(" ")
            if name == "skip":
                one.skip(argument, "by hand")
            elif name == "mend":
                one.clear_faults(argument)
            else:
                drive(getattr(one, name)(*argument.split()))

    run("not begun")
    run("in the middle", "step")
    run("succeeded", "go")
    run("the diamond", "go", edges=None)
    run("undone by request", "go", "rollback")
    run("failed", "go", faults=[failing("c")])
    run("failed in the diamond", "go", edges=None, faults=[failing("c", "after")])
    run("paused", "go", faults=[failing("b")], on_failure="pause")
    run("tried again", "go", "retry", "mend b", "retry", "go", faults=[failing("b")], on_failure="pause")
    run(
        "tried again, then rolled back",
        *("go", "retry", "mend b", "retry", "go", "rollback"),
        faults=[failing("b")],
        on_failure="pause",
    )
    run("tried again in vain", "go", "retry", "rollback", faults=[failing("b")], on_failure="pause")
    run("skipped", "go", "skip b", "go", faults=[failing("b")], on_failure="pause")
    run(
        "skipped, then rolled back",
        "go",
        "skip b",
        "go",
        "rollback",
        faults=[failing("b")],
        on_failure="pause",
    )
    run("rollback failed", "go", faults=[failing("c"), failing("a", "rollback")])
    run(
        "rollback tried again",
        *("go", "mend a", "retry", "go"),
        faults=[failing("c"), failing("a", "rollback")],
        on_failure="rollback",
    )
    run("kept", "go", how={"a": {"undo": False}}, faults=[failing("c")])
    run("no effect", "go", how={"a": {"undo": False, "no_effect": True}}, faults=[failing("c")])
    run("abandoned", "go", edges=None, faults=[failing("b")])
    run("abandoned at once", "rollback")
    run("abandoned half way", "step", "rollback", edges=[("a", "b"), ("b", "c"), ("a", "c")])
    run("the textbook's rule", "go", faults=[failing("c")], rollback_failed=False)
    run("eager", "go", edges=[("a", "b"), ("b", "z"), ("s", "z")], faults=[failing("s")], schedule="eager")
    fork = made["forked"] = made["succeeded"].fork(2)
    if notes:
        fork.take_notes()
    drive(fork.go())
    drive(fork.rollback())
    return made


UNDO = {undo.value: undo for undo in Undo}
