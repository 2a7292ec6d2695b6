"""A lab and its journal: the switch, the open run that is found in it, and what stops a run that it keeps."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from daga_nb.core.states import RunState
from daga_nb.engine.admission import OnFailure
from daga_nb.engine.fault_plan import Faults
from daga_nb.engine.preview import whole
from daga_nb.engine.run import FlowRun
from daga_nb.engine.world import Observe
from daga_nb.errors import JournalBusy, JournalError, StepError
from daga_nb.flow import DagaFlow
from daga_nb.journal.run_log import let_go
from daga_nb.journal.runs import KeptRun
from daga_nb.widgets.decisions import LabDecisions
from daga_nb.widgets.open_runs import OpenRun, open_run, open_runs, words_of

__all__ = ["DEFAULT_FILE", "LabJournals"]

DEFAULT_FILE = "runs.db"
"""Where runs are written down if the switch is turned on, and no file was named."""


_SAME: Any = object()


class LabJournals(LabDecisions):
    """The part of a `FlowLab` that writes its runs down, and finds again what was open."""

    def __init__(
        self,
        flow: DagaFlow[Any, Any],
        input: Any = None,
        *,
        faults: Faults = (),
        on_failure: OnFailure | None = None,
        observe: Observe | None = None,
        journal: str | os.PathLike[str] | None = None,
        **options: Any,
    ) -> None:
        self._input = input
        self._blocked = self._broken = ""
        self._open: Sequence[KeptRun] = ()
        self._found: OpenRun | None = None
        given: dict[str, Any] = {"faults": faults, "observe": observe}
        started = {**given, "on_failure": on_failure or "rollback"}
        try:
            run = flow.start(input, **started, journal=journal)
        except JournalBusy as busy:
            self._blocked = str(busy)
            run = flow.start(input, **started)
        self._file = Path(journal).resolve() if journal is not None and self._blocked else run.journal
        self._named = DEFAULT_FILE if journal is None else journal
        if journal is not None and not self._blocked:
            run = self._look(run, flow, on_failure=on_failure, **given)
        super().__init__(run, **options)

    # ------------------------------------------------------------------ the switch

    @property
    def journal(self) -> Path | None:
        """The file in which the next run is written down; None if it is not. May be set, to a path or None.

        A run that has run nothing yet is written down from now on, or no more. If a run of this flow is open
        in the file, it is shown in its place.
        """
        return self._file

    @journal.setter
    def journal(self, path: str | os.PathLike[str] | None) -> None:
        self._check_idle()
        self._switch(path)
        self._log.say(f"{{lab}}.journal = {None if path is None else os.fspath(path)!r}")
        self._feed.touch()

    def turn_journal(self, on: bool) -> None:
        """Turn the journal on or off: the file that this lab had, else ``runs.db`` in the kernel's folder."""
        self.journal = self._named if on else None

    def _switch(self, path: str | os.PathLike[str] | None) -> None:
        old = self._run
        run = self._anew(path)  # what is wrong with the file is seen at once
        self._file, self._blocked = run.journal, ""
        self._named = self._named if path is None else path
        where = "is not written down" if path is None else f"is written down in {Path(path).name}"
        if old.state is not RunState.READY or old.events:
            let_go(run)
            self._log.add("note", f"from the next run on, what happens {where}")
            self._feed.touch()
            return
        run = self._look(run, self._flow, observe=old.observe) if path else run
        self._put_in_place(run, where)

    def _put_in_place(self, run: FlowRun, words: str) -> None:
        self._begin(run, self._words_of_found or words, self._run.breakpoints, instead=True)

    def _anew(self, path: str | os.PathLike[str] | None, input: Any = _SAME) -> FlowRun:
        """Give a run like the present one that has run nothing, and is written down in `path`."""
        old = self._run
        given = self._input if input is _SAME else input
        run = self._use_again(self._flow.start(given, on_failure=old.on_failure, journal=path))
        for fault in old.faults:
            self._unless_refused(run.inject, fault)
        return run

    # --------------------------------------------------------- what is found in it

    def _look(self, fresh: FlowRun, flow: DagaFlow[Any, Any], **options: Any) -> FlowRun:
        """Give the newest open run if there is one that can be shown, else the fresh one."""
        path = fresh.journal
        assert path is not None
        self._open = open_runs(flow, path)
        self._found = open_run(flow, self._open[0], **options) if self._open else None
        if self._found is None or self._found.run is None:
            return fresh
        let_go(fresh)
        return self._found.run

    @property
    def _words_of_found(self) -> str:
        shown = self._found is not None and self._found.run is not None
        return "is as its process left it" if shown else ""

    def find(self) -> None:
        """Look into the journal once more, after another process had it: for an open run of this flow."""
        self._check_idle()
        self._log.say("{lab}.find()")
        self._switch(self._file)

    def resume(self, run_id: str | None = None) -> None:
        """Go on with an open run, at the pace of `speed`: the one that was found, or another by its id.

        Raises
        ------
        StepError
            If there is none to go on with.
        JournalError
            If it cannot be resumed: see `DagaFlow.resume`.
        """
        self._check_idle()
        found = self._found
        if run_id is None and found is not None and found.run is None:
            run_id = found.kept.run_id  # if it cannot be gone on with, the error says why
        self._log.say(f"{{lab}}.resume({'' if run_id is None else repr(run_id)})")
        if run_id is not None:
            self._take(run_id)
        elif not self._broken and (self._run.state is RunState.READY or self._run.state.ended):
            raise StepError("there is no open run here to go on with: name one, resume(run_id)")
        self._pacer.resume()
        self._work(self._go_on, paced=True)

    def _take(self, run_id: str) -> None:
        path = self._run.journal if self._file is None else self._file
        if path is None:
            raise StepError(
                "this lab has no journal to find a run in: set its journal, to 'runs.db' say, first"
            )
        old = self._run
        run = self._flow.resume(path, run_id, observe=old.observe)
        self._begin(run, "is as its process left it", instead=old.state is RunState.READY and not old.events)
        if self._namesakes.taken:
            self._log.add(
                "note", "its functions are those of the flow; what a cell defined anew is not in use"
            )

    def older(self) -> None:
        """Show the next of the open runs in the journal, an older one; after the oldest, the newest."""
        self._check_idle()
        if self._found is None or len(self._open) < 2:
            raise StepError("the journal has no other open run of this flow")
        self._log.say("{lab}.older()")
        old, ids = self._run, [kept.run_id for kept in self._open]
        kept = self._open[(ids.index(self._found.kept.run_id) + 1) % len(ids)]
        self._found = open_run(self._flow, kept, observe=old.observe)
        run = self._found.run
        if run is None and not old.events:
            self._feed.touch()
            return
        self._put_in_place(self._anew(self._file) if run is None else run, "is ready")

    def leave(self) -> None:
        """Leave the open run alone: it stays in the journal. What is shown is a new run, that is ready."""
        self._check_idle()
        if self._found is None:
            raise StepError("there is no open run that was found")
        self._log.say("{lab}.leave()")
        found, self._found = self._found, None
        self._log.add("note", f"run {found.kept.run_id} stays open in {found.kept.path.name}")
        if found.run is None:
            self._feed.touch()
            return
        self._put_in_place(self._anew(self._file), "is ready")

    # --------------------------------------------------------------------- working

    async def _go_on(self) -> None:
        run = self._run
        if run.lost:  # calling again what was lost is a step of its own
            await run.drive(self._pacer, stops=False)
        await run.drive(self._pacer)

    def _work(self, begin: Callable[[], Awaitable[Any]], paced: bool = False) -> None:
        if self._blocked:
            raise JournalBusy(self._blocked)

        async def work() -> None:
            try:
                await begin()
            except JournalError as error:
                self._broken = str(error)
                raise

        self._broken, self._found = "", None
        super()._work(work, paced)

    def _begin(self, run: FlowRun, *args: Any, **options: Any) -> None:
        old, self._broken = self._run, ""
        if self._found is not None and self._found.run not in (None, run):
            self._found = None
        super()._begin(run, *args, **options)
        let_go(old)

    @property
    def _offered(self) -> frozenset[str]:
        """What can be asked for because of the journal."""
        if self._blocked:
            return frozenset({"find"})
        if not self._idle:
            return frozenset()
        found: set[str] = set()
        if self._found is not None:
            found |= {"leave", *(["older"] if len(self._open) > 1 else [])}
            resumable = self._found.run is not None or self._found.held
            found |= {"resume"} if resumable and not self._run.next.undecided else set()
        elif self._broken:
            found.add("resume")
        return frozenset(found)

    def _head(self, run: FlowRun) -> dict[str, Any]:
        head = super()._head(run)
        if self._blocked or self._broken:
            head["next"] = "the journal cannot be written: nothing is started"
        return head

    def _facts(self) -> dict[str, Any]:
        facts, run = super()._facts(), self._run
        facts["journal"] = {
            "on": self._file is not None,
            "free": self._idle,
            "file": whole(Path(self._named).name),
            "id": "" if run.journal is None else run.id,
        }
        return {**facts, "notice": self._notice()}

    def _notice(self) -> dict[str, Any] | None:
        """Give what the bar says of the journal: what happened, and what can be done about it."""
        if self._blocked:
            told, then, kind = self._blocked, "Nothing runs here that is not written down.", "stop"
        elif self._found is not None:
            told, kind = words_of(self._found), "found"
            step = self._run.next
            then = "" if self._found.run is None else str(step)
            if then and not step.undecided:
                then = f"Resume: {then.removeprefix('next: ')}"
        elif self._broken:
            told, kind = f"Stopped: {self._broken}", "stop"
            then = "Nothing more was started, and nothing undone. Mend that, then resume."
        else:
            return None
        more = len(self._open) - 1 if kind == "found" else 0
        return {"kind": kind, "words": whole(told), "then": whole(then), "more": more}
