"""What is found in many simulated runs: shares with their bounds, what going back costs, what matters."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

from daga_nb.core.states import RunState
from daga_nb.engine.preview import whole

__all__ = ["ENDS", "STANDS_STILL", "Matter", "RollbackCost", "Share", "end_word", "short"]

STANDS_STILL = RunState.RUNNING
"""The end of a run that goes no further: something failed past a pivot, and there is no way back."""

ENDS = (RunState.SUCCEEDED, RunState.ROLLED_BACK, RunState.ROLLBACK_INCOMPLETE, STANDS_STILL)


def end_word(end: RunState) -> str:
    """Give the end of a run as people read it.

    >>> end_word(RunState.ROLLED_BACK), end_word(STANDS_STILL)
    ('rolled back', 'stands still')
    """
    return "stands still" if end is STANDS_STILL else end.word


class Share(NamedTuple):
    """A share of the runs, and between what bounds the true one is, with 95 % confidence.

    The bounds are those of Wilson, which hold for rare ends too.

    >>> str(Share.of(50, 100))
    '50.0 % (40.4 to 59.6)'
    """

    share: float
    low: float
    high: float

    @classmethod
    def of(cls, count: int, n: int) -> Share:
        """Give the share that `count` is of `n`."""
        z = 1.959963984540054
        share = count / n
        middle = (share + z * z / (2 * n)) / (1 + z * z / n)
        apart = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
        return cls(share, 0.0 if not count else middle - apart, 1.0 if count == n else middle + apart)

    def __str__(self) -> str:
        return f"{self.share:.1%} ({self.low * 100:.1f} to {self.high * 100:.1f})".replace("%", " %")


class RollbackCost(NamedTuple):
    """What going back costs, all the way or to a save point.

    Attributes
    ----------
    runs
        The share of the runs that turned back at least once.
    seconds
        How long it took in each of those, on average.
    time
        The share of the time of all runs.
    """

    runs: float
    seconds: float
    time: float


class Matter(NamedTuple):
    """What would be better if one action, or one rollback, never failed.

    Measured by common random numbers: each run in which it failed is told once more, with the same draws for
    everything, and without its failures; a deadline that passed is one of them. No other run would change.

    Attributes
    ----------
    action
        The display name of the action.
    part
        ``"action"``, or ``"rollback"`` for its rollback.
    failures
        In how many runs it failed at least once.
    spoiled
        How many of these would have ended better.
    succeeded
        By how much the share of the runs that succeed would grow.
    clean
        By how much the share of the runs that leave nothing undone would grow: succeeded, or rolled back.
    seconds
        By how much the mean duration would change.
    """

    action: str
    part: Literal["action", "rollback"]
    failures: int
    spoiled: int
    succeeded: float
    clean: float
    seconds: float

    def __str__(self) -> str:
        name = short(self.action)
        return f"the rollback of {name}" if self.part == "rollback" else name


def short(name: str) -> str:
    r"""Give a name as it fits into a line.

    >>> short("two\nlines")
    'two lines'
    """
    text = " ".join(whole(name).split())
    return text if len(text) <= 40 else text[:39] + "…"
