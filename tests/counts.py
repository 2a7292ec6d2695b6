"""What the sweeps have tried, counted over all processes and printed at the end of the test run."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest

KEY = "counts"

Counts = dict[str, dict[str, int]]


@pytest.fixture
def counts(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Give what a sweep says at its end: ``counts("cancel at every gate", points=120)``.

    Numbers of the same name are added up over all tests. They travel with the test's report, and so out of
    the processes of pytest-xdist too.
    """

    def say(sweep: str, **numbers: int) -> None:
        request.node.user_properties.append((KEY, [sweep, numbers]))

    return say


def counted(reports: Iterable[Any]) -> Counts:
    """Give the sums of what the reports of the tests carry, by sweep."""
    sums: Counts = {}
    for report in reports:
        if getattr(report, "when", None) != "call":  # the other phases carry the same once more
            continue
        for key, value in report.user_properties:
            if key == KEY:
                sweep, numbers = value
                of = sums.setdefault(sweep, {})
                for name, number in numbers.items():
                    of[name] = of.get(name, 0) + number
    return sums


def lines(sums: Counts) -> list[str]:
    """Give the sums as lines, one for each sweep."""
    return [f"{sweep}: {', '.join(map(_words, of.items()))}" for sweep, of in sorted(sums.items())]


def _words(number: tuple[str, int]) -> str:
    return f"{number[1]:,} {number[0].replace('_', ' ')}"
