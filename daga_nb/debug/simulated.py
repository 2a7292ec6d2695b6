"""What a simulation gives: how its runs ended, how long they took, what their rollbacks cost, what matters."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from daga_nb.core.states import RunState
from daga_nb.debug.preview import whole
from daga_nb.debug.story import Story
from daga_nb.errors import SimulationError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["STANDS_STILL", "Matter", "RollbackCost", "Share", "Simulation", "end_word"]

STANDS_STILL = RunState.RUNNING
"""The end of a run that goes no further: something failed past a pivot, and there is no way back."""

_ENDS = (RunState.SUCCEEDED, RunState.ROLLED_BACK, RunState.ROLLBACK_INCOMPLETE, STANDS_STILL)
_MOST_ROWS = 8


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
    everything, and without its failures; its deadline passes are among those. The other runs would not change.

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
        name = _short(self.action)
        return f"the rollback of {name}" if self.part == "rollback" else name


@dataclass(frozen=True)
class Simulation:
    """What became of many simulated runs of one flow. `daga_nb.simulate` makes it; as text it is a summary.

    Attributes
    ----------
    flow
        The name of the flow.
    n
        How many runs were simulated.
    seed
        What the draws were made from. The same flow, assumptions and seed give the same again.
    ends
        How each run ended: the state of the run, or `RUNNING` if it stands still past a pivot.
    durations
        Seconds that each run took, in virtual time.
    back
        Seconds that each run spent going back.
    matters
        What would be better if an action, or a rollback, never failed; what matters most comes first.
    """

    flow: str
    n: int
    seed: int
    ends: tuple[RunState, ...] = field(repr=False)
    durations: tuple[float, ...] = field(repr=False)
    back: tuple[float, ...] = field(repr=False)
    turned: int = field(repr=False)
    matters: tuple[Matter, ...] = field(repr=False)
    _tell: Callable[[int], Story] = field(repr=False, compare=False)

    @cached_property
    def counts(self) -> Mapping[RunState, int]:
        """How many runs came to each end."""
        return MappingProxyType({end: self.ends.count(end) for end in _ENDS})

    @property
    def succeeded(self) -> int:
        """How many runs succeeded."""
        return self.counts[RunState.SUCCEEDED]

    @property
    def rolled_back(self) -> int:
        """How many runs were rolled back, with nothing left."""
        return self.counts[RunState.ROLLED_BACK]

    @property
    def incomplete(self) -> int:
        """How many runs were rolled back, with something left."""
        return self.counts[RunState.ROLLBACK_INCOMPLETE]

    @property
    def stuck(self) -> int:
        """How many runs stand still: something failed past a pivot."""
        return self.counts[STANDS_STILL]

    @property
    def shares(self) -> Mapping[str, Share]:
        """The share of the runs that came to each end, by the end in words."""
        return {end_word(end): Share.of(count, self.n) for end, count in self.counts.items()}

    @property
    def mean(self) -> float:
        """How long a run takes on average, in seconds."""
        return math.fsum(self.durations) / self.n

    def quantile(self, q: float, end: RunState | None = None) -> float:
        """Give the seconds within which a share `q` of the runs end: of all, or of those with one end.

        Raises
        ------
        SimulationError
            If `q` is not from 0 to 1, or no run ended so.
        """
        if not isinstance(q, int | float) or not 0 <= q <= 1:
            raise SimulationError(f"quantile: {q!r} is no share; it is a number from 0 to 1")
        found = self._sorted if end is None else sorted(self.durations_of(end))
        if not found:
            raise SimulationError(f"quantile: no run ended so ({end and end_word(end)})")
        place = q * (len(found) - 1)
        low = int(place)
        high = min(low + 1, len(found) - 1)
        return found[low] + (found[high] - found[low]) * (place - low)

    def durations_of(self, end: RunState) -> list[float]:
        """Give the seconds that each of the runs with this end took."""
        return [seconds for one, seconds in zip(self.ends, self.durations, strict=True) if one is end]

    @cached_property
    def _sorted(self) -> list[float]:
        return sorted(self.durations)

    @property
    def rollback_cost(self) -> RollbackCost:
        """What going back costs: in how many runs, how long, and of how much of the time."""
        spent, all_time = math.fsum(self.back), math.fsum(self.durations)
        each = spent / self.turned if self.turned else 0.0
        return RollbackCost(self.turned / self.n, each, spent / all_time if all_time else 0.0)

    def story(self, number: int | RunState) -> Story:
        """Give one of the runs as a story, with its virtual time: to look at with `scrub`, to draw, to keep.

        Parameters
        ----------
        number
            Which run, from 0; or a state, for the first run that ended so.

        Raises
        ------
        SimulationError
            If there is no such run.
        """
        if isinstance(number, RunState):
            if number not in self.ends:
                raise SimulationError(f"no run ended so ({end_word(number)})")
            number = self.ends.index(number)
        if type(number) is not int or not 0 <= number < self.n:
            raise SimulationError(f"run {number!r}: this simulation has the runs 0 to {self.n - 1}")
        return self._tell(number)

    def picture(self) -> Figure:
        """Give the ends, the durations and what matters as one matplotlib figure."""
        from daga_nb.render.odds import picture_of_simulation

        return picture_of_simulation(self)

    def to_frame(self) -> Any:
        """Give the runs as a table of pandas, a row for each: its end, its duration, its seconds going back.

        Raises
        ------
        SimulationError
            If pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError:
            raise SimulationError("a table needs pandas, which is not installed: pip install pandas") from None
        ends = [end_word(end) for end in self.ends]
        return pd.DataFrame({"end": ends, "duration": self.durations, "going_back": self.back})

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        figure: Any = self.picture()
        return figure._repr_mimebundle_(include, exclude)

    def __str__(self) -> str:
        lines = [f"{self.n:,} simulated runs of {_short(self.flow)}, seed {self.seed}"]
        for end, count in self.counts.items():
            if count or end is not STANDS_STILL:
                lines.append(f"  {end_word(end):<20}{count:>9,}  {Share.of(count, self.n)}")
        lines.append(
            f"duration: {self.mean:.3g} s on average, half within {self.quantile(0.5):.3g} s, "
            f"95 % within {self.quantile(0.95):.3g} s"
        )
        cost = self.rollback_cost
        if self.turned:
            told = f"in {cost.runs:.1%} of the runs, {cost.seconds:.3g} s each, {cost.time:.1%} of all time"
            lines.append("going back: " + told.replace("%", " %"))
        shown = self.matters[:_MOST_ROWS]
        if shown:
            lines.append("if it never failed (percentage points, and mean duration):")
        wide = max((len(str(row)) for row in shown), default=0)
        lines += [
            f"  {row!s:<{wide}}  succeeded {row.succeeded * 100:+.1f}, clean {row.clean * 100:+.1f}, "
            f"{row.seconds:+.2g} s; it failed in {row.failures:,} runs"
            for row in shown
        ]
        if len(self.matters) > len(shown):
            lines.append(f"  and {len(self.matters) - len(shown)} more")
        return "\n".join(lines)


def _short(name: str) -> str:
    text = " ".join(whole(name).split())
    return text if len(text) <= 40 else text[:39] + "…"
