"""Who decides how many of the ready actions may go. The debugger's steppers stand in `daga_nb.debug`."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from typing import Any, Literal, Protocol, get_args

from daga_nb.core.moves import Ready
from daga_nb.errors import StepError

__all__ = ["FREE", "HOLD", "OnFailure", "Stepper", "Stops", "check_on_failure"]

OnFailure = Literal["rollback", "pause"]


def check_on_failure(what: Any) -> OnFailure:
    """Give `what` back, if it says what a failure does.

    Raises
    ------
    StepError
        If it does not.
    """
    if what not in get_args(OnFailure):
        raise StepError(f"on_failure={what!r}: a failure leads to the 'rollback', or to a 'pause'")
    return what  # type: ignore[no-any-return]


class Stepper(Protocol):
    """Who decides how many of the ready actions may go.

    Attributes
    ----------
    dwell
        Seconds between showing the admitted actions as running and calling them.
    """

    @property
    def dwell(self) -> float: ...  # noqa: D102

    def admit(self, ready: Ready) -> Coroutine[Any, Any, Sequence[int]]:
        """Give the nodes of `ready` that may start now; none to hold. Cancelled if the run turns back."""
        ...


class Stops(Protocol):
    """Where a run is to stop of itself, whoever lets it go."""

    def hit(self, ready: Ready) -> bool:
        """Whether something of `ready` is not to start yet; then nothing of it is."""
        ...


class _Free:
    dwell = 0.0

    async def admit(self, ready: Ready) -> Sequence[int]:
        return ready.nodes


FREE: Stepper = _Free()
"""The stepper that holds nothing."""


class _Hold:
    dwell = 0.0

    async def admit(self, ready: Ready) -> Sequence[int]:
        return ()


HOLD: Stepper = _Hold()
"""The stepper that lets nothing go."""
