"""How long the lab holds each batch, so that the eye can follow."""

from __future__ import annotations

from typing import Any

from daga_nb.errors import FlowDefinitionError

__all__ = ["SLOWEST", "delay_at"]

SLOWEST = 2.5
"""Seconds that a batch is held at speed 0: slow enough to talk over."""


def delay_at(speed: Any) -> float:
    """Give the seconds that a batch is held at a speed from 0 to 1, which is as fast as it goes.

    >>> delay_at(0), delay_at(1)
    (2.5, 0.0)

    Raises
    ------
    FlowDefinitionError
        If it is no such speed.
    """
    if isinstance(speed, bool) or not isinstance(speed, int | float) or not 0 <= speed <= 1:
        raise FlowDefinitionError(f"speed={speed!r}: it is a number from 0 (slow) to 1 (as fast as it goes)")
    return float(SLOWEST * (1 - speed) ** 2)
