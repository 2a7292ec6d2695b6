"""The laboratory: the live graph with its controls, inspector, history and log, as one piece."""

from __future__ import annotations

import os
from typing import Any, Literal

from daga_nb.core.states import NodeState, RunState
from daga_nb.debug.breakpoints import Phase
from daga_nb.debug.stepper import BatchStep, OneAction
from daga_nb.engine.admission import OnFailure
from daga_nb.engine.fault_plan import Faults
from daga_nb.engine.world import Observe
from daga_nb.errors import FlowDefinitionError, StepError
from daga_nb.flow import DagaFlow
from daga_nb.page.bundle import module, style
from daga_nb.page.effects import world_words
from daga_nb.page.modules import GRAPH_MODULES, VIEWER_MODULES
from daga_nb.widgets.beginnings import LabBeginnings
from daga_nb.widgets.commands import Command
from daga_nb.widgets.obey import obey
from daga_nb.widgets.pace import delay_at

__all__ = ["FlowLab", "lab"]

_UNDOABLE = (RunState.RUNNING, RunState.RECOVERING, RunState.SUCCEEDED)


class FlowLab(LabBeginnings):
    """A laboratory for one flow. `lab` makes it.

    Every button is a method here. Those that run something start a task on the notebook's event loop and
    return at once, so no cell is ever blocked.

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

    _esm = module(
        *GRAPH_MODULES,
        *VIEWER_MODULES,
        "bar.js",
        "decide.js",
        "notice.js",
        "quiz.js",
        "scenarios.js",
        "lab.js",
    )
    _css = style("graph.css", "viewer.css", "lab.css")

    # ------------------------------------------------------------ the buttons

    @property
    def possible(self) -> frozenset[str]:
        """The commands that can be given now."""
        run, found = self._run, set(self._offered)
        if self._blocked:
            return self._offered
        idle = self._idle
        failed = bool(run.undecided) and not run.next.again
        if any(self._working.values()):
            found.add("run" if self._pacer.paused else "pause")
        elif idle and self._quiz is not None and run.next.direction == "back":
            found |= {"step"} if self._quiz.guess or not self._asking else set()
        elif idle and run.next.direction is not None and not (failed and run.state is RunState.RUNNING):
            found |= {"run", "step", "action"}
        elif self._to_turn:
            found |= {"run", "step"} if run.turning and self._quiz is None else {"run"}
        undoable = run.state in _UNDOABLE and run.pivot is None and not run.released
        if undoable and (idle or self._working):
            found.add("rollback")
        if idle:
            found |= {"reset", "rerun"} if run.state is not RunState.READY else set()
            found |= {"retry", "fix"} if failed else set()
            found |= {"use"} if any(not one.problem for one in self._redefined) else set()
            found |= {"skip"} if failed and run.state is RunState.RUNNING else set()
        return frozenset(found)

    def play(self) -> None:
        """Run on to the end, forward or back, at the pace of `speed`, until `pause` or a breakpoint."""
        self._log.say("{lab}.play()")
        self._pacer.resume()
        if not self._working:
            self._work(self._go_on, paced=True)

    def pause(self) -> None:
        """Start nothing more; what runs, finishes."""
        self._log.say("{lab}.pause()")
        self._pacer.pause()
        self._feed.touch()

    def step(self) -> None:
        """Run one batch, forward or back."""
        if self._asking:
            self._mark_prediction()
        self._log.say("await {lab}.run.step()")
        stepper = BatchStep(self._run.plan)
        stepper.dwell = self._pacer.dwell
        self._work(lambda: self._run.drive(stepper, stops=False))

    def step_action(self, name: str | None = None) -> None:
        """Run one action, or one rollback: the named one, or the next in plan order."""
        if self._asking:
            raise StepError(
                "in a quiz a rollback is stepped batch by batch: predict what is undone, then step"
            )
        actions = self._run.next.actions
        chosen = name if name is not None else next(iter(actions), None)
        self._log.say(f"await {{lab}}.run.step_action({'' if chosen is None else repr(chosen)})")
        if chosen is None or chosen not in actions:
            self._work(lambda: self._run.step_action(chosen))
            return
        stepper = OneAction(self._run.plan.ids[chosen])
        stepper.dwell = self._pacer.dwell
        self._work(lambda: self._run.drive(stepper, stops=False))

    def until(self, name: str, phase: Phase = "forward") -> None:
        """Run on until an action, or its ``"rollback"``, is the next to start."""
        self._log.say(f"await {{lab}}.run.until({name!r}{'' if phase == 'forward' else f', {phase!r}'})")
        self._work(lambda: self._run.until(name, phase))

    def rollback(self) -> None:
        """Undo what is done, at the pace of `speed`; also after the run has succeeded."""
        self._log.say("await {lab}.run.rollback()")
        self._pacer.resume()
        self._work(lambda: self._run.rollback(self._pacer), paced=True)

    # ---------------------------------------------------------------------- page

    def close(self) -> None:
        """Let nothing more start, and take the views away."""
        if hasattr(self, "_pacer"):
            self._pacer.pause()
        super().close()

    def _facts(self) -> dict[str, Any]:
        run = self._run
        facts = {**super()._facts(), "can": sorted(self.possible)}
        if self._idle and run.undecided and not run.next.again:
            facts["failed"] = failed = [run.plan.ids[name] for name in run.undecided]
            facts["unknown"] = [node for node in failed if run.node_states[node] is NodeState.UNKNOWN]
            facts["undoing"] = run.state is not RunState.RUNNING
        if run.world is not None:
            facts["world"] = world_words(run.world)
        return facts

    def _obey(self, command: Command) -> None:
        super()._obey(command)
        obey(self, command)


def lab(
    flow: DagaFlow[Any, Any],
    input: Any = None,
    *,
    faults: Faults = (),
    on_failure: OnFailure | None = None,
    observe: Observe | None = None,
    journal: str | os.PathLike[str] | None = None,
    quiz: bool = False,
    speed: float = 0.5,
    direction: Literal["LR", "TB"] = "LR",
    height: int | None = None,
) -> FlowLab:
    """Give a laboratory for `flow`: run it, step it, break it, mend it, and watch the rollback.

    Parameters
    ----------
    flow
        The flow.
    input
        What the actions without predecessors get.
    faults
        Failures planned in advance; more can be planted by a click.
    on_failure
        ``"rollback"``, or ``"pause"``: a failure stops the run before anything is rolled back. If not given,
        that of the open run which is found, else ``"rollback"``.
    observe
        Gives what the world is like; beside the ledger stands what a run has changed. See `DagaFlow.start`.
    journal
        The path of a file in which the runs of this lab are written down, so that they survive the kernel;
        see `DagaFlow.start`. If a run of this flow is open in it, the lab shows it as it stood, and offers to
        go on with it. `FlowLab.journal` changes it.
    quiz
        Before each rollback step the learner has to say what will be undone next.
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
    return FlowLab(
        flow,
        input,
        faults=faults,
        on_failure=on_failure,
        observe=observe,
        journal=journal,
        quiz=quiz,
        speed=speed,
        direction=direction,
        height=height,
    )
