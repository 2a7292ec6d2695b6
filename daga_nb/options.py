"""The choices of a flow about its runs, checked once, and what they make of its actions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

from daga_nb.core.moves import Policy, RollbackOrder
from daga_nb.engine.calls import ActionCall
from daga_nb.engine.retries import NEVER, Retries, retries_of
from daga_nb.errors import FlowDefinitionError
from daga_nb.nodes import Defaults, check_seconds

__all__ = ["Options"]


class Options(NamedTuple):
    """What a flow says of its runs; `DagaFlow` tells what each means."""

    max_parallel: int | None = None
    schedule: Literal["batch", "eager"] = "batch"
    timeout: float | None = None
    retries: int | Retries = NEVER
    rollback_failed: bool = True
    on_rollback_error: Literal["continue", "stop"] = "continue"
    rollback_order: RollbackOrder | None = None
    rollback_timeout: float = 30.0
    rollback_retries: int | Retries = NEVER

    def checked(self) -> Options:
        """Give the same, with every choice checked.

        >>> Options(schedule="bach").checked()
        Traceback (most recent call last):
        daga_nb.errors.FlowDefinitionError: schedule='bach': it is 'batch' or 'eager'

        Raises
        ------
        FlowDefinitionError
            If one makes no sense.
        """
        if self.max_parallel is not None and (type(self.max_parallel) is not int or self.max_parallel < 1):
            raise FlowDefinitionError(
                f"max_parallel={self.max_parallel!r}: it is a whole number from 1, or None for no bound"
            )
        if self.schedule not in ("batch", "eager"):
            raise FlowDefinitionError(f"schedule={self.schedule!r}: it is 'batch' or 'eager'")
        if self.on_rollback_error not in ("continue", "stop"):
            raise FlowDefinitionError(
                f"on_rollback_error={self.on_rollback_error!r}: it is 'continue' or 'stop'"
            )
        if self.rollback_order is not None and self.rollback_order not in get_args(RollbackOrder):
            raise FlowDefinitionError(
                f"rollback_order={self.rollback_order!r}: it is 'batches', 'graph', 'completion', or None "
                "for that of the schedule"
            )
        if type(self.rollback_failed) is not bool:
            raise FlowDefinitionError(f"rollback_failed={self.rollback_failed!r}: it is True or False")
        if self.rollback_timeout is None:
            raise FlowDefinitionError("rollback_timeout=None: every rollback has a deadline, in seconds")
        check_seconds("timeout", self.timeout)
        check_seconds("rollback_timeout", self.rollback_timeout)
        return self._replace(
            retries=retries_of("retries", self.retries),
            rollback_retries=retries_of("rollback_retries", self.rollback_retries),
        )

    @property
    def defaults(self) -> Defaults:
        """What is said for the actions that do not say otherwise. Of checked options alone."""
        retries = (retries_of("retries", self.retries), retries_of("rollback_retries", self.rollback_retries))
        return Defaults(self.timeout, self.rollback_timeout, *retries)

    def policy(self, calls: Sequence[ActionCall]) -> Policy:
        """Give what the machine is to know of these choices, and of those of the actions."""
        own = [call.rollback_failed for call in calls]
        return Policy(
            self.schedule,
            self.rollback_failed,
            self.on_rollback_error,
            self.rollback_order,
            otherwise=frozenset(
                node for node, says in enumerate(own) if says not in (None, self.rollback_failed)
            ),
            pivots=frozenset(node for node, call in enumerate(calls) if call.pivot),
            save_points=tuple((node, call.save_point) for node, call in enumerate(calls) if call.save_point),
        )
