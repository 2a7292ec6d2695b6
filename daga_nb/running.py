"""The half of a flow that runs it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from daga_nb.engine.admission import OnFailure
from daga_nb.engine.fault_plan import Faults
from daga_nb.engine.run import FlowRun
from daga_nb.engine.sync import run_to_end
from daga_nb.engine.world import Observe

if TYPE_CHECKING:
    import os

    from daga_nb.flow import DagaFlow

__all__ = ["Running"]

I = TypeVar("I")  # noqa: E741 (py-daga's names)


class Running(Generic[I]):
    """How a `DagaFlow` is run: as a whole, in steps, again after a crash, or one action of it alone."""

    def start(
        self,
        input: I | None = None,
        *,
        faults: Faults = (),
        on_failure: OnFailure = "rollback",
        observe: Observe | None = None,
        journal: str | os.PathLike[str] | None = None,
    ) -> FlowRun:
        """Give a run that has run nothing yet. It needs no event loop until it is awaited.

        Parameters
        ----------
        input
            What the actions without predecessors get, in a list.
        faults
            What goes wrong, planned in advance: faults, texts of them, or a `FaultPlan`. Each run counts its
            own calls.
        on_failure
            ``"rollback"``, or ``"pause"``: nothing is rolled back until somebody decides (`FlowRun.retry`,
            `FlowRun.skip`, `FlowRun.rollback`).
        observe
            Gives what the world is like, plainly or async: a dictionary, a set, a list. It is called before
            the first action, and when the run has ended; `FlowRun.world` says what is other.
        journal
            The path of a file in which the run is written down, so that it survives its process: `resume`
            goes on with it. It is made if it is not there; while the run is open, no other process may have
            it. What goes in and what the actions give has to be JSON, or of what else a journal keeps
            (tuples, sets, bytes, dates, `Decimal`, `journaled` dataclasses).

        Raises
        ------
        FaultError
            If a fault could never be seen.
        JournalError
            If the journal cannot be written; `JournalBusy` if another process has it.
        JournalValueError
            If the journal cannot keep the input.
        """
        log = None
        if journal is not None:
            from daga_nb.journal.run_log import RunLog

            log = RunLog(journal, _flow(self).name, input)
        return FlowRun(_flow(self), input, faults, on_failure=on_failure, observe=observe, log=log)

    async def run(
        self,
        input: I | None = None,
        *,
        faults: Faults = (),
        observe: Observe | None = None,
        journal: str | os.PathLike[str] | None = None,
    ) -> list[Any]:
        """Run the flow, and give the results of its last batch (`FlowRun.outputs` has every sink).

        Raises
        ------
        DagaFlowError
            If an action failed, after the rollback: the actions' own exceptions, then one `RollbackError` for
            each rollback that failed.
        JournalError
            If the journal cannot be written. Nothing more is started then, nor undone: `resume` goes on.

        Warns
        -----
        FaultNotFired
            If faults were planted that have never struck.
        """
        return await self.start(input, faults=faults, observe=observe, journal=journal).finish()

    def run_sync(
        self,
        input: I | None = None,
        *,
        faults: Faults = (),
        observe: Observe | None = None,
        journal: str | os.PathLike[str] | None = None,
    ) -> list[Any]:
        """Do what `run` does, from plain code or inside a running loop.

        Inside a running loop, nested calls end in the reverse order of their beginning, and a second call
        holds the first one up; in a notebook ``await flow.run()`` is the better way.

        >>> async def double(results): return results[0] * 2
        >>> async def show(results): return f"got {results[0]}"
        >>> from daga_nb import DagaFlow
        >>> DagaFlow([(double, show)]).run_sync(21)
        ['got 42']
        """
        return run_to_end(self.run(input, faults=faults, observe=observe, journal=journal))

    def resume(
        self,
        journal: str | os.PathLike[str],
        run_id: str,
        *,
        faults: Faults = (),
        on_failure: OnFailure | None = None,
        observe: Observe | None = None,
        most_resumes: int = 5,
    ) -> FlowRun:
        """Give a run whose process has ended, as it stood, ready to go on, forward or back.

        Nothing is called yet, and nothing written. What was being called when the process ended is
        ``UNKNOWN``: nobody knows whether it happened. When the run goes on, it is called again if it is
        ``idempotent=True``; else the run is rolled back, and its rollback is told (``context.outcome``). A
        rollback that was being called is called again. A run that had ended is given as it ended.

        Parameters
        ----------
        journal
            The file.
        run_id
            Which run; `list_runs` shows what there is.
        faults, observe
            As for `start`; those of the first process are not in the journal.
        on_failure
            As for `start`; if not given, what the run has: one that was paused at a failure stays paused.
            With ``"pause"``, what was lost and is not idempotent waits for a decision too.
        most_resumes
            How often in a row a run may be resumed without any call coming to its end.

        Raises
        ------
        FlowChanged
            If this flow is another one than the run was begun with; the message says what differs. What its
            functions do may be mended.
        JournalBusy
            If another process has the journal, or the run is being driven in this one.
        JournalError
            If there is no such run, it is damaged, was released, or has been resumed too often in vain.
        JournalValueError
            If a value is of a class that is not defined here; the message says what to do.

        Examples
        --------
        >>> import asyncio, os, tempfile
        >>> from daga_nb import DagaFlow
        >>> async def quote(results): return results[0] * 2
        >>> async def pay(results): return f"paid {results[0]}"
        >>> flow, path = DagaFlow([(quote, pay)]), os.path.join(tempfile.mkdtemp(), "runs.db")
        >>> run = flow.start(21, journal=path)
        >>> _ = asyncio.run(run.step())  # and here the kernel dies
        >>> run = flow.resume(path, run.id)
        >>> print(run.next)
        next: batch 2, 1 action: pay
        >>> asyncio.run(run.finish())
        ['paid 42']
        """
        from daga_nb.journal.resume import resume

        return resume(
            _flow(self),
            journal,
            run_id,
            faults=faults,
            on_failure=on_failure,
            observe=observe,
            most_resumes=most_resumes,
        )

    async def try_action(
        self, name: str, inputs: Sequence[Any] | None = None, *, error: BaseException | None = None
    ) -> FlowRun:
        """Run one action alone, with inputs given by hand, and give the run of it, ended.

        Its predecessors are not called; they stand in the run with the given results. `FlowRun.rollback` then
        tries the rollback. Never raises for the action.

        Parameters
        ----------
        name
            The action.
        inputs
            What its predecessors would have given, in their order; for an action without, the input.
        error
            Raised in place of the action, whose rollback is then tried at once.

        Raises
        ------
        ForkError
            If there are too many inputs, or too few.

        Examples
        --------
        >>> import asyncio
        >>> from daga_nb import DagaFlow
        >>> async def quote(results): return 842.0
        >>> async def pay(results): return f"paid {results[0]}"
        >>> run = asyncio.run(DagaFlow([(quote, pay)]).try_action("pay", [12.5]))
        >>> run.results["pay"], run.state.word
        ('paid 12.5', 'succeeded')
        """
        from daga_nb.debug.fork import try_action

        return await try_action(_flow(self), name, inputs, error)


def _flow(flow: Running[Any]) -> DagaFlow[Any, Any]:
    return cast("DagaFlow[Any, Any]", flow)
