"""What a user assumes of the calls of a flow, checked at once: by name, for all, or as it was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from daga_nb.core.events import Event
from daga_nb.core.moves import Undo
from daga_nb.core.plan import Plan
from daga_nb.core.states import NodeState
from daga_nb.debug.chances import Odds
from daga_nb.debug.spans import Span, span_of
from daga_nb.debug.story import Story
from daga_nb.engine.faults import find_node
from daga_nb.engine.look import RunLook
from daga_nb.errors import SimulationError, UnknownAction, kind_of

__all__ = ["Assumptions"]

_N = NodeState


class Assumptions:
    """Reads what is assumed of the actions of a flow, and of their rollbacks.

    Examples
    --------
    >>> import networkx as nx
    >>> plan = Plan.compile(nx.DiGraph([("pay", "ship")]), str)
    >>> assumed = Assumptions(plan, [Undo.CALL, Undo.MISSING])
    >>> assumed.odds({"ship": 2}, 0.1, default=1.0)
    [Odds(span=1.0, rate=0.1), Odds(span=2.0, rate=0.1)]
    >>> assumed.odds({"shop": 2}, 0.1, default=1.0)
    Traceback (most recent call last):
    daga_nb.errors.SimulationError: durations: the flow has no action 'shop'. Did you mean 'ship'?
    """

    def __init__(self, plan: Plan, undo: Sequence[Undo]) -> None:
        self._plan = plan
        self._undo = undo

    def odds(self, durations: Any, rates: Any, *, default: Any) -> list[Odds]:
        """Give what is assumed of each action. `default` is the duration of those that are not named.

        Raises
        ------
        SimulationError
            If a name is unknown, a duration negative, a rate not from 0 to 1, or something none of these.
        """
        usual = span_of("the default duration", default)
        spans = self._spans("durations", self._measured(durations, 0), [usual] * len(self._plan))
        return list(map(Odds, spans, self._rates("failure_rates", rates)))

    def odds_back(self, durations: Any, rates: Any, *, forward: Sequence[Odds], story: Any) -> list[Odds]:
        """Give what is assumed of each rollback.

        What is not said of its duration is as measured in `story`, if that is one, or else as of its action.

        Raises
        ------
        SimulationError
            As of `odds`; also if something is said of a rollback that is not there.
        """
        usual = [odds.span for odds in forward]
        if isinstance(story, RunLook | Story):
            usual = self._spans("rollbacks", self._measured(story, 1), usual)
        spans = self._spans("rollback_durations", self._measured(durations, 1), usual, back=True)
        return list(map(Odds, spans, self._rates("rollback_failure_rates", rates, back=True)))

    def _measured(self, durations: Any, back: int) -> Any:
        """Give what a story tells of durations; anything else as it is."""
        if isinstance(durations, RunLook):
            durations = durations.story
        return _taken(durations)[back] if isinstance(durations, Story) else durations

    def _spans(self, what: str, given: Any, usual: Sequence[Span], *, back: bool = False) -> list[Span]:
        if given is None:
            return list(usual)
        if not isinstance(given, Mapping):
            return [span_of(what, given)] * len(self._plan)
        named = self._by_node(what, given, back)
        return [
            span_of(f"{what}: {name!r}", named[node]) if node in named else usual[node]
            for node, name in enumerate(self._plan.names)
        ]

    def _rates(self, what: str, given: Any, *, back: bool = False) -> list[float]:
        if not isinstance(given, Mapping):
            return [_rate(what, given)] * len(self._plan)
        named = self._by_node(what, given, back)
        return [
            _rate(f"{what}: {name!r}", named.get(node, 0.0)) for node, name in enumerate(self._plan.names)
        ]

    def _by_node(self, what: str, given: Mapping[Any, Any], back: bool) -> dict[int, Any]:
        found: dict[int, Any] = {}
        for at, value in given.items():
            try:
                node = find_node(self._plan, at)
            except UnknownAction as error:
                raise SimulationError(f"{what}: {error}") from None
            name = self._plan.names[node]
            if node in found:
                raise SimulationError(f"{what}: {name!r} stands there twice")
            if back and self._undo[node] is not Undo.CALL:
                raise SimulationError(f"{what}: {name!r} has no rollback")
            found[node] = value
        return found


def _rate(what: str, value: Any) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (number and 0 <= value <= 1):
        shown = f"{value!r}" if number else f"a {kind_of(value)}"
        raise SimulationError(f"{what}: {shown} is no rate; it is a number from 0 to 1")
    return float(value)


def _taken(story: Story) -> tuple[dict[str, float], dict[str, float]]:
    """Give the seconds that the actions of a run took, and its rollbacks, by name.

    Of what was called several times it is the last call that succeeded, or else the last one.
    """
    taken: tuple[dict[str, float], dict[str, float]] = ({}, {})
    well: set[tuple[str, bool]] = set()
    begun: dict[str, Event] = {}
    for event, note in zip(story.events, story.notes, strict=True):
        name = event.node
        if name is None:
            continue
        if event.state is _N.RUNNING or event.state is _N.ROLLING_BACK:
            begun[name] = event
        elif name in begun:
            start = begun.pop(name)
            back = start.state is _N.ROLLING_BACK
            good = event.state is _N.SUCCEEDED or event.state is _N.ROLLED_BACK
            if good or (name, back) not in well:
                taken[back][name] = max(0.0, event.at - start.at) if note.took is None else note.took
            if good:
                well.add((name, back))
    return taken
