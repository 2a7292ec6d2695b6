"""What a sweep gives: how each case ended, what was left behind, and what is wrong with which rollback."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from daga_nb.debug.sweep_problems import Problem, problems_of
from daga_nb.debug.sweep_trial import Outcome

if TYPE_CHECKING:
    from daga_nb.render.sweep_grid import SweepPicture
    from daga_nb.render.sweep_table import SweepTable

__all__ = ["Sweep"]


@dataclass(frozen=True, repr=False)
class Sweep:
    """What came of a sweep, as a value; alone in a cell it is a picture, as text a table.

    Attributes
    ----------
    flow
        The name of the flow.
    nodes
        The display names of the actions, in plan order.
    outcomes
        What came of each case: first of the run without a fault, then in the order of the plan. What cannot
        be is among them, with the reason.
    planned
        How many cases there are in all, with the run without a fault.
    stopped
        Whether it was stopped, so that cases are missing.
    """

    flow: str
    nodes: tuple[str, ...]
    outcomes: tuple[Outcome, ...]
    planned: int
    stopped: bool = False

    @cached_property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with which action, each once, with all cases in which it is seen."""
        return problems_of(self.outcomes)

    @cached_property
    def counts(self) -> Mapping[str, int]:
        """How many cases came to each end, by the end in words."""
        return Counter(outcome.word for outcome in self.outcomes)

    @property
    def clean(self) -> bool:
        """Whether every case was tried, and no rollback is wrong."""
        return not (self.problems or self.stopped)

    @property
    def impossible(self) -> tuple[Outcome, ...]:
        """The cases that cannot be; ``outcome.case.why_not`` says why."""
        return tuple(outcome for outcome in self.outcomes if outcome.end is None)

    @property
    def summary(self) -> str:
        """How the cases ended, and how many problems there are, in a line."""
        ends = ", ".join(f"{count} {word}" for word, count in self.counts.items())
        of = f" of {self.planned}" if self.stopped else ""
        found = len(self.problems)
        told = f"{found} problem{'s' * (found != 1)}" if found else "no problem"
        return f"{len(self.outcomes)}{of} cases: {ends}; {told}"

    def __repr__(self) -> str:
        return f"<Sweep of {self.flow}: {self.summary}>"

    def __str__(self) -> str:
        return str(self._table())

    def to_frame(self) -> Any:
        """Give the cases as a `pandas.DataFrame`: the fault, the state of each action, the end, what is left.

        Raises
        ------
        DagaError
            If pandas is not installed.
        """
        return self._table().to_frame()

    def picture(self) -> SweepPicture:
        """Give the grid as a picture: a row for each case, a column for each action."""
        from daga_nb.render.sweep_grid import SweepPicture

        return SweepPicture(self)

    def _table(self) -> SweepTable:
        from daga_nb.render.sweep_table import SweepTable

        return SweepTable(self)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        return self.picture()._repr_mimebundle_(include, exclude)
