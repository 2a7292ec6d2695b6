"""How long a simulated call takes: a number, or a distribution to draw from."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from random import Random
from typing import Any

from daga_nb.errors import SimulationError, describe, kind_of

__all__ = ["Duration", "Exponential", "Lognormal", "Normal", "Span", "Uniform", "checked", "span_of"]

Span = float | Callable[[Random], float]
"""Seconds, or what gives them."""

Duration = float | tuple[float, float] | Callable[[Random], float]
"""The same as a user writes it: a pair is uniform between the two."""

_LONGEST = 3.2e9  # a century, as everywhere


@dataclass(frozen=True)
class _Distribution:
    def __post_init__(self) -> None:
        for one in fields(self):
            checked(f"{type(self).__name__}: {one.name}", getattr(self, one.name))


@dataclass(frozen=True)
class Uniform(_Distribution):
    """Any time between two bounds, each as likely as the other.

    >>> 2 <= Uniform(2, 5)(Random(1)) <= 5
    True
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.low > self.high:
            raise SimulationError(f"({self.low:g}, {self.high:g}): the lower bound comes first")

    def __call__(self, rng: Random) -> float:
        """Draw seconds."""
        return rng.uniform(self.low, self.high)


@dataclass(frozen=True)
class Exponential(_Distribution):
    """Mostly short, now and then long: the wait for what happens at a steady rate.

    >>> Exponential(mean=2)(Random(1)) > 0
    True
    """

    mean: float

    def __call__(self, rng: Random) -> float:
        """Draw seconds."""
        return -self.mean * math.log(1.0 - rng.random())


@dataclass(frozen=True)
class Normal(_Distribution):
    """Around a mean, as often above as below it; what would be less than nothing is nothing.

    >>> Normal(mean=1, sd=0)(Random(1))
    1.0
    """

    mean: float
    sd: float

    def __call__(self, rng: Random) -> float:
        """Draw seconds."""
        return max(0.0, rng.normalvariate(self.mean, self.sd))


@dataclass(frozen=True)
class Lognormal(_Distribution):
    """Around a median with a long tail, as calls over a network are; `sigma` says how long a tail.

    >>> Lognormal(median=2, sigma=0)(Random(1))
    2.0
    """

    median: float
    sigma: float

    def __call__(self, rng: Random) -> float:
        """Draw seconds."""
        return min(_LONGEST, self.median * math.exp(min(500.0, rng.normalvariate(0.0, self.sigma))))


def checked(what: str, value: Any) -> float:
    """Give `value` as seconds.

    >>> checked("charge", -1)
    Traceback (most recent call last):
    daga_nb.errors.SimulationError: charge: -1 is no duration; it is a number of seconds from 0 to 3.2e+09

    Raises
    ------
    SimulationError
        If it is no number of seconds.
    """
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (number and 0 <= value <= _LONGEST):
        shown = f"{value!r}" if number else f"a {kind_of(value)}"
        raise SimulationError(
            f"{what}: {shown} is no duration; it is a number of seconds from 0 to {_LONGEST:g}"
        )
    return float(value)


def span_of(what: str, value: Any) -> Span:
    """Give what a user said of a duration as seconds, or as what draws them; it is tried once.

    >>> span_of("charge", (1, 2))
    Uniform(low=1.0, high=2.0)

    Raises
    ------
    SimulationError
        If it is no number, pair or function, or gives no number of seconds.
    """
    if isinstance(value, tuple | list) and len(value) == 2:
        return Uniform(checked(what, value[0]), checked(what, value[1]))
    if not callable(value):
        return checked(what, value)
    if isinstance(value, Uniform | Exponential | Normal | Lognormal):
        return value

    def drawn(rng: Random) -> float:
        try:
            seconds = value(rng)
        except Exception as error:
            raise SimulationError(f"{what}: the function of its duration raised {describe(error)}") from error
        return checked(what, seconds)

    drawn(Random(0))
    return drawn
