"""Going on with a run whose process has ended: the same loop, from where its story stops."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from daga_nb.core.moves import SKIPPED, Undo
from daga_nb.core.states import NodeState, RunState
from daga_nb.engine.admission import OnFailure
from daga_nb.engine.driver import Driver
from daga_nb.engine.fault_plan import Faults
from daga_nb.engine.log import Mark, Row
from daga_nb.engine.outcomes import Outcome, lost
from daga_nb.engine.run import FlowRun
from daga_nb.engine.world import Observe
from daga_nb.errors import ActionInterrupted, FlowChanged, JournalBusy, JournalError
from daga_nb.journal.codec import decode
from daga_nb.journal.file import Journal, close_idle, open_journal
from daga_nb.journal.head import Shape, differences
from daga_nb.journal.reading import Kept, change, error_in, is_lost, read
from daga_nb.journal.run_log import RunLog

if TYPE_CHECKING:
    from daga_nb.flow import DagaFlow

__all__ = ["MOST_RESUMES", "resume"]

MOST_RESUMES = 5
"""How often in a row a run may be resumed without anything coming of it."""

_WHY = "the process ended before it did"


def resume(
    flow: DagaFlow[Any, Any],
    path: str | os.PathLike[str],
    run_id: str,
    *,
    faults: Faults = (),
    on_failure: OnFailure = "rollback",
    observe: Observe | None = None,
    most_resumes: int = MOST_RESUMES,
) -> FlowRun:
    """Give the run, as it stood, ready to go on. See `DagaFlow.resume`."""
    journal = open_journal(path, create=False)
    try:
        kept = read(journal, run_id)
        _check_flow(kept, flow)
        _check_may_go_on(kept, journal, most_resumes)
        log = RunLog.resumed(journal, run_id, (len(kept.rows), len(kept.entries), len(kept.marks)))
        run = FlowRun(
            flow, decode(kept.input), faults, on_failure=on_failure, observe=observe, log=log
        )
        _restore(run._driver, kept)
        return run
    finally:
        close_idle(journal)


def _check_flow(kept: Kept, flow: DagaFlow[Any, Any]) -> None:
    then = Shape(kept.shape.plan, kept.undo, kept.shape.policy)
    now = Shape(flow.plan, tuple(call.undo for call in flow.calls), flow.policy)
    told = differences(then, now)
    if told:
        raise FlowChanged(
            f"run {kept.run_id} is one of {kept.flow!r} as it was, and {flow.name!r} is another flow now: {told}. "
            "Resume it with the flow that it was begun with; what its functions do may be mended"
        )


def _check_may_go_on(kept: Kept, journal: Journal, most: int) -> None:
    held = journal.holders.get(kept.run_id)
    if held is not None and held.busy():
        raise JournalBusy(f"run {kept.run_id} is being driven in this process: let that end, or cancel it, first")
    if kept.released:
        raise JournalError(
            f"run {kept.run_id} was released: it never goes on, nor back, and a fork may have adopted what it did"
        )
    if kept.resumed >= most and not kept.machine.run_state.ended:
        raise JournalError(
            f"run {kept.run_id} was resumed {kept.resumed} times, and each time its process ended before anything "
            f"came of it. Look at what kills it; most_resumes={kept.resumed + 1} tries once more"
        )
