"""What runs a journal has, and how each of them stands."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from daga_nb.core.states import NodeState, RunState, parse_state
from daga_nb.engine.preview import whole
from daga_nb.errors import JournalError
from daga_nb.journal.file import Journal, opened
from daga_nb.journal.foreign import checked_path, is_blank
from daga_nb.journal.reading import Kept, read

if TYPE_CHECKING:
    from daga_nb.debug.story import Story
    from daga_nb.render.runs import RunsTable

__all__ = ["Condition", "KeptRun", "KeptRuns", "list_runs"]

Condition = Literal["finished", "open", "dirty", "released"]

_MOST = 10_000

_RUNS = """
SELECT run.run_id, flow, created_at,
  (SELECT max(seq) FROM event WHERE event.run_id = run.run_id),
  (SELECT at FROM event WHERE event.run_id = run.run_id ORDER BY seq DESC LIMIT 1),
  (SELECT state FROM event WHERE event.run_id = run.run_id AND node IS NULL ORDER BY seq DESC LIMIT 1),
  (SELECT count(*) FROM mark WHERE mark.run_id = run.run_id AND kind = 'resumed'),
  (SELECT count(*) FROM mark WHERE mark.run_id = run.run_id AND kind = 'released' AND after =
    (SELECT coalesce(max(seq), 0) FROM event WHERE event.run_id = run.run_id))
FROM run WHERE :flow IS NULL OR flow = :flow ORDER BY created_at DESC, run.rowid DESC LIMIT :most
"""


@dataclass(frozen=True)
class KeptRun:
    """One run in a journal, as it stands there.

    Attributes
    ----------
    run_id
        Its id, for `DagaFlow.resume`.
    flow
        The name of its flow.
    created_at
        When it began.
    state
        The state of the run.
    events
        How many events it has.
    elapsed
        Seconds of run time until the last of them.
    resumed
        How often it was resumed.
    condition
        ``"finished"``: nothing is to be done. ``"open"``: it can be resumed. ``"dirty"``: it was rolled
        back, and something was left. ``"released"``: it never goes on, nor back.
    path
        The journal.
    """

    run_id: str
    flow: str
    created_at: datetime
    state: RunState
    events: int
    elapsed: float
    resumed: int
    condition: Condition
    path: Path = field(repr=False)

    @property
    def open(self) -> bool:
        """Whether it can be resumed."""
        return self.condition == "open"

    @property
    def held(self) -> bool:
        """Whether it has been begun, or gone on with, in this process, where it still is.

        Raises
        ------
        JournalBusy
            If another process has the journal.
        """
        with opened(self.path, create=False) as journal:
            holder = journal.holders.get(self.run_id)
            return holder is not None and holder.used

    @property
    def lost(self) -> tuple[str, ...]:
        """The actions that ran when its process ended, or run now; in plan order.

        Raises
        ------
        JournalError
            If the run is damaged.
        """
        kept = _kept(self)
        running = (NodeState.RUNNING, NodeState.ROLLING_BACK)
        pairs = zip(kept.shape.plan.names, kept.machine.states, strict=True)
        return tuple(name for name, state in pairs if state in running)

    @property
    def story(self) -> Story:
        """The run as a value, to look back at: its graph, its events, its results as text.

        Raises
        ------
        JournalError
            If the run is damaged.
        """
        from daga_nb.journal.told import story_of

        return story_of(_kept(self))


class KeptRuns(Sequence[KeptRun]):
    """The runs of a journal, the newest first. Shown as a table.

    Attributes
    ----------
    path
        The journal.
    """

    def __init__(self, path: Path, runs: Sequence[KeptRun]) -> None:
        self.path = path
        self._runs = tuple(runs)

    @overload
    def __getitem__(self, index: int) -> KeptRun: ...
    @overload
    def __getitem__(self, index: slice) -> KeptRuns: ...
    def __getitem__(self, index: int | slice) -> KeptRun | KeptRuns:
        if isinstance(index, slice):
            return KeptRuns(self.path, self._runs[index])
        return self._runs[index]

    def __len__(self) -> int:
        return len(self._runs)

    def __repr__(self) -> str:
        return f"<{len(self)} runs in {self.path.name}: {len(self.open)} open>"

    @property
    def open(self) -> KeptRuns:
        """Those that can be resumed."""
        return KeptRuns(self.path, [run for run in self._runs if run.open])

    @property
    def dirty(self) -> KeptRuns:
        """Those that were rolled back, and left something."""
        return KeptRuns(self.path, [run for run in self._runs if run.condition == "dirty"])

    def to_frame(self) -> Any:
        """Give the table as a `pandas.DataFrame`.

        Raises
        ------
        DagaError
            If pandas is not installed.
        """
        return self._table().to_frame()

    def __str__(self) -> str:
        return str(self._table())

    def _repr_html_(self) -> str:
        return self._table().html

    def _table(self) -> RunsTable:
        from daga_nb.render.runs import RunsTable

        return RunsTable(self._runs)


def list_runs(path: str | os.PathLike[str], *, flow: str | None = None) -> KeptRuns:
    """Give what runs a journal has, the newest first: finished, open, dirty, or released.

    If there are more than 10,000, the older ones are left out.

    Parameters
    ----------
    path
        The file.
    flow
        The name of a flow, to see its runs alone.

    Raises
    ------
    JournalBusy
        If another process has the journal.
    JournalError
        If there is none, or it is damaged.

    Examples
    --------
    >>> import asyncio, os, tempfile
    >>> from daga_nb import DagaFlow
    >>> async def quote(results): return results[0] * 2
    >>> async def pay(results): return f"paid {results[0]}"
    >>> flow, path = DagaFlow([(quote, pay)], name="trip"), os.path.join(tempfile.mkdtemp(), "runs.db")
    >>> asyncio.run(flow.run(21, journal=path))
    ['paid 42']
    >>> run = flow.start(17, journal=path)
    >>> _ = asyncio.run(run.step())
    >>> [(kept.flow, kept.condition, kept.state.word) for kept in list_runs(path)]
    [('trip', 'open', 'running'), ('trip', 'finished', 'succeeded')]
    """
    found = checked_path(path)
    if is_blank(found):  # its maker has died at once
        return KeptRuns(found, ())
    with opened(found, create=False) as journal:
        rows = journal.read(_RUNS, {"flow": None if flow is None else whole(flow), "most": _MOST})
        return KeptRuns(journal.path, [_run(journal, *row) for row in rows])


def _run(
    journal: Journal,
    run_id: str,
    flow: str,
    created_at: float,
    events: int | None,
    elapsed: float | None,
    state: str | None,
    resumed: int,
    released: int,
) -> KeptRun:
    try:
        found = parse_state(state or RunState.READY, of_run=True)
        when = datetime.fromtimestamp(created_at).astimezone()
    except (ValueError, OverflowError, OSError) as error:
        raise JournalError(f"run {run_id[:60]} in {journal.path} is damaged: {error}") from None
    assert isinstance(found, RunState)
    return KeptRun(
        run_id,
        flow,
        when,
        found,
        events or 0,
        elapsed or 0.0,
        resumed,
        _condition(found, bool(released)),
        journal.path,
    )


def _condition(state: RunState, released: bool) -> Condition:
    if state is RunState.ROLLBACK_INCOMPLETE:
        return "dirty"
    if state.ended:
        return "finished"
    return "released" if released else "open"


def _kept(run: KeptRun) -> Kept:
    with opened(run.path, create=False) as journal:
        return read(journal, run.run_id)
