"""What a run is tried with: planted faults, and a look at the world before and after."""

from __future__ import annotations

import warnings
from typing import Any

from daga_nb.core.events import Event
from daga_nb.core.ledger import ROLLED_BACK
from daga_nb.core.states import RunState
from daga_nb.engine.admission import Stepper
from daga_nb.engine.faults import Fault, Where
from daga_nb.engine.look import RunLook
from daga_nb.engine.world import Observe, check_observe
from daga_nb.errors import FaultNotFired, StepError

__all__ = ["RunTrial"]

_MOST_TOLD = 8


class RunTrial(RunLook):
    """The part of a `FlowRun` that has faults planted, and looks at the world around the run."""

    # -------------------------------------------------------------------- world

    @property
    def observe(self) -> Observe | None:
        """What looks at the world before and after this run, if anything does; set before it begins."""
        return None if self._observation is None else self._observation.observe

    @observe.setter
    def observe(self, observe: Observe | None) -> None:
        if self.state is not RunState.READY:
            raise StepError("the run has begun: how the world was before it cannot be seen any more")
        self._observation = check_observe(observe)

    async def _drive(self, stepper: Stepper, **how: Any) -> tuple[Event, ...]:
        """Drive, and look at the world before the run begins, and when it has ended."""
        observation, driver = self._observation, self._driver
        if observation is not None and observation.world is None:
            with driver.seat.sit():
                await observation.begin()
        try:
            return await driver.drive(stepper, **how)
        finally:
            await self._look_at_the_end()

    async def _look_at_the_end(self) -> None:
        observation, driver = self._observation, self._driver
        ended = self.state.ended and not driver.seat.taken
        if observation is not None and ended and observation.due(len(self.events)):
            with driver.seat.sit():
                await observation.end(len(self.events), self.state in ROLLED_BACK)

    # ------------------------------------------------------------------- faults

    @property
    def faults(self) -> tuple[Fault, ...]:
        """The planted faults, in plan order."""
        return self._driver.faults.all()

    @property
    def fired(self) -> tuple[Fault, ...]:
        """The faults that have struck at least once, in plan order, also those taken out since."""
        return self._driver.faults.fired

    @property
    def unfired(self) -> tuple[Fault, ...]:
        """The planted faults that have not struck, in plan order."""
        return self._driver.faults.unfired

    def why_unfired(self) -> list[tuple[Fault, str]]:
        """Give the planted faults that have not struck, each with the reason so far, in words."""
        return self._driver.faults.why_unfired()

    def strikes(self, name: str, where: Where) -> int:
        """Give how often a fault has struck at an action: before, after, or in its rollback.

        Raises
        ------
        UnknownAction
            If there is no such action.
        """
        return self._driver.faults.strikes(name, where)

    def _warn_of_unfired(self) -> None:
        """Warn once, at the end of the run, of the planted faults that have not struck."""
        faults = self._driver.faults
        unfired = [] if faults.warned or not self.state.ended else faults.why_unfired()
        faults.warned = faults.warned or self.state.ended
        if not unfired:
            return
        told = [f"{fault} ({why})" for fault, why in unfired[:_MOST_TOLD]]
        more = f"; and {len(unfired) - _MOST_TOLD} more" if len(unfired) > _MOST_TOLD else ""
        warnings.warn(
            f"run {self._id} of {self._flow.name!r}: planted, and never fired: {'; '.join(told)}{more}",
            FaultNotFired,
            stacklevel=3,
        )

    def inject(self, fault: Fault | str) -> Fault:
        """Plant a fault, or the one that a text tells of, and give it; one at the same place makes way.

        What has been called already is struck only if it is called again: by `retry`, in a `fork`, or in the
        lab's next run.

        Raises
        ------
        FaultError
            If there is no such action, or the fault could never be seen there.
        """
        return self._driver.faults.add(fault)

    def refusal(self, fault: Fault) -> str:
        """Say why `inject` would refuse a fault, before anything is planted; nothing if it would not.

        >>> from daga_nb import DagaFlow
        >>> run = DagaFlow([(abs, max)]).start()
        >>> run.refusal(Fault.hanging(at="abs"))[:22], run.refusal(Fault.cancelling(at="abs"))
        ("'abs' has no timeout, ", '')
        """
        return self._driver.faults.refusal(fault)

    def clear_faults(self, at: Any = None, where: Where | None = None) -> tuple[Fault, ...]:
        """Take out the faults at one action (or all), at one place (or all), and give them."""
        return self._driver.faults.remove(at, where)
