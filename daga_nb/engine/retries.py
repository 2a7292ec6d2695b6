"""How often, when and after which errors a call that failed is made again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from daga_nb.core.moves import MOST_TRIES, Direction
from daga_nb.errors import FlowDefinitionError

__all__ = ["NEVER", "Retries", "Retry", "retries_of"]

_LONGEST = 3.2e9  # a century: longer, and no clock could wait for it


@dataclass(frozen=True)
class Retries:
    """How often a call that failed is made again, and how long it waits before.

    The wait grows from one retry to the next: `wait`, `wait * factor`, `wait * factor ** 2`, up to `at_most`.

    Attributes
    ----------
    times
        How often it is made again, after the first call.
    wait
        Seconds before the first retry.
    factor
        By how much each wait is longer than the one before.
    at_most
        Seconds of the longest wait.
    on
        Only after errors of this class, or of one of these: what will fail again is better not tried again.

    Raises
    ------
    FlowDefinitionError
        If one of them makes no sense; the message says which.

    Examples
    --------
    >>> patient = Retries(5, wait=0.5, factor=2, at_most=3, on=(TimeoutError, ConnectionError))
    >>> [patient.delay(retry) for retry in (1, 2, 3, 4)]
    [0.5, 1.0, 2.0, 3]
    >>> patient.covers(ValueError("no such card"))
    False
    """

    times: int
    wait: float = 0.0
    factor: float = 2.0
    at_most: float = 60.0
    on: type[BaseException] | tuple[type[BaseException], ...] = Exception

    def __post_init__(self) -> None:
        if type(self.times) is not int or not 0 <= self.times <= MOST_TRIES:
            raise FlowDefinitionError(
                f"retries: times={self.times!r} is a whole number from 0 to {MOST_TRIES}; the first call "
                "does not count"
            )
        for name, least in (("wait", 0), ("factor", 1), ("at_most", 0)):
            value = getattr(self, name)
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not (number and least <= value <= _LONGEST):
                raise FlowDefinitionError(
                    f"retries: {name}={value!r} is a number from {least} to {_LONGEST:g}"
                )
        kinds = self.on if isinstance(self.on, tuple) else (self.on,)
        if not kinds or not all(isinstance(kind, type) and issubclass(kind, BaseException) for kind in kinds):
            raise FlowDefinitionError(f"retries: on={self.on!r} is a class of exceptions, or a tuple of them")

    def delay(self, retry: int) -> float:
        """Give the seconds to wait before a retry; the first is 1."""
        if not self.wait:
            return 0.0
        try:
            return min(self.wait * float(self.factor) ** (retry - 1), self.at_most)
        except OverflowError:
            return self.at_most

    def covers(self, error: BaseException) -> bool:
        """Whether a call that raised this error is made again."""
        # isinstance would ask the error itself, which may answer with an error.
        return issubclass(type(error), self.on)

    def __str__(self) -> str:
        return f"{self.times} {'retry' if self.times == 1 else 'retries'}"


NEVER = Retries(0)
"""A call that failed is not made again."""


class Retry(NamedTuple):
    """One retry: of an action or its rollback, which one of how many, and in how many seconds.

    >>> print(Retry("forward", 1, 3, 0.5))
    retry 1 of 3, after 0.5 s
    """

    direction: Direction
    number: int
    times: int
    delay: float

    def __str__(self) -> str:
        wait = f", after {self.delay:g} s" if self.delay else ""
        return f"retry {self.number} of {self.times}{wait}"


def retries_of(what: str, value: Any) -> Retries:
    """Give the retries that an option says: a number of them, or `Retries`.

    Raises
    ------
    FlowDefinitionError
        If it is neither.
    """
    if isinstance(value, Retries):
        return value
    if type(value) is int:
        return Retries(value)
    raise FlowDefinitionError(f"{what}={value!r}: it is how often to try again, or Retries(times, wait=...)")
