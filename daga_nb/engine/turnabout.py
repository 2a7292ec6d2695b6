"""What turns a run back although nothing has failed: an abort, a cancel, a person who stops the process."""

from __future__ import annotations

from daga_nb.core.moves import CANCELLED
from daga_nb.core.states import RunState
from daga_nb.engine.bearings import Bearings
from daga_nb.engine.bell import Bell
from daga_nb.engine.keeping import Keeping

__all__ = ["Turnabout"]

_CAN_TURN_BACK = (RunState.READY, RunState.RUNNING, RunState.RECOVERING, RunState.SUCCEEDED)


class Turnabout(Bearings):
    """Decides that a run is to turn back, and has that written down; its loop does the rest."""

    keeping: Keeping | None
    _bell: Bell

    def close(self, reason: str) -> None:
        """Let nothing more start forward, and roll back once what runs is through."""
        if not self.closing and self.machine.run_state in _CAN_TURN_BACK and self.machine.pivot is None:
            self.closing = reason
            if self.keeping is not None:  # what runs may take its time, and the process may end meanwhile
                self.keeping.turn(reason)
        self._bell.ring()

    def _keep_that_it_was_stopped(self) -> None:
        """Write down that a person stopped the process: then it goes forward from no save point any more."""
        machine = self.machine
        may_turn = machine.run_state in _CAN_TURN_BACK and machine.pivot is None
        if self.keeping is not None and may_turn and self.on_failure == "rollback":
            self.keeping.turn(machine.why_back() or CANCELLED)

    def cancel(self) -> None:
        """Stop what can be stopped, and roll back. Cancelling again changes nothing."""
        if self.machine.run_state.ended or self.cancelled:
            return
        self.cancelled = True
        self.close(CANCELLED)
        self.inflight.cancel()
