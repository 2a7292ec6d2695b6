"""What a lab stands on: the run and its notes, the log, the tasks of the buttons, and what is told."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from functools import partial
from typing import Any, Literal

import traitlets

from daga_nb.core.events import Event
from daga_nb.core.moves import Undo
from daga_nb.core.states import NodeState, RunState
from daga_nb.debug.breakpoints import Breakpoint
from daga_nb.debug.quiz import ForwardPacer, Quiz
from daga_nb.debug.stepper import Pacer
from daga_nb.debug.story import Note
from daga_nb.engine.preview import preview, traceback_of
from daga_nb.engine.run import FlowRun
from daga_nb.errors import DagaError, RunBusy, describe
from daga_nb.render.text import elide
from daga_nb.widgets.canvas import GraphWidget
from daga_nb.widgets.details import Watch
from daga_nb.widgets.log import Log
from daga_nb.widgets.loop import capture_prints
from daga_nb.widgets.pace import delay_at
from daga_nb.widgets.postmortem import remember
from daga_nb.widgets.shell import name_in_notebook
from daga_nb.widgets.tapes import Tapes

__all__ = ["UNDERWAY", "Workbench"]

UNDERWAY = (RunState.RUNNING, RunState.RECOVERING, RunState.ROLLING_BACK)
KEPT_RUNS = 20
_FAILING = (NodeState.FAILED, NodeState.ROLLBACK_FAILED)
LONGEST_KEPT_STORY = 20_000
"""Events of the longest story that a saved notebook carries."""


class Workbench(GraphWidget):
    """The part of a lab that follows a run, works, and tells its views; `FlowLab` adds what one can ask."""

    speed = traitlets.Float(0.5, min=0.0, max=1.0).tag(sync=True)

    def __init__(
        self,
        run: FlowRun,
        *,
        quiz: bool = False,
        speed: float = 0.5,
        direction: Literal["LR", "TB"] = "LR",
        height: int | None = None,
    ) -> None:
        self._flow = run.flow
        self._log = Log(partial(name_in_notebook, self), lambda: len(self._run.events), self._wrote)
        self._shown: dict[str, Any] = {}
        self._quiz = Quiz() if quiz else None
        self._pacer = self._new_pacer(delay_at(speed))
        self._working: dict[asyncio.Task[None], bool] = {}
        self._earlier: deque[FlowRun] = deque(maxlen=KEPT_RUNS)
        self._count = 1
        self._seen_failing: set[str] = set()
        self._has_failed = False
        self._open_run(run)
        self._tell_before()
        self._watch = Watch(self._flow, self._tell, self._told)
        super().__init__(run, direction=direction, height=height, speed=speed)

    def _open_run(self, run: FlowRun) -> None:
        self._run = run
        self._history = run.take_notes()
        self._tapes = Tapes(run, self._history, lambda: self._home.call(self._feed.touch))

    def _tell_before(self) -> None:
        """Tell in the log what the run did in a process that has ended."""
        if self._run.started_at is None:  # what a fork inherits it has not done
            return
        for event, note in zip(self._run.events, self._history.notes, strict=True):
            self._tell_of(event, note)

    def _new_pacer(self, delay: float) -> Pacer:
        return Pacer(delay) if self._quiz is None else ForwardPacer(delay)

    @property
    def runs(self) -> tuple[FlowRun, ...]:
        """The runs of this lab, the present one last; of many, the latest."""
        return (*self._earlier, self._run)

    @property
    def seen_failing(self) -> tuple[str, ...]:
        """The actions that have failed in any run of this lab, in plan order."""
        return tuple(name for name in self._run.plan.names if name in self._seen_failing)

    @property
    def _idle(self) -> bool:
        return not self._working and not self._run.busy

    def _check_idle(self) -> None:
        if not self._idle:
            raise RunBusy("this run is going on: pause it, and let what runs finish")

    def _begin(
        self, run: FlowRun, words: str, breakpoints: Iterable[Breakpoint] = (), *, instead: bool = False
    ) -> None:
        """Go on with another run, with these breakpoints; the one before it is left as it was.

        With `instead` it takes the place of the one before, with which nothing was done.
        """
        old = self._run
        left = sum(state is NodeState.SUCCEEDED for state in old.node_states)
        if left and old.state in UNDERWAY and not old.released and not instead:
            stays = "" if old.journal is None else f"it stays open in {old.journal.name}: {old.id}"
            self._log.add("note", f"run {self._count} is left without rollback; still done: {left}", stays)
        for one in breakpoints:
            self._unless_refused(run.break_at, one.at, one.phase, one.when)
        if not instead:
            self._earlier.append(old)
            self._count += 1
        self._pacer = self._new_pacer(self._pacer.delay)
        if self._quiz is not None:
            self._quiz.begin()
        self._open_run(run)
        self._log.begin()
        self._log.add("note", f"run {self._count} {words}")
        self._tell_before()
        self._feed.follow(run)
        self._feed.tell_all()
        self._watch.changed(run, None)
        self._feed.touch()

    def _unless_refused(self, plant: Callable[..., object], *what: Any) -> None:
        """Plant in another run what stood in this one: only what was replaced had room for some."""
        try:
            plant(*what)
        except DagaError as error:
            self._complain(error)

    # ------------------------------------------------------------------- working

    def _work(self, begin: Callable[[], Awaitable[Any]], paced: bool = False) -> None:
        """Start what a button asks for, and return at once; `paced` if it can be paused."""

        async def work() -> None:
            try:
                with capture_prints(self._print):
                    await begin()
            finally:
                self._working.pop(asyncio.current_task(), None)  # type: ignore[arg-type]
                self._log.end_lines()
                if self._has_failed:
                    self._has_failed = False
                    remember(self._run)
                self._feed.rest()

        task = self._home.start(work())
        if not task.done():  # an eager task may have ended by now
            self._working[task] = paced
        self._feed.touch()

    async def rest(self) -> None:
        """Wait until what the buttons have started has ended, or has stopped, so that a cell can go on."""
        while self._working:
            await asyncio.wait([*self._working])

    def _print(self, text: str) -> None:
        self._log.write(text)
        self._home.call(self._feed.touch)

    def _wrote(self, line: str) -> None:
        self._history.wrote(line)

    def _complain(self, error: BaseException) -> None:
        more = "" if isinstance(error, DagaError) else traceback_of(error).partition("\n")[2]
        for one in error.exceptions if isinstance(error, BaseExceptionGroup) else [error]:
            self._log.add("error", describe(one), more)
        self._feed.touch()

    @traitlets.observe("speed")
    def _hurry(self, change: Any) -> None:
        self._pacer.delay = delay_at(change.new)

    # ------------------------------------------------------------------- telling

    def _heard(self, event: Event) -> None:
        note = self._history.notes[event.seq - 1]
        self._tapes.add(event, note)
        self._has_failed = self._has_failed or event.state in _FAILING
        self._tell_of(event, note)
        super()._heard(event)

    def _tell_of(self, event: Event, note: Note) -> None:
        if event.node is not None and event.state is NodeState.FAILED:
            self._seen_failing.add(event.node)
        self._log.tell(self._run.plan, event, note)

    def _told(self, node: int) -> Iterator[tuple[Event, Note]]:
        """Give the events of an action with their notes."""
        events, notes = self._run.events, self._history.notes
        return ((events[place], notes[place]) for place in self._tapes.events.of(node))

    def _keep(self, snapshot: dict[str, Any]) -> None:
        rows = ("events", "effects")
        long: dict[str, Any] = {name: [] for name in rows if len(snapshot[name]) > LONGEST_KEPT_STORY}
        super()._keep({**snapshot, **long})

    def _head(self, run: FlowRun) -> dict[str, Any]:
        head = super()._head(run)
        if self._asking:
            head |= {"next": "what is undone next? Click it, then Batch (N)", "front": 0}
        elif self._to_turn and not run.turning:
            lost = all(run.states[name] is NodeState.UNKNOWN for name in run.undecided)
            names = ", ".join(map(elide, run.undecided[:6]))
            words = f"nobody knows whether {names} happened" if lost else f"{names} failed"
            head["next"] = f"{words}; going on rolls back, or retry, or skip with a value"
        elif run.stopped_at:
            head["next"] = (
                f"stopped {', '.join(elide(str(one), 80) for one in run.stopped_at[:3])} · {head['next']}"
            )
        return head

    @property
    def _to_turn(self) -> bool:
        """Whether the run turns back as soon as it goes on, as nothing is to be decided any more."""
        run = self._run
        waits = self._idle and run.state is RunState.RUNNING and bool(run.undecided or run.turning)
        return waits and not run.next.undecided and not run.next.again

    @property
    def _asking(self) -> bool:
        """Whether the learner is to predict what is undone next."""
        return self._quiz is not None and self._idle and bool(self._undone_next())

    def _undone_next(self) -> list[int]:
        """Give the actions whose rollback the next step calls."""
        step, plan, undo = self._run.next, self._run.plan, self._run.undo
        if step.direction != "back":
            return []
        return [node for node in map(plan.find, step.actions) if undo[node] is Undo.CALL]

    def _facts(self) -> dict[str, Any]:
        run, quiz = self._run, self._quiz
        facts: dict[str, Any] = {
            "run": self._count,
            "input": "" if run.input is None else preview(run.input, 60),
            "pausing": bool(self._working) and self._pacer.paused,
            "held": self._idle and run.state in UNDERWAY,
            "on_failure": run.on_failure,
            "seen": [[run.plan.ids[name] for name in self.seen_failing], len(run.plan)],
        }
        if quiz is not None:
            verdict = None if quiz.verdict is None else [list(part) for part in quiz.verdict]
            facts["quiz"] = {
                "asking": self._asking,
                "guess": sorted(quiz.guess),
                "verdict": verdict,
                "score": quiz.score,
            }
        return facts

    def _extras(self, changed: set[int] | None) -> dict[str, Any]:
        facts = self._facts()
        if changed is None:
            lines = {"log": [*self._log.lines], "python": [*self._log.python]}
            return {"lab": facts, **lines, **self._tapes.all()}
        found = {"log": self._log.take(), "python": self._log.take_python(), **self._tapes.take()}
        if facts != self._shown:
            found["lab"] = self._shown = facts
        self._watch.changed(self._run, changed)
        return {name: value for name, value in found.items() if value}
