"""Times two things in turn, so that a machine which slows down slows both."""

from __future__ import annotations

import gc
import statistics
from collections.abc import Callable
from time import perf_counter
from typing import Any

__all__ = ["paired", "seconds"]


def seconds(work: Callable[[], Any]) -> float:
    gc.collect()
    gc.disable()
    begun = perf_counter()
    work()
    taken = perf_counter() - begun
    gc.enable()
    return taken


def paired(ours: Callable[[], Any], theirs: Callable[[], Any], rounds: int) -> tuple[float, float, float]:
    """Time the two in turn; give both medians, and the median of the ratios pair by pair."""
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(rounds)]
    ratio = statistics.median(a / b for a, b in pairs)
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs), ratio
