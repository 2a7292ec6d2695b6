"""The laboratory: the live graph with its controls, inspector, history and log, as one piece."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

from daga_nb.core.states import RunState
from daga_nb.debug.breakpoints import Phase
from daga_nb.debug.scenario import Scenario, scenario_files
from daga_nb.debug.stepper import BatchStep, OneAction
from daga_nb.engine.admission import OnFailure
from daga_nb.engine.fault_plan import Faults
from daga_nb.engine.preview import whole
from daga_nb.engine.world import Observe
from daga_nb.errors import FlowDefinitionError, StepError
from daga_nb.flow import DagaFlow
from daga_nb.page.bundle import module, style
from daga_nb.page.effects import world_words
from daga_nb.page.modules import GRAPH_MODULES, VIEWER_MODULES
from daga_nb.widgets.commands import Command
from daga_nb.widgets.decisions import LabDecisions, words_of_fork
from daga_nb.widgets.log import as_python
from daga_nb.widgets.obey import obey
from daga_nb.widgets.pace import delay_at

__all__ = ["FlowLab", "lab"]

MOST_SCENARIOS = 100
_UNDOABLE = (RunState.RUNNING, RunState.RECOVERING, RunState.SUCCEEDED)


class FlowLab(LabDecisions):
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

    _scenarios: list[Path] | None = None
    _esm = module(*GRAPH_MODULES, *VIEWER_MODULES, "bar.js", "decide.js", "quiz.js", "scenarios.js", "lab.js")
    _css = style("graph.css", "viewer.css", "lab.css")

    def __init__(
        self,
        flow: DagaFlow[Any, Any],
        input: Any = None,
        *,
        faults: Faults = (),
        on_failure: OnFailure = "rollback",
        observe: Observe | None = None,
        quiz: bool = False,
        speed: float = 0.5,
        direction: Literal["LR", "TB"] = "LR",
        height: int | None = None,
    ) -> None:
        run = flow.start(input, faults=faults, on_failure=on_failure, observe=observe)
        super().__init__(run, quiz=quiz, speed=speed, direction=direction, height=height)

    # ------------------------------------------------------------ the buttons

    @property
    def possible(self) -> frozenset[str]:
        """The commands that can be given now."""
        run, found = self._run, set()
        idle = self._idle
        failed = bool(run.undecided)
        if any(self._working.values()):
            found.add("run" if self._pacer.paused else "pause")
        elif idle and self._quiz is not None and run.next.direction == "back":
            found |= {"step"} if self._quiz.guess or not self._asking else set()
        elif idle and run.next.direction is not None and not (failed and run.state is RunState.RUNNING):
            found |= {"run", "step", "action"}
        elif self._to_turn:
            found.add("run")
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
            self._work(lambda: self._run.drive(self._pacer), paced=True)

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

    def reset(self) -> None:
        """Begin a new run with the same input, faults and breakpoints; the old one is left as it was."""
        self._check_idle()
        self._log.say("{lab}.reset()")
        old = self._run
        run = self._use_again(self._flow.start(old.input, on_failure=old.on_failure))
        for fault in old.faults:
            self._unless_refused(run.inject, fault)
        self._begin(run, "is ready", old.breakpoints)

    def rerun(self, batch: int, **changes: Any) -> None:
        """Re-run from here: go on with a new run that begins with `batch`, and has what was done before it.

        It inherits results, not effects: what this run did before is not undone by it, unless ``adopt=True``.
        Nothing starts yet, so that faults can be planted and functions replaced first.

        Parameters
        ----------
        batch
            The batch that it begins with, from 1.
        changes
            ``results``, ``replace``, ``faults``, ``adopt``, ``input``: as for `FlowRun.fork`.

        Raises
        ------
        ForkError
            If the run cannot be forked in this way.
        """
        self._check_idle()
        forked = self._run.fork(batch, **changes)
        more = "".join(f", {name}={as_python(value)}" for name, value in changes.items())
        self._log.say(f"{{lab}}.rerun({batch}{more})")
        words = words_of_fork(self._run, self._count, batch, bool(changes.get("adopt")))
        self._begin(forked, words, self._run.breakpoints)

    # -------------------------------------------------------------- scenarios

    def scenario(self, name: str) -> Scenario:
        """Give the failures, the breakpoints and the input as they are now, under a name."""
        return Scenario.of(self._run, name)

    def replay(self, scenario: Scenario | str | os.PathLike[str]) -> None:
        """Begin a new run as a scenario, or the one in a file, says, and run it at the pace of `speed`.

        Raises
        ------
        ScenarioError
            If the file holds none, or it does not fit this flow.
        """
        self._check_idle()
        found = scenario if isinstance(scenario, Scenario) else Scenario.load(scenario)
        run = found.start(self._flow, self._use_again)
        if not isinstance(scenario, Scenario):
            self._log.say(f"{{lab}}.replay({os.fspath(scenario)!r})")
        self._begin(run, f"replays the scenario {found}", ())
        self._work(lambda: run.drive(self._pacer), paced=True)

    def _list_scenarios(self) -> None:
        self._scenarios = scenario_files()
        self._feed.touch()

    def _keep_scenario(self, name: str) -> None:
        path = self.scenario(name).save()
        self._log.say(f"{{lab}}.scenario({name!r}).save()")
        self._log.add("note", f"scenario {name} saved", path.name)
        self._list_scenarios()

    # ---------------------------------------------------------------------- page

    def close(self) -> None:
        """Let nothing more start, and take the views away."""
        if hasattr(self, "_pacer"):
            self._pacer.pause()
        super().close()

    def _facts(self) -> dict[str, Any]:
        run = self._run
        facts = {**super()._facts(), "can": sorted(self.possible)}
        if self._idle and run.undecided:
            facts["failed"] = [run.plan.ids[name] for name in run.undecided]
            facts["undoing"] = run.state is not RunState.RUNNING
        if run.world is not None:
            facts["world"] = world_words(run.world)
        if self._scenarios is not None:
            facts["scenarios"] = [whole(path.name) for path in self._scenarios[:MOST_SCENARIOS]]
        return facts

    def _obey(self, command: Command) -> None:
        super()._obey(command)
        obey(self, command)


def lab(
    flow: DagaFlow[Any, Any],
    input: Any = None,
    *,
    faults: Faults = (),
    on_failure: OnFailure = "rollback",
    observe: Observe | None = None,
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
        ``"rollback"``, or ``"pause"``: a failure stops the run before anything is rolled back.
    observe
        Gives what the world is like; beside the ledger stands what a run has changed. See `DagaFlow.start`.
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
        quiz=quiz,
        speed=speed,
        direction=direction,
        height=height,
    )
