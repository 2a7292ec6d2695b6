"""What a run says when it is over: its results, or the errors of its actions and rollbacks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

from daga_nb.core.states import RunState
from daga_nb.engine.decisions import RunDecisions
from daga_nb.errors import ActionInterrupted, DagaFlowError, RunAborted, StepError, describe

if TYPE_CHECKING:
    from daga_nb.engine.run import FlowRun

__all__ = ["RunVerdict"]


class RunVerdict(RunDecisions):
    """The part of a `FlowRun` that says how it ended."""

    def _cancelled(self) -> asyncio.CancelledError:
        error = asyncio.CancelledError()
        self._note_rollback(error)
        return error

    def _note_rollback(self, error: BaseException) -> None:
        stands = f"it has passed {self.pivot!r}, and is not rolled back; finish() goes on"
        became = stands if self._driver.stands else self.state.word
        error.add_note(f"run {self._id} of {self._flow.name!r} was cancelled: {became}")
        for name, own in self.errors.items():
            if not isinstance(own, ActionInterrupted):
                error.add_note(f"{name!r} had failed: {describe(own)}")
        for failed in self._driver.outcomes.rollback_errors.values():
            error.add_note(str(failed))

    def _verdict(self) -> list[Any]:
        driver = self._driver
        if driver.outcomes.fatal is not None:
            raise driver.outcomes.fatal
        if driver.cancelled:
            raise self._cancelled()
        if self.state is RunState.SUCCEEDED:
            return [driver.outcomes.results[node] for node in self.plan.batches[-1]]
        found = self._own_errors()
        if not found:
            found.append(RunAborted(f"run {self._id} of {self._flow.name!r} was rolled back by request"))
        raise self._failure(found)

    def _own_errors(self) -> list[Exception]:
        errors = self._driver.outcomes.errors
        return [errors[node] for node in sorted(errors)]

    def _failure(self, found: list[Exception]) -> DagaFlowError:
        rollbacks = self._driver.outcomes.rollback_errors
        group = DagaFlowError("DagaFlowError", [*found, *(rollbacks[node] for node in sorted(rollbacks))])
        group.run = cast("FlowRun", self)
        failed = ", ".join(map(repr, self.errors))
        stands = self.state is RunState.ROLLBACK_INCOMPLETE or self._driver.undecided()
        told = str(self.next) if stands else self.state.word
        where = f"failed in {failed}; " if failed else ""
        group.add_note(f"flow {self._flow.name!r}, run {self._id}: {where}{told}")
        return group

    def _check_way_back(self) -> None:
        if self.pivot is not None:
            raise StepError(
                f"the run has passed the pivot {self.pivot!r}: it is not rolled back any more. "
                "Go on (finish), after what failed was mended (replace, retry) or skipped"
            )
