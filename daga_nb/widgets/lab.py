"""The laboratory: the live graph with its controls, inspector and log, as one piece."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Literal

import traitlets

from daga_nb.core.states import NodeState, RunState
from daga_nb.debug.stepper import BatchStep, OneAction, Pacer
from daga_nb.engine.faults import Fault, Where
from daga_nb.errors import DagaError, describe
from daga_nb.flow import DagaFlow
from daga_nb.widgets.bundle import module, style
from daga_nb.widgets.canvas import GRAPH_MODULES, GraphWidget
from daga_nb.widgets.commands import Command
from daga_nb.widgets.details import Sources, details, preview, traceback_of
from daga_nb.widgets.loop import capture_prints
from daga_nb.widgets.marks import KINDS, PLACES
from daga_nb.widgets.story import Story

__all__ = ["FlowLab", "lab"]

SLOWEST = 0.8
"""Seconds that a batch is held at speed 0."""

_WATCHED = 8
_LINES = 200
_UNDOABLE = (RunState.RUNNING, RunState.SUCCEEDED)


class FlowLab(GraphWidget):
    """A laboratory for one flow. `lab` makes it.

    Every button is a method here: `play`, `pause`, `step`, `step_action`, `rollback`, `reset`, `plant`. They
    start a task on the notebook's event loop and return at once, so no cell is ever blocked.

    Attributes
    ----------
    speed
        From 0, slow enough to follow by eye, to 1, as fast as it goes. May be set while it runs.

    Examples
    --------
    >>> flow = DagaFlow([(abs, max)], name="tiny")
    >>> bench = FlowLab(flow, input=-3)
    >>> bench.run.state.word, sorted(bench.possible)
    ('ready', ['action', 'run', 'step'])
    """

    _esm = module(*GRAPH_MODULES, "bar.js", "inspector.js", "log.js", "lab.js")
    _css = style("graph.css", "lab.css")

    speed = traitlets.Float(0.5, min=0.0, max=1.0).tag(sync=True)

    def __init__(
        self,
        flow: DagaFlow[Any, Any],
        input: Any = None,
        *,
        faults: Iterable[Fault] = (),
        speed: float = 0.5,
        direction: Literal["LR", "TB"] = "LR",
        height: int | None = None,
    ) -> None:
        self._flow = flow
        self._count = 1
        self._story = Story()
        self._python: list[str] = []
        self._fresh_python: list[str] = []
        self._shown: dict[str, Any] = {}
        self._watched: dict[int, None] = {}
        self._sources = Sources(flow)
        self._pacer = Pacer(SLOWEST * (1 - speed) ** 2)
        self._working: set[asyncio.Task[None]] = set()
        super().__init__(flow.start(input, faults=faults), direction=direction, height=height, speed=speed)

    # ------------------------------------------------------------ the buttons

    @property
    def possible(self) -> frozenset[str]:
        """The commands that can be given now."""
        run, found = self._run, set()
        playing = bool(self._working)
        idle = not playing and not run.busy
        more = run.next.direction is not None
        if more and (idle or (playing and self._pacer.paused)):
            found.add("run")
        if playing and not self._pacer.paused:
            found.add("pause")
        if idle and more:
            found |= {"step", "action"}
        if run.state in _UNDOABLE and (idle or playing):
            found.add("rollback")
        if idle and run.state is not RunState.READY:
            found.add("reset")
        return frozenset(found)

    def play(self) -> None:
        """Run on to the end, forward or back, at the pace of `speed`, until `pause`."""
        self._say("lab.play()")
        self._pacer.resume()
        if not self._working:
            self._work(lambda: self._run.drive(self._pacer))

    def pause(self) -> None:
        """Start nothing more; what runs, finishes."""
        self._say("lab.pause()")
        self._pacer.pause()
        self._feed.touch()

    def step(self) -> None:
        """Run one batch, forward or back."""
        self._say("await run.step()")
        stepper = BatchStep(self._run.plan)
        stepper.dwell = self._pacer.dwell
        self._work(lambda: self._run.drive(stepper))

    def step_action(self, name: str | None = None) -> None:
        """Run one action, or one rollback: the named one, or the next in plan order."""
        actions = self._run.next.actions
        chosen = name if name is not None else next(iter(actions), None)
        self._say(f"await run.step_action({'' if chosen is None else repr(chosen)})")
        if chosen is None or chosen not in actions:
            self._work(lambda: self._run.step_action(chosen))
            return
        stepper = OneAction(self._run.plan.ids[chosen])
        stepper.dwell = self._pacer.dwell
        self._work(lambda: self._run.drive(stepper))

    def rollback(self) -> None:
        """Undo what is done, at the pace of `speed`; also after the run has succeeded."""
        self._say("await run.rollback()")
        self._pacer.resume()
        self._work(lambda: self._run.rollback(self._pacer))

    def reset(self) -> None:
        """Begin a new run with the same input and the same faults; the old one is left as it was."""
        old = self._run
        if self._working or old.busy:
            self._story.add("note", "Reset waits until nothing runs: pause first")
            self._feed.touch()
            return
        self._say("run = flow.start(run.input, faults=run.faults)")
        left = sum(state is NodeState.SUCCEEDED for state in old.node_states)
        if old.state not in (RunState.READY, RunState.ROLLED_BACK) and not old.state.ended:
            self._story.add(
                "note", f"run {self._count} is left as it was, without rollback: {left} actions stay done"
            )
        self._run = self._flow.start(old.input, faults=old.faults)
        self._count += 1
        self._pacer = Pacer(self._pacer.delay)
        self._story.add("note", f"run {self._count} is ready")
        self._feed.follow(self._run)
        self._feed.tell_all()
        self._look_again(self._watched)
        self._feed.touch()

    def plant(self, name: str, where: Where = "before", kind: str = "RuntimeError") -> None:
        """Plant a failure at an action: ``"before"`` or ``"after"`` its effect, or in its ``"rollback"``."""
        fault = Fault.raising(KINDS[kind]("planted"), at=name, where=where)
        self._run.inject(fault)
        self._say(f"run.inject({fault})")
        self._story.add("note", f"⚡ failure planted at {name}", f"{fault.place}, {kind}")
        self._feed.touch()

    def unplant(self, name: str, where: Where | None = None) -> None:
        """Take a planted failure out again."""
        self._run.clear_faults(at=name, where=where)
        self._say(f"run.clear_faults(at={name!r}{'' if where is None else f', where={where!r}'})")
        self._story.add("note", f"failure removed at {name}", where or "")
        self._feed.touch()

    def close(self) -> None:
        """Let nothing more start, and take the views away."""
        self._pacer.pause()
        super().close()

    # ---------------------------------------------------------- in the kernel

    def _work(self, begin: Callable[[], Awaitable[Any]]) -> None:
        """Start what a button asks for, and return at once."""

        async def work() -> None:
            try:
                with capture_prints(self._print):
                    await begin()
            finally:
                self._working.discard(task)
                self._story.end_lines()
                self._feed.rest()

        task = self._home.start(work())
        self._working.add(task)
        self._feed.touch()

    def _print(self, text: str) -> None:
        self._story.write(text)
        self._home.call(self._feed.touch)

    def _say(self, line: str) -> None:
        """Show the line of Python that does the same as the click."""
        self._python = [*self._python[-_LINES:], line]
        self._fresh_python.append(line)

    def _heard(self, event: Any) -> None:
        self._story.tell(self._run, event)
        super()._heard(event)

    def _complain(self, error: BaseException) -> None:
        more = "" if isinstance(error, DagaError) else traceback_of(error).partition("\n")[2]
        errors = error.exceptions if isinstance(error, BaseExceptionGroup) else [error]
        for one in errors:
            self._story.add("error", describe(one), more)
        self._feed.touch()

    @traitlets.observe("speed")
    def _hurry(self, change: Any) -> None:
        self._pacer.delay = SLOWEST * (1 - change.new) ** 2

    def _extras(self, changed: set[int] | None) -> dict[str, Any]:
        facts = {
            "run": self._count,
            "input": "" if self._run.input is None else preview(self._run.input, 60),
            "can": sorted(self.possible),
            "held": not self._working and not self._run.state.ended and self._run.state is not RunState.READY,
        }
        if changed is None:
            return {"lab": facts, "log": list(self._story.lines), "python": self._python}
        found: dict[str, Any] = {"log": self._story.take()}
        found["python"], self._fresh_python = self._fresh_python, []
        if facts != self._shown:
            found["lab"] = self._shown = facts
        self._look_again(node for node in self._watched if self._touched(node, changed))
        return {name: value for name, value in found.items() if value}

    def _touched(self, node: int, changed: set[int]) -> bool:
        return node in changed or not changed.isdisjoint(self._run.plan.predecessors[node])

    def _look_again(self, nodes: Iterable[int]) -> None:
        for node in list(nodes):
            self._tell({"t": "look", **details(self._run, node, self._sources)})

    def _obey(self, command: Command) -> None:
        super()._obey(command)
        name = "" if command.node is None else self._run.plan.names[command.node]
        if command.name in _BUTTONS:
            if command.name in self.possible:
                _BUTTONS[command.name](self)
        elif command.name == "speed":
            self.speed = float(command.to)
            self._say(f"lab.speed = {self.speed:.2f}")
        elif command.name == "look" and command.node is not None:
            self._watched.pop(command.node, None)
            self._watched[command.node] = None
            while len(self._watched) > _WATCHED:
                self._watched.pop(next(iter(self._watched)))
            self._look_again([command.node])
        elif command.name == "plant":
            self._plant(name, command.where, command.kind)
        elif command.name == "clear":
            self.unplant(name, command.where)
        elif command.name == "cycle" and command.node is not None:
            self._cycle(command.node, name)

    def _plant(self, name: str, where: Any, kind: str) -> None:
        self._run.clear_faults(at=name, where=where)
        self.plant(name, where, kind)

    def _cycle(self, node: int, name: str) -> None:
        """Move the failure at a node on: before, after, in the rollback, none."""
        planted = [fault.where for fault in self._run.faults if fault.at == name]
        places = [place for place in PLACES if place != "rollback" or self._run.flow.calls[node].rollback]
        following = places.index(planted[-1]) + 1 if planted else 0
        if planted:
            self.unplant(name)
        if following < len(places):
            self._plant(name, places[following], "RuntimeError")


_BUTTONS: dict[str, Callable[[FlowLab], None]] = {
    "run": FlowLab.play,
    "pause": FlowLab.pause,
    "step": FlowLab.step,
    "action": FlowLab.step_action,
    "rollback": FlowLab.rollback,
    "reset": FlowLab.reset,
}


def lab(
    flow: DagaFlow[Any, Any],
    input: Any = None,
    *,
    faults: Iterable[Fault] = (),
    speed: float = 0.5,
    direction: Literal["LR", "TB"] = "LR",
    height: int | None = None,
) -> FlowLab:
    """Give a laboratory for `flow`: run it, step it, break it, and watch the rollback.

    Parameters
    ----------
    flow
        The flow.
    input
        What the actions without predecessors get.
    faults
        Failures planned in advance; more can be planted by a click.
    speed
        From 0, slow enough to follow by eye, to 1, as fast as it goes.
    direction
        ``"LR"``, left to right, or ``"TB"``, top to bottom.
    height
        The height of the graph in pixels; None for one that suits it.

    Examples
    --------
    >>> async def quote(results): return 842.0
    >>> async def pay(results): return "paid"
    >>> print(lab(DagaFlow([(quote, pay)])).run.next)
    next: batch 1, 1 action: quote
    """
    return FlowLab(flow, input, faults=faults, speed=speed, direction=direction, height=height)
