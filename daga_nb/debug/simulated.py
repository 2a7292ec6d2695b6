"""What a simulation gives: how its runs ended, how long they took, what going back costs, what matters."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from daga_nb.core.states import RunState
from daga_nb.debug.shares import ENDS, STANDS_STILL, Matter, RollbackCost, Share, end_word, short
from daga_nb.debug.story import Story
from daga_nb.errors import SimulationError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Simulation"]

_MOST_ROWS = 8


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
        What would be better if an action, or a rollback, never failed; first what improves most ends, where
        to succeed counts as two steps up from something left, and to be rolled back as one.
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
        return MappingProxyType({end: self.ends.count(end) for end in ENDS})

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
        """Give the runs as a `pandas.DataFrame`: how each ended, how long it took, its seconds going back.

        Raises
        ------
        DagaError
            If pandas is not installed.
        """
        from daga_nb.render.pandas_table import load_pandas

        ends = [end_word(end) for end in self.ends]
        columns = {"end": ends, "duration": self.durations, "going_back": self.back}
        return load_pandas().DataFrame(columns)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        figure: Any = self.picture()
        return figure._repr_mimebundle_(include, exclude)

    def __str__(self) -> str:
        lines = [f"{self.n:,} simulated runs of {short(self.flow)}, seed {self.seed}"]
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
