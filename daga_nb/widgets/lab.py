"""The laboratory: the live graph with its controls, inspector and log, as one piece."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any, Literal

import traitlets

from daga_nb.core.states import NodeState, RunState
from daga_nb.debug.preview import preview, traceback_of
from daga_nb.debug.stepper import BatchStep, OneAction, Pacer
from daga_nb.engine.faults import Fault, Where
from daga_nb.errors import DagaError, FlowDefinitionError, RunBusy, describe
from daga_nb.flow import DagaFlow
from daga_nb.page.bundle import module, style
from daga_nb.page.marks import KINDS, PLACES
from daga_nb.widgets.canvas import GRAPH_MODULES, GraphWidget
from daga_nb.widgets.commands import Command
from daga_nb.widgets.details import Watch
from daga_nb.widgets.log import Log
from daga_nb.widgets.loop import capture_prints, name_in_notebook
from daga_nb.widgets.pace import delay_at

__all__ = ["FlowLab", "lab"]

_UNDERWAY = (RunState.RUNNING, RunState.ROLLING_BACK)
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
        run = flow.start(input, faults=faults)
        self._flow = flow
        self._count = 1
        self._log = Log(partial(name_in_notebook, self))
        self._shown: dict[str, Any] = {}
        self._watch = Watch(flow, self._tell)
        self._pacer = Pacer(delay_at(speed))
        self._working: dict[asyncio.Task[None], bool] = {}
        super().__init__(run, direction=direction, height=height, speed=speed)

    # ------------------------------------------------------------ the buttons

    @property
    def possible(self) -> frozenset[str]:
        """The commands that can be given now."""
        run, found = self._run, set()
        idle = not self._working and not run.busy
        if any(self._working.values()):
            found.add("run" if self._pacer.paused else "pause")
        elif idle and run.next.direction is not None:
            found |= {"run", "step", "action"}
        if run.state in _UNDOABLE and (idle or self._working):
            found.add("rollback")
        if idle and run.state is not RunState.READY:
            found.add("reset")
        return frozenset(found)

    def play(self) -> None:
        """Run on to the end, forward or back, at the pace of `speed`, until `pause`."""
        self._log.say("{lab}.play()")
        self._pacer.resume()
        if not self._working:
            self._work(lambda: self._run.drive(self._pacer), paced=True)

    def pause(self) -> None:
        """Start nothing more; what runs, finishes."""
        self._log.say("{lab}.pause()")
        self._pacer.pause()
        self._feed.touch()

    def step(self) -> None:
        """Run one batch, forward or back."""
        self._log.say("await {lab}.run.step()")
        stepper = BatchStep(self._run.plan)
        stepper.dwell = self._pacer.dwell
        self._work(lambda: self._run.drive(stepper, stops=False))

    def step_action(self, name: str | None = None) -> None:
        """Run one action, or one rollback: the named one, or the next in plan order."""
        actions = self._run.next.actions
        chosen = name if name is not None else next(iter(actions), None)
        self._log.say(f"await {{lab}}.run.step_action({'' if chosen is None else repr(chosen)})")
        if chosen is None or chosen not in actions:
            self._work(lambda: self._run.step_action(chosen))
            return
        stepper = OneAction(self._run.plan.ids[chosen])
        stepper.dwell = self._pacer.dwell
        self._work(lambda: self._run.drive(stepper, stops=False))

    def rollback(self) -> None:
        """Undo what is done, at the pace of `speed`; also after the run has succeeded."""
        self._log.say("await {lab}.run.rollback()")
        self._pacer.resume()
        self._work(lambda: self._run.rollback(self._pacer), paced=True)

    def reset(self) -> None:
        """Begin a new run with the same input and the same faults; the old one is left as it was."""
        old = self._run
        if self._working or old.busy:
            raise RunBusy("this run is going on: pause it, and let what runs finish, before the reset")
        self._log.say("{lab}.reset()")
        left = sum(state is NodeState.SUCCEEDED for state in old.node_states)
        if left and old.state in _UNDERWAY:
            self._log.add("note", f"run {self._count} is left without rollback; still done: {left}")
        self._run = self._flow.start(old.input, faults=old.faults)
        self._count += 1
        self._pacer = Pacer(self._pacer.delay)
        self._log.add("note", f"run {self._count} is ready")
        self._feed.follow(self._run)
        self._feed.tell_all()
        self._watch.changed(self._run, None)
        self._feed.touch()

    def plant(self, name: str, where: Where = "before", error: Exception | None = None) -> None:
        """Plant a failure at an action: ``"before"`` or ``"after"`` its effect, or in its ``"rollback"``."""
        fault = Fault.raising(error or RuntimeError("planted"), at=name, where=where)
        self._run.clear_faults(at=name, where=where)
        self._run.inject(fault)
        self._log.say(f"{{lab}}.run.inject({fault})")
        self._log.add("note", f"⚡ failure planted at {name}", f"{fault.place}: {describe(fault.fire())}")
        self._feed.touch()

    def unplant(self, name: str, where: Where | None = None) -> None:
        """Take a planted failure out again."""
        self._run.clear_faults(at=name, where=where)
        self._log.say(f"{{lab}}.run.clear_faults(at={name!r}{'' if where is None else f', where={where!r}'})")
        self._log.add("note", f"failure removed at {name}", where or "")
        self._feed.touch()

    def close(self) -> None:
        """Let nothing more start, and take the views away."""
        if hasattr(self, "_pacer"):
            self._pacer.pause()
        super().close()

    # ---------------------------------------------------------- in the kernel

    def _work(self, begin: Callable[[], Awaitable[Any]], paced: bool = False) -> None:
        """Start what a button asks for, and return at once; `paced` if it can be paused."""

        async def work() -> None:
            try:
                with capture_prints(self._print):
                    await begin()
            finally:
                del self._working[task]
                self._log.end_lines()
                self._feed.rest()

        task = self._home.start(work())
        self._working[task] = paced
        self._feed.touch()

    def _print(self, text: str) -> None:
        self._log.write(text)
        self._home.call(self._feed.touch)

    def _heard(self, event: Any) -> None:
        self._log.tell(self._run, event)
        super()._heard(event)

    def _complain(self, error: BaseException) -> None:
        more = "" if isinstance(error, DagaError) else traceback_of(error).partition("\n")[2]
        for one in error.exceptions if isinstance(error, BaseExceptionGroup) else [error]:
            self._log.add("error", describe(one), more)
        self._feed.touch()

    @traitlets.observe("speed")
    def _hurry(self, change: Any) -> None:
        self._pacer.delay = delay_at(change.new)

    def _extras(self, changed: set[int] | None) -> dict[str, Any]:
        facts = {
            "run": self._count,
            "input": "" if self._run.input is None else preview(self._run.input, 60),
            "can": sorted(self.possible),
            "pausing": bool(self._working) and self._pacer.paused,
            "held": not self._working and not self._run.busy and self._run.state in _UNDERWAY,
        }
        if changed is None:
            return {"lab": facts, "log": [*self._log.lines], "python": [*self._log.python]}
        found: dict[str, Any] = {"log": self._log.take(), "python": self._log.take_python()}
        if facts != self._shown:
            found["lab"] = self._shown = facts
        self._watch.changed(self._run, changed)
        return {name: value for name, value in found.items() if value}

    def _obey(self, command: Command) -> None:
        super()._obey(command)
        name = "" if command.node is None else self._run.plan.names[command.node]
        if command.name in _BUTTONS:
            if command.name in self.possible:
                _BUTTONS[command.name](self)
        elif command.name == "speed":
            self.speed = float(command.to)
            self._log.say(f"{{lab}}.speed = {self.speed:.2f}")
        elif command.name == "look" and command.node is not None:
            self._watch.add(self._run, command.node)
        elif command.name == "plant":
            self.plant(name, command.where, KINDS[command.kind]("planted"))
        elif command.name == "clear":
            self.unplant(name, command.where)
        elif command.name == "cycle" and command.node is not None:
            self._cycle(command.node, name)

    def _cycle(self, node: int, name: str) -> None:
        """Move the failure at a node on: before, after, in the rollback, none."""
        planted = [fault.where for fault in self._run.faults if fault.at == name]
        places = [place for place in PLACES if place != "rollback" or self._run.calls[node].rollback]
        following = places.index(planted[-1]) + 1 if planted else 0
        if planted:
            self.unplant(name)
        if following < len(places):
            self.plant(name, places[following])


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
    if not isinstance(flow, DagaFlow):
        raise FlowDefinitionError(
            f"lab shows a DagaFlow, not {type(flow).__name__}; for a run there is canvas(run)"
        )
    delay_at(speed)
    return FlowLab(flow, input, faults=faults, speed=speed, direction=direction, height=height)
