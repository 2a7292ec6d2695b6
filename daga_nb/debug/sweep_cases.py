"""The cases of a sweep: what is planted in each, how the run is turned back, and what cannot be together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, NamedTuple

from daga_nb.core.moves import Policy, Undo
from daga_nb.core.plan import Plan
from daga_nb.engine.faults import Fault

__all__ = ["PLACES", "Case", "Place", "Shape", "SweepPlace", "cases_of", "count_of"]

SweepPlace = Literal["before", "after", "rollback", "again"]

PLACES: tuple[SweepPlace, ...] = ("before", "after", "rollback", "again")
"""Where a sweep plants: before or after the effect, in the rollback, and a rollback that is called again."""

_BACK = ("rollback", "again")


class Place(NamedTuple):
    """An action, by number, and where a fault is planted at it."""

    node: int
    where: SweepPlace

    @property
    def back(self) -> bool:
        """Whether the fault is in the rollback."""
        return self.where in _BACK


@dataclass(frozen=True)
class Case:
    """One row of a sweep: what is planted in a run of its own.

    Attributes
    ----------
    places
        Where; none for the run without faults.
    faults
        What is planted. A pivot is only rolled back if it fails, so there a second fault makes it fail; so
        it is past a pivot, where a run only goes back to a save point.
    turned
        Whether the run is rolled back by request: from its end, or from where only a pivot is left to start.
    why_not
        Why it cannot be; empty if it can.
    sure
        Whether all faults must strike. Else it depends on the order of what runs at once.
    """

    places: tuple[Place, ...] = ()
    faults: tuple[Fault, ...] = ()
    turned: bool = False
    why_not: str = ""
    sure: bool = True

    def __str__(self) -> str:
        if not self.faults:
            return "no fault, rolled back by request" if self.turned else "no fault"
        return "; ".join(map(str, self.faults))


class Shape(NamedTuple):
    """What decides which faults can strike: the plan, the policy, and what undoing each action takes.

    `loose` says that the order of calls is not known in advance: not everything that is ready starts at once,
    or a fault does not strike each time.
    """

    plan: Plan
    policy: Policy
    undo: tuple[Undo, ...]
    loose: bool

    def reaches(self, one: int, other: int) -> bool:
        """Whether `other` comes after `one` in the graph."""
        ahead, seen = [one], {one}
        while ahead:
            for after in self.plan.successors[ahead.pop()]:
                if after == other:
                    return True
                if after not in seen and self.plan.batch_of[after] < self.plan.batch_of[other]:
                    seen.add(after)
                    ahead.append(after)
        return False

    def starts_before(self, one: int, other: int) -> bool | None:
        """Whether `one` has started when `other` has ended: True or False if that is certain, else None."""
        if self.policy.schedule == "batch":
            batches = self.plan.batch_of
            if batches[one] == batches[other]:
                return None if self.loose else True
            return batches[one] < batches[other]
        if self.reaches(one, other):
            return True
        return False if self.reaches(other, one) else None

    def behind_pivot(self, node: int) -> str | None:
        """Give the pivot that must have succeeded before `node` is called; None if there is none."""
        batches, pivots = self.plan.batch_of, sorted(self.policy.pivots - {node})
        if self.policy.schedule == "batch":
            found = [one for one in pivots if batches[one] < batches[node]]
        else:
            found = [one for one in pivots if self.reaches(one, node)]
        return self.plan.names[found[0]] if found else None

    def only_recovers(self, node: int) -> bool:
        """Whether `node` comes after a pivot, and a run goes back past it to a save point if it fails."""
        if self.policy.schedule != "batch" or self.behind_pivot(node) is None:
            return False  # eager, it depends on what else has succeeded by then
        batches, last = self.plan.batch_of, self.plan.batch_of[node]
        saved = max((batches[one] for one, _ in self.policy.save_points if batches[one] < last), default=-1)
        since = [one for one, batch in enumerate(batches) if saved < batch <= last]
        undoable = all(self.undo[one] is not Undo.MISSING for one in since)
        passed = self.policy.pivots & set(since) - {node}
        return saved >= 0 and undoable and not passed and self.policy.undoes_failed(node)

    def never_undone(self, node: int) -> str:
        """Give why the rollback of an action is never called; empty if it may be."""
        if self.undo[node] is Undo.NOTHING:
            return "no rollback: it has nothing to undo"
        if self.undo[node] is not Undo.CALL:
            return "no rollback: what it does stays"
        pivot = self.behind_pivot(node)
        if pivot is not None and not self.only_recovers(node):
            return f"comes after the pivot {pivot}: it is never rolled back"
        if node in self.policy.pivots and not self.policy.undoes_failed(node):
            return "a pivot is never rolled back once it has succeeded, and this one not when it failed"
        return ""


def count_of(nodes: int, places: int, pairs: bool) -> int:
    """Give how many cases there are at `nodes` actions, with and without `pairs`.

    >>> count_of(12, 3, False), count_of(12, 3, True)
    (36, 666)
    """
    single = nodes * places
    return single + (single * (single - 1) // 2 if pairs else 0)


def cases_of(
    shape: Shape,
    nodes: Sequence[int],
    where: Sequence[SweepPlace],
    pairs: bool,
    fault: Callable[[str, SweepPlace], Fault],
) -> list[Case]:
    """Give the cases of a sweep in their order; what cannot be is among them, with the reason."""
    places = [Place(node, one) for node in nodes for one in where]
    made = [_single(shape, place, fault) for place in places]
    if pairs:
        made += [_pair(shape, one, other, fault) for one, other in combinations(places, 2)]
    return made


def _single(shape: Shape, place: Place, fault: Callable[[str, SweepPlace], Fault]) -> Case:
    node, name = place.node, shape.plan.names[place.node]
    planted: tuple[Fault, ...] = (fault(name, place.where),)
    if not place.back:
        return Case((place,), planted)
    why_not = shape.never_undone(node)
    recovers = shape.only_recovers(node)
    if not why_not and (recovers or node in shape.policy.pivots):
        planted = (fault(name, "after"), *planted)
    return Case((place,), planted, turned=not recovers, why_not=why_not)


def _pair(shape: Shape, one: Place, other: Place, fault: Callable[[str, SweepPlace], Fault]) -> Case:
    planted = tuple(fault(shape.plan.names[place.node], place.where) for place in (one, other))
    why_not, sure = _together(shape, one, other)
    return Case((one, other), planted, one.back and other.back, why_not, sure and not shape.loose)


def _together(shape: Shape, one: Place, other: Place) -> tuple[str, bool]:
    """Give why two faults cannot both strike, and whether they must."""
    if one.node == other.node:
        return _at_one(shape, one, other)
    if not one.back and not other.back:
        return _both_forward(shape, one.node, other.node)
    names = shape.plan.names
    for place in (one, other):
        if place.back and (why_not := shape.never_undone(place.node)):
            return f"{names[place.node]}: {why_not}", True
        if place.back and place.node in shape.policy.pivots:
            return f"the pivot {names[place.node]} is only rolled back if it fails itself", True
        if place.back and shape.only_recovers(place.node):
            return f"{names[place.node]}, past a pivot, is only rolled back to a save point", True
    if one.back and other.back:
        return "", shape.policy.on_rollback_error == "continue"
    return _there_and_back(shape, *((other, one) if one.back else (one, other)))


def _at_one(shape: Shape, one: Place, other: Place) -> tuple[str, bool]:
    if one.back and other.back:
        return "two faults in one rollback", True
    if not one.back and not other.back:
        return "it is not called, so there is nothing after it", True
    if why_not := shape.never_undone(one.node):
        return why_not, True
    if not shape.policy.undoes_failed(one.node):
        return "it is not rolled back when it has failed", True
    return _way_back(shape, one.node)


def _way_back(shape: Shape, node: int) -> tuple[str, bool]:
    """Give why the failure of an action does not turn the run back, and whether that is certain."""
    sure = True
    for pivot in sorted(shape.policy.pivots - {node}):
        passed = shape.starts_before(pivot, node)
        if passed:
            return f"past the pivot {shape.plan.names[pivot]} there is no way back", True
        sure = sure and passed is False
    return "", sure


def _both_forward(shape: Shape, one: int, other: int) -> tuple[str, bool]:
    for first, second in ((one, other), (other, one)):
        if shape.starts_before(second, first) is False:
            names = shape.plan.names
            return f"{names[second]} is not called: {names[first]} comes first, and fails", True
    return "", shape.starts_before(one, other) is True


def _there_and_back(shape: Shape, there: Place, back: Place) -> tuple[str, bool]:
    names = shape.plan.names
    why_not, sure = _way_back(shape, there.node)
    if why_not:
        return why_not, True
    done = shape.starts_before(back.node, there.node)
    if done is False:
        return f"{names[back.node]} is not called: {names[there.node]} comes first, and fails", True
    return "", sure and done is True
