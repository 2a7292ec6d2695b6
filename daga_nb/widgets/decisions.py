"""What is decided in a lab: where the run fails and stops, and what becomes of what failed."""

from __future__ import annotations

from typing import Any

from daga_nb.core.events import Event
from daga_nb.core.moves import Undo
from daga_nb.core.states import NodeState
from daga_nb.debug.breakpoints import Condition, Phase
from daga_nb.engine.admission import OnFailure, check_on_failure
from daga_nb.engine.faults import Fault, Where
from daga_nb.engine.preview import LONGEST_TEXT, whole
from daga_nb.engine.run import FlowRun
from daga_nb.errors import StepError
from daga_nb.page.fault_words import deed
from daga_nb.render.text import elide
from daga_nb.render.theme import FAULT_GLYPH
from daga_nb.widgets.anew import LabFunctions
from daga_nb.widgets.drafts import Draft, drafted
from daga_nb.widgets.log import as_python

__all__ = ["LabDecisions", "words_of_fork"]


class LabDecisions(LabFunctions):
    """The half of a `FlowLab` that decides, as `RunDecisions` is of a run."""

    # ----------------------------------------------- what fails, and where it stops

    @property
    def on_failure(self) -> OnFailure:
        """What a failure does: ``"rollback"``, or ``"pause"`` until somebody decides."""
        return self._run.on_failure

    @on_failure.setter
    def on_failure(self, what: OnFailure) -> None:
        self._run.on_failure = check_on_failure(what)
        self._log.say(f"{{lab}}.on_failure = {what!r}")
        self._feed.touch()

    def retry(self, *names: str) -> None:
        """Call what failed once more, or the named actions of it: nothing is rolled back in between.

        What a cell has defined anew is used from now on.
        """
        self._use_redefined()
        self._log.say(f"await {{lab}}.run.retry({', '.join(map(repr, names))})")
        self._work(lambda: self._run.retry(*names))

    def fix(self) -> None:
        """Fix and resume: retry, and if nothing fails any more, go on at the pace of `speed`."""
        self._use_redefined()
        self._log.say("{lab}.fix()")
        self._pacer.resume()
        self._work(self._retry_and_go_on, paced=True)

    async def _retry_and_go_on(self) -> None:
        await self._run.retry()
        if not self._run.undecided and not self._run.state.ended:
            await self._run.drive(self._pacer)

    def use(self) -> None:
        """Use from now on what a cell has defined anew, in this run and in the next ones of this lab."""
        self._use_redefined()
        self._feed.touch()

    def skip(self, name: str, value: Any = None) -> None:
        """Go on as if a failed action had given `value`. It is rolled back as a failed one is."""
        self._run.skip(name, value)
        self._log.say(f"{{lab}}.run.skip({name!r}, {as_python(value)})")
        self._feed.touch()

    def plant(self, name: str, where: Where = "before", error: Exception | None = None) -> None:
        """Plant a failure at an action: ``"before"`` or ``"after"`` its effect, or in its ``"rollback"``."""
        self._inject(Fault.raising(RuntimeError("planted") if error is None else error, at=name, where=where))

    def _inject(self, fault: Fault) -> None:
        self._run.inject(fault)
        self._log.say(*_injecting(fault))
        self._log.add("note", f"{FAULT_GLYPH} failure planted at {fault.at}", f"{fault.place}: {deed(fault)}")
        self._feed.touch()

    def _say_draft(self, node: int, where: Where, draft: Draft) -> Fault | None:
        """Tell the page what a filled-in form means, or which field of it is wrong, and give the fault."""
        fault, field, why = drafted(self._run.plan, node, where, draft)
        if fault is not None:
            field, why = "kind", self._run.refusal(fault)
        told = {"t": "draft", "node": node, "where": where, "of": draft}
        if fault is None or why:
            self._tell({**told, "field": field, "why": elide(why, 300)})
            return None
        line, *imports = _injecting(fault)
        text, python = whole(str(fault)), [*imports, self._log.spoken(line)]
        # A text that is cut would mean another fault.
        self._tell({**told, "text": text if len(text) <= LONGEST_TEXT else "", "python": python})
        return fault

    def unplant(self, name: str, where: Where | None = None) -> None:
        """Take a planted failure out again."""
        self._run.clear_faults(at=name, where=where)
        self._log.say(f"{{lab}}.run.clear_faults(at={name!r}{'' if where is None else f', where={where!r}'})")
        self._log.add("note", f"failure removed at {name}", where or "")
        self._feed.touch()

    def break_at(self, name: str, phase: Phase = "forward", when: Condition | None = None) -> None:
        """Stop before an action, or before its ``"rollback"``; with `when`, if it says so of the inputs."""
        point = self._run.break_at(name, phase, when)
        if when is None:
            self._log.say(f"{{lab}}.run.break_at({_place(name, phase)})")
        self._log.add("note", f"breakpoint {point}")
        self._feed.touch()

    def clear_break(self, name: str, phase: Phase = "forward") -> None:
        """Take a breakpoint out again."""
        self._run.clear_breaks(name, phase)
        self._log.say(f"{{lab}}.run.clear_breaks({name!r}, {phase!r})")
        self._log.add(
            "note", f"breakpoint removed at {name}", "" if phase == "forward" else "in the rollback"
        )
        self._feed.touch()

    def _heard(self, event: Event) -> None:
        super()._heard(event)
        if event.node is None and self._run.state.ended:
            for fault, why in self._run.why_unfired():
                self._log.add("note", f"{FAULT_GLYPH} never struck: {fault}", why)

    # ---------------------------------------------------------------- predicting

    def predict(self, name: str) -> None:
        """In a quiz: say that an action will be undone next; once more, and it is not said any more."""
        if self._quiz is None or not self._asking:
            raise StepError(
                "there is nothing to predict now: in a lab with quiz=True, before a rollback step"
            )
        self._quiz.toggle(self._run.plan.find(name))
        self._log.say(f"{{lab}}.predict({name!r})")
        self._feed.touch()

    @property
    def score(self) -> str:
        """How many steps were predicted without a mistake, in words; nothing in a lab without a quiz."""
        return "" if self._quiz is None else self._quiz.score

    def _mark_prediction(self) -> None:
        if self._quiz is None or not self._quiz.guess:
            raise StepError(
                "predict first: which actions will be undone next? Click them, or bench.predict(name)"
            )
        names = self._run.plan.names
        verdict = self._quiz.answer(self._undone_next())
        words = "right" if verdict.all_right else "not quite"
        parts = [
            f"{label}: {', '.join(names[node] for node in nodes)}"
            for label, nodes in (
                ("right", verdict.right),
                ("wrong", verdict.wrong),
                ("missed", verdict.missed),
            )
            if nodes
        ]
        self._log.add("note", f"prediction {words} ({self._quiz.score})", "; ".join(parts))


