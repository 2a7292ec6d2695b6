"""Which way a run is about to go: forward, back, or nowhere until somebody decides."""

from __future__ import annotations

from collections.abc import Sequence

from daga_nb.core.machine import Machine
from daga_nb.core.moves import Due
from daga_nb.core.states import NodeState, RunState
from daga_nb.engine.admission import OnFailure
from daga_nb.engine.chronicle import Chronicle
from daga_nb.engine.inflight import InFlight
from daga_nb.engine.outcomes import Outcomes
from daga_nb.engine.perform import Performer

__all__ = ["Bearings"]


class Bearings:
    """What follows from how a run stands, and from what was decided about it. It changes nothing.

    Attributes
    ----------
    closing
        Why the run is to be rolled back although no action failed; empty if it is not.
    cancelled
        Whether it was cancelled.
    on_failure
        What a failure does.
    lost
        The nodes whose call was lost with the process that made it, of a run that is resumed; whether it is
        made again is decided when the run is next driven.
    """

    machine: Machine
    outcomes: Outcomes
    performer: Performer
    inflight: InFlight
    _chronicle: Chronicle
    _max_parallel: int | None
    _again: Sequence[int]
    closing: str
    cancelled: bool
    on_failure: OnFailure
    lost: Sequence[int]

    def called_again(self) -> list[int]:
        """Give what was lost with its process and is called again when the run is next driven.

        Rollbacks always are. Actions are if they are idempotent, or only waited to be tried again, unless the
        run turns back all the same.
        """
        machine = self.machine
        # Those whose rollback has been called here since, and failed, are lost no more.
        lost = [node for node in self.lost if node in self.outcomes.broken_off]
        if machine.run_state.back:
            return [node for node in lost if machine.states[node] is NodeState.ROLLBACK_FAILED]
        failures = set(machine.failures)
        lost = [node for node in lost if node in failures]  # not what is begun anew from a save point
        again = [node for node in lost if self._is_safe(node)]
        turns = (
            self.closing or self.cancelled or (len(again) < len(machine.failures) and machine.may_go_back())
        )
        return [] if turns else again

    def _is_safe(self, node: int) -> bool:
        waited = self.machine.states[node] is NodeState.FAILED
        return waited or self.performer.calls[node].idempotent

    @property
    def too_late(self) -> str:
        """Why nothing is tried again, as the run is to be rolled back instead; nothing if it is not."""
        return "" if self.machine.run_state.back else self.closing

    @property
    def stands(self) -> bool:
        """Whether the run goes no further by itself although it has not ended: it has passed a pivot."""
        machine = self.machine
        if machine.pivot is None or machine.run_state.ended or machine.running or self.called_again():
            return False
        stopped = self.cancelled and not machine.run_state.back
        return stopped or bool(machine.undecided() and not machine.ready(1).nodes and not self._due())

    def undecided(self) -> list[int]:
        """Give what failed, if the run stands still until somebody decides what becomes of it."""
        machine = self.machine
        if machine.running or self.closing or (self.cancelled and machine.pivot is None):
            return []
        if self.called_again():
            return []
        if self.stands:
            return machine.undecided()
        paused = machine.run_state is RunState.RUNNING or self._undo_failed()
        return machine.undecided() if paused and self.on_failure == "pause" else []

    def turning_at_rest(self) -> str:
        """Give why the run turns back as soon as it is driven again; nothing if it does not."""
        due = [] if self.machine.running else self._due()
        back = (RunState.ROLLING_BACK, RunState.RECOVERING)
        return next((change.reason for change in due if change.state in back), "")

    def _turning(self) -> bool:
        """Whether the run is about to turn back, so that nothing more is called forward."""
        machine = self.machine
        stopped = self.closing or (self.cancelled and not machine.run_state.back)
        # What waits to be called again has not failed for good.
        failed = machine.run_state is RunState.RUNNING and self._fails_besides(self._again)
        return bool(stopped or failed)

    def _fails_besides(self, nodes: Sequence[int]) -> bool:
        """Whether something else than `nodes` has failed, for which the run turns back."""
        failures = self.machine.failures
        if not failures or self.on_failure != "rollback" or set(failures).issubset(nodes):
            return False
        return self.machine.may_go_back()

    def _undo_failed(self) -> bool:
        """Whether a rollback has failed, and nobody has gone on since."""
        if self.cancelled or self.on_failure != "pause":
            return False
        return self._chronicle.undo_failed and self.machine.run_state.back

    def _due(self) -> list[Due]:
        if self._undo_failed():
            return []
        whole = self.outcomes.fatal is not None  # who stops the process wants nothing tried again
        return self.machine.due(self.closing, undecided=self.on_failure == "pause", whole=whole)

    def _may_start(self) -> bool:
        return not (self._undo_failed() if self.machine.run_state.back else self.closing or self.cancelled)

    def _room(self) -> int | None:
        return None if self._max_parallel is None else max(0, self._max_parallel - self.machine.running)
