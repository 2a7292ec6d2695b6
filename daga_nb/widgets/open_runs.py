"""The open runs of a journal, as a lab offers them: what happened to each, and what going on would do."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from daga_nb.errors import JournalError, JournalValueError
from daga_nb.journal.runs import KeptRun, list_runs
from daga_nb.render.text import elide, seconds

if TYPE_CHECKING:
    from daga_nb.engine.run import FlowRun
    from daga_nb.flow import DagaFlow

__all__ = ["OpenRun", "open_run", "open_runs", "words_of"]

_NAMED = 3


class OpenRun(NamedTuple):
    """A run whose process has ended before it did.

    Attributes
    ----------
    kept
        How it stands in the journal.
    run
        The run as it stood, ready to go on; None if it cannot be shown here.
    why_not
        Why it cannot.
    held
        Whether that is because something in this process works with it, from which it can be taken.
    """

    kept: KeptRun
    run: FlowRun | None
    why_not: str = ""
    held: bool = False


def open_runs(flow: DagaFlow[Any, Any], path: str | os.PathLike[str]) -> Sequence[KeptRun]:
    """Give the runs of `flow` in a journal that can be resumed, the newest first; none, if there is no file.

    Raises
    ------
    JournalError
        If the file is no journal; `JournalBusy` if another process has it.
    """
    return list_runs(path, flow=flow.name).open if Path(path).exists() else ()


def open_run(flow: DagaFlow[Any, Any], kept: KeptRun, **options: Any) -> OpenRun:
    """Give an open run as it stood, or why that cannot be. Nothing is written.

    What is worked with in this process is left alone: two that go on with one run are one too many.

    Parameters
    ----------
    flow
        The flow.
    kept
        The run, as the journal lists it.
    options
        As for `DagaFlow.resume`.
    """
    try:
        if kept.held:
            return OpenRun(kept, None, "another lab of this notebook, or a variable, has it", held=True)
        return OpenRun(kept, flow.resume(kept.path, kept.run_id, **options))
    except (JournalError, JournalValueError) as error:
        return OpenRun(kept, None, str(error))


def words_of(found: OpenRun, today: date | None = None) -> str:
    """Say what happened to an open run.

    >>> import asyncio, os, tempfile
    >>> from daga_nb import DagaFlow
    >>> flow, path = DagaFlow([(abs, max)], name="trip"), os.path.join(tempfile.mkdtemp(), "runs.db")
    >>> list(open_runs(flow, path))
    []
    """
    kept, run = found.kept, found.run
    same_day = kept.created_at.date() == (today or date.today())
    begun = f"{kept.created_at:%H:%M:%S}" if same_day else f"{kept.created_at:%Y-%m-%d %H:%M}"
    words = f"Run {elide(kept.run_id)}, begun at {begun},"
    if run is None:
        return f"{words} is open, and not shown: {found.why_not}"
    words += f" was cut off after {seconds(kept.elapsed)}"
    if not run.lost:
        return f"{words}, while no action ran"
    names = ", ".join(elide(name, 40) for name in run.lost[:_NAMED])
    names += f" and {len(run.lost) - _NAMED} more" if len(run.lost) > _NAMED else ""
    it = "it" if len(run.lost) == 1 else "they"
    if run.state.back:
        return f"{words}, while the rollback of {names} ran: nobody knows whether {it} happened"
    return f"{words}, while {names} ran: nobody knows whether {it} happened"
