"""Breakpoints: where a run stops of itself, before an action or before its rollback."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from daga_nb.core.moves import Direction, Ready
from daga_nb.core.plan import Plan
from daga_nb.engine.faults import find_node
from daga_nb.errors import StepError

__all__ = ["Breakpoint", "Breakpoints", "Condition", "Phase"]

Phase = Literal["forward", "rollback"]
Condition = Callable[[Mapping[str, Any]], object]

_PHASE: dict[Direction, Phase] = {"forward": "forward", "back": "rollback"}


@dataclass(frozen=True)
class Breakpoint:
    """A place where a run stops of itself.

    Attributes
    ----------
    at
        The display name of the action.
    phase
        ``"forward"``: before the action. ``"rollback"``: before its rollback.
    when
        Given the inputs by name, tells whether to stop; None for always.

    Examples
    --------
    >>> print(Breakpoint("charge", "rollback"))
    before the rollback of charge
    """

    at: str
    phase: Phase = "forward"
    when: Condition | None = None

    def __str__(self) -> str:
        place = f"before the rollback of {self.at}" if self.phase == "rollback" else f"before {self.at}"
        return f"{place}, if {getattr(self.when, '__name__', 'a condition')}" if self.when else place


class Breakpoints:
    """The breakpoints of one run.

    A run that stops at one goes on past it when it is let go again: each stops it once, and once more each
    time that it went back to a save point.

    Attributes
    ----------
    stopped
        The breakpoints at which the run stands now.
    """

    def __init__(self, plan: Plan, inputs: Callable[[int], Mapping[str, Any]]) -> None:
        self.stopped: tuple[Breakpoint, ...] = ()
        self._plan = plan
        self._inputs = inputs
        self._round = 0
        self._at: dict[tuple[int, Phase], Breakpoint] = {}
        self._passed: set[tuple[int, Phase]] = set()

    def __iter__(self) -> Iterator[Breakpoint]:
        return iter([self._at[key] for key in sorted(self._at)])

    def __len__(self) -> int:
        return len(self._at)

    def add(self, at: Any, phase: Phase = "forward", when: Condition | None = None) -> Breakpoint:
        """Stop before an action, or before its rollback.

        Raises
        ------
        StepError
            If there is no such action or phase, or the condition cannot be called.
        """
        node = find_node(self._plan, at)
        if phase not in get_args(Phase):
            raise StepError(f"phase={phase!r}: a run stops before an action ('forward') or its 'rollback'")
        if when is not None and not callable(when):
            raise StepError(f"when={when!r}: a condition is a function that is given the inputs by name")
        made = Breakpoint(self._plan.names[node], phase, when)
        self._at[node, phase] = made
        self._passed.discard((node, phase))
        return made

    def remove(self, at: Any = None, phase: Phase | None = None) -> tuple[Breakpoint, ...]:
        """Take out the breakpoints at one action (or all), of one phase (or both), and give them."""
        node = None if at is None else find_node(self._plan, at)
        keys = [key for key in sorted(self._at) if node in (None, key[0]) and phase in (None, key[1])]
        return tuple(self._at.pop(key) for key in keys)

    def go_on(self) -> None:
        """Take note that the run is let go from where it stands."""
        self._passed |= {(self._plan.ids[one.at], one.phase) for one in self.stopped}
        self.stopped = ()

    def hit(self, ready: Ready) -> bool:
        """Whether the run stops before what is ready."""
        if not self._at or ready.direction is None:
            return False
        if ready.round != self._round:
            self._round = ready.round
            self._passed.clear()
        phase = _PHASE[ready.direction]
        waiting = {node for node, when in self._at.keys() - self._passed if when == phase}
        found = []
        for node in filter(waiting.__contains__, ready.nodes if waiting else ()):
            one = self._at[node, phase]
            if one in self.stopped or one.when is None or one.when(self._inputs(node)):
                found.append(one)
            else:
                self._passed.add((node, phase))  # the inputs will not change
        self.stopped = tuple(found)
        return bool(found)
