"""How much of a sweep is tried: a seeded share, or the whole of it in a long run (`make test-long`)."""

import math
import os
from collections.abc import Iterable
from functools import cache
from random import Random, SystemRandom
from typing import TypeVar

T = TypeVar("T")

# Whether everything is tried.
LONG = os.environ.get("DAGA_NB_LONG", "0") not in ("", "0")

# What the share is chosen by. The summary prints it, so that a failing share can be had again.
SEED = os.environ.get("DAGA_NB_SEED", "1")


def share(points: Iterable[T], *, one_in: int = 10, about: str = "") -> list[T]:
    """Give the points to try, in their order: all in a long run, else a seeded share and never none of them.

    It is the same in every process, so that it may stand in a parametrization. `about` makes the shares of
    sweeps that have equally many points differ.
    """
    every = list(points)
    if LONG or not every:
        return every
    chosen = Random(f"{SEED} {about}").sample(range(len(every)), math.ceil(len(every) / one_in))
    return [every[at] for at in sorted(chosen)]


def extent() -> str:
    """Give in words how much is tried."""
    return "everything" if LONG else f"a share, DAGA_NB_SEED={SEED}; make test-long tries everything"


@cache
def base() -> str:
    """Give what random cases are made from: in a long run others each time, unless DAGA_NB_SEED says which.

    Who makes cases from it says it in what fails.
    """
    given = os.environ.get("DAGA_NB_SEED")
    return given or (str(SystemRandom().randrange(10**9)) if LONG else SEED)