def _injecting(fault: Fault) -> tuple[str, ...]:
    """Give the line of Python that plants a fault, and the lines that it needs before it."""
    line = f"{{lab}}.run.inject({fault!r})"
    names = [name for name in ("Fault", "When") if f"{name}." in line]
    return line, *([f"from daga_nb import {', '.join(names)}"] if names else [])


def _place(name: str, phase: Phase) -> str:
    return repr(name) if phase == "forward" else f"{name!r}, {phase!r}"


def words_of_fork(run: FlowRun, number: int, batch: int, adopt: bool) -> str:
    """Say what a fork of `run`, the lab's run `number`, takes over from it, and what not.

    >>> from daga_nb import DagaFlow
    >>> words_of_fork(DagaFlow([(abs, max)]).start(), 1, 1, adopt=False)
    'begins with batch 1, anew: what run 1 did is not undone by it'
    """
    if batch == 1:
        return f"begins with batch 1, anew: what run {number} did is not undone by it"
    if adopt:
        return f"begins with batch {batch}: it adopts what run {number} did before, and will undo it"
    before = [node for nodes in run.plan.batches[: batch - 1] for node in nodes]
    gone = [node for node in before if run.node_states[node] is NodeState.ROLLED_BACK]
    effects = f"what run {number} did before is not undone by it"
    if any(run.undo[node] is Undo.CALL for node in gone):
        effects = f"run {number} has undone some of what it did before, and that is not done again"
    return f"begins with batch {batch}: it inherits the results of run {number}, not its effects; {effects}"
