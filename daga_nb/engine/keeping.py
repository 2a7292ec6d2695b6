"""What is kept of a run in a log: gathered as it happens, written when the run says so."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from typing import Any

from daga_nb.core.entries import Entry
from daga_nb.core.events import Event
from daga_nb.core.machine import Machine
from daga_nb.core.states import NodeState, RunState
from daga_nb.engine.admission import OnFailure
from daga_nb.engine.log import Log, Mark, Row
from daga_nb.engine.outcomes import Outcome, Outcomes
from daga_nb.engine.preview import traceback_of, whole
from daga_nb.errors import JournalError, JournalValueError, RecordedError, describe, kind_of

__all__ = ["Keeping"]

_LONGEST = 2000
_BACK = (NodeState.ROLLED_BACK, NodeState.ROLLBACK_FAILED)


class Keeping:
    """Gathers what is to be kept of one run, and writes it as a whole.

    Between two writes nothing is called and nobody is told; so what is written together has happened
    together, as far as anybody could see.

    Attributes
    ----------
    log
        Where it is written.
    on_failure
        What a failure does, as far as the log knows or is about to.
    """

    def __init__(self, log: Log, machine: Machine, outcomes: Outcomes) -> None:
        self.log = log
        self.on_failure: OnFailure = "rollback"
        self._machine = machine
        self._outcomes = outcomes
        self._texts: dict[int, str] = {}
        self._rows: list[Row] = []
        self._entries: list[Entry] = []
        self._marks: list[Mark] = []
        self._turned = False
        self._failing = False  # whether the last write was none: then the next one has to take in all of it
        self._lock = threading.RLock()  # effects are told of from any thread

    # ----------------------------------------------------------------- gathering

    def fitting(self, node: int, outcome: Outcome) -> Outcome:
        """Give how a call of an action ended: badly, if what it gave cannot be kept."""
        if outcome.error is not None or outcome.lost:
            return outcome
        try:
            self._texts[node] = self._encoded(outcome.value, node)
        except JournalValueError as error:
            self._outcomes.unfit[node] = outcome.value
            return outcome._replace(error=error)
        return outcome

    def _encoded(self, value: Any, node: int) -> str:
        """Give the result of an action as text.

        Raises
        ------
        JournalValueError
            If it cannot be kept; the message says of which action it is.
        """
        try:
            return self.log.encode(value)
        except JournalValueError as error:
            plan = self._machine.plan
            what = f"the result of {plan.names[node]!r} (batch {plan.batch_of[node] + 1})"
            raise JournalValueError(f"{what} cannot be kept in the journal: {error}") from None

    def keep(self, node: int, value: Any) -> None:
        """Check and keep the result of an action that is given by hand.

        Raises
        ------
        JournalValueError
            If it cannot be kept.
        """
        self._texts[node] = self._encoded(value, node)

    def take(self, event: Event, node: int | None, before: NodeState | None = None) -> None:
        """Take in one event that the machine is given next, with what is kept beside it.

        If it never comes there (it is refused, or a person's interrupt strikes in between), it is not kept.
        """
        row = Row(event, node) if node is None else self._row(event, node, before)
        with self._lock:
            self._let_go_of_what_did_not_happen()
            self._rows.append(row)
            if event.state is RunState.ROLLING_BACK:
                self._turned = False
                if not self._failing:  # else it may be written already
                    self._marks = [mark for mark in self._marks if mark.kind != "turning"]

    def _let_go_of_what_did_not_happen(self) -> None:
        while self._rows and self._rows[-1].event.seq > len(self._machine.events):
            self._rows.pop()

    def _row(self, event: Event, node: int, before: NodeState | None) -> Row:
        outcomes, state = self._outcomes, event.state
        value = error = seconds = None
        if before is NodeState.RUNNING and state is not NodeState.ABANDONED:
            seconds = outcomes.durations.get(node)
        if state is NodeState.SUCCEEDED:
            text = self._texts.pop(node, None)
            value = self._encoded(outcomes.results[node], node) if text is None else text
        elif state is NodeState.FAILED or state is NodeState.UNKNOWN:
            error = _recorded(outcomes.errors[node], node in outcomes.broken_off)
        elif before is NodeState.ROLLING_BACK:
            seconds = outcomes.rollback_durations.get(node)
            if state is NodeState.ROLLED_BACK:
                value = self._if_it_fits(outcomes.rollback_results.get(node))
            else:
                error = _recorded(outcomes.rollback_errors[node].error, node in outcomes.broken_off)
        if before is NodeState.RUNNING and state is not NodeState.ABANDONED:
            return Row(event, node, "forward", value, error, seconds)
        back = before is NodeState.ROLLING_BACK and state in _BACK
        return Row(event, node, "back" if back else None, value, error, seconds)

    def _if_it_fits(self, value: Any) -> str | None:
        # Nothing depends on what a rollback gives; that is no reason to call it failed.
        try:
            return self.log.encode(value)
        except JournalValueError:
            return None

    def enter(self, entry: Entry) -> None:
        """Write one effect down at once: what has happened, nobody can be asked again."""
        with self._lock:
            self._entries.append(entry)
            if self._failing:
                return
            try:
                self.log.append((), self._entries, ())
            except JournalError:
                self._failing = True  # the loop of the run writes it, or says that it cannot
                return
            self._entries = []
            ended = self._machine.run_state.ended and not self.behind
            if ended:  # it came late
                self.log.rest()

    def turn(self, reason: str) -> None:
        """Take in, once, that the run is to be rolled back."""
        if not self._turned:
            self._turned = True
            self.mark(Mark(len(self._machine.events), "turning", value=reason))

    def agree(self, on_failure: OnFailure) -> None:
        """Take in what a failure does from now on."""
        if on_failure != self.on_failure:
            self.on_failure = on_failure
            self.mark(Mark(len(self._machine.events), "on_failure", value=on_failure))

    def gather(self, entries: Iterable[Entry]) -> None:
        """Take in effects that the run begins with."""
        self._entries += entries

    def mark(self, mark: Mark) -> None:
        """Take in what is no event."""
        with self._lock:
            self._marks.append(mark)

    # ------------------------------------------------------------------- writing

    @property
    def behind(self) -> bool:
        """Whether something was gathered that is not written."""
        return bool(self._rows or self._entries or self._marks)

    def write(self) -> None:
        """Write what was gathered.

        Raises
        ------
        JournalError
            If that is not possible; what was gathered is still here then.
        """
        self.log.check()
        with self._lock:
            self._let_go_of_what_did_not_happen()
            if self.behind:
                self._failing = True
                self.log.append(self._rows, self._entries, self._marks)
                self._failing = False
                self._rows, self._entries, self._marks = [], [], []
            if self._machine.run_state.ended:
                self.log.rest()


def _recorded(error: BaseException, lost: bool) -> str:
    """Give an error as JSON: its kind, its message, its traceback, and whether the call was `lost`."""
    if isinstance(error, RecordedError):
        kind, message, trace = error.kind, error.message, error.traceback
    else:
        kind, trace = kind_of(error), traceback_of(error)
        message = describe(error, _LONGEST)[len(kind) + 2 :]
    told: dict[str, Any] = {"kind": whole(kind), "message": whole(message), "traceback": whole(trace)}
    return json.dumps({**told, "lost": True} if lost else told)
