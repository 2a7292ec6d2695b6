"""Counts effects, entry by entry: what is in the world now, and what went wrong on the way there."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from daga_nb.core.entries import Entry
from daga_nb.core.plan import Plan

__all__ = ["Row", "Tally", "Verdict"]

NAMED = 8
"""How many of the actions that had to do with an effect are named."""

MOST_ORDERED = 10_000
"""Actions of the largest flow in which the order of the rollbacks is looked at."""

MOST_WAITING = 256
"""How many different sets of actions are waited for at once, to see whether they are undone too late."""


class Verdict(StrEnum):
    """What is to be said of one effect: first what is wrong, the worst first, then what is as it should be.

    >>> Verdict.LEFT.value, Verdict.LEFT.is_flaw, Verdict.UNDONE.is_flaw
    ('left behind', True, False)
    """

    LEFT = "left behind"
    UNDONE_TWICE = "undone twice"
    NEVER_DONE = "undone, never done"
    DONE_TWICE = "done twice"
    TOO_EARLY = "undone too early"
    IN_WORLD = "in the world"
    UNDONE = "undone"
    NOTHING = "nothing done"

    @property
    def is_flaw(self) -> bool:
        """Whether something is wrong."""
        return self not in _FINE

    def __str__(self) -> str:
        return self.value


_FINE = (Verdict.IN_WORLD, Verdict.UNDONE, Verdict.NOTHING)
_ORDER = {verdict: number for number, verdict in enumerate(Verdict)}


class Row(NamedTuple):
    """How it stands with one effect: everything that was said of one name and key.

    Attributes
    ----------
    name, key
        What the effect is, and which one.
    in_world
        How often it is in the world now; below zero if it was taken back more often than it was done.
    done, undone
        How often it was done, and undone.
    repeats
        How often it was asked for again, and a service that heeds the key changed nothing.
    by
        The actions that did it or undid it; of many, the first.
    flaws
        What is wrong, the worst first.
    details
        What else was told when it was first done.
    """

    name: str
    key: str
    in_world: int = 0
    done: int = 0
    undone: int = 0
    repeats: int = 0
    by: tuple[str, ...] = ()
    flaws: tuple[Verdict, ...] = ()
    details: tuple[tuple[str, str], ...] = ()

    @property
    def verdict(self) -> Verdict:
        """What is to be said of it, in a word: the worst flaw, if there is one."""
        if self.flaws:
            return self.flaws[0]
        if self.in_world > 0:
            return Verdict.IN_WORLD
        return Verdict.UNDONE if self.undone else Verdict.NOTHING

    def flawed(self, flaw: Verdict | None) -> Row:
        """Give the row with one more flaw."""
        if flaw is None or flaw in self.flaws:
            return self
        return self._replace(flaws=tuple(sorted((*self.flaws, flaw), key=_ORDER.__getitem__)))

    def at_the_end(self) -> Row:
        """Give the row as it is once the run has been rolled back: what is in the world was left behind."""
        return self.flawed(Verdict.LEFT if self.in_world > 0 else None)


class Tally:
    """The fold of a ledger: give it the entries in order, and it has the rows as they are by then.

    A time costs the same whatever came before.

    Parameters
    ----------
    plan
        The shape of the flow; without it, the order of the rollbacks is not looked at.

    Attributes
    ----------
    rows
        One for each effect, in the order in which they were first spoken of.

    Examples
    --------
    >>> tally = Tally()
    >>> for kind in ("done", "undone", "undone"):
    ...     (number,) = tally.add(Entry(2, 0.1, "pay", 1, "forward", kind, "charge", "17"))
    >>> tally.rows[number].in_world, str(tally.rows[number].verdict)
    (-1, 'undone twice')
    """

    def __init__(self, plan: Plan | None = None) -> None:
        self.rows: list[Row] = []
        self._plan = plan if plan is not None and len(plan) <= MOST_ORDERED else None
        self._numbers: dict[tuple[str, str], int] = {}
        self._doers: list[list[str]] = []  # of each row, who did what is in the world of it
        self._holds: dict[int, int] = {}  # of each node, how many effects it has in the world
        self._holding = 0  # the same, a bit for each node that has any
        self._below: list[int] | None = None
        # Rows undone while these nodes, as bits, still had something in the world that they stand on.
        self._early: dict[int, list[int]] = {}

    def count(self, name: str, key: str) -> int:
        """Give how often an effect is in the world now."""
        number = self._numbers.get((name, key))
        return 0 if number is None else self.rows[number].in_world

    def add(self, entry: Entry) -> list[int]:
        """Count one more entry, and give the numbers of the rows that are other than before."""
        place = entry.name, entry.key
        number = self._numbers.get(place)
        if number is None:
            number = self._numbers[place] = len(self.rows)
            self.rows.append(Row(*place))
            self._doers.append([])
        row = self.rows[number]
        if len(row.by) < NAMED and entry.node not in row.by:
            row = row._replace(by=(*row.by, entry.node))
        done = entry.kind == "done"
        if done and entry.direction == "forward":
            self._early.clear()  # the run goes forward again: what is not undone by now was left behind
        if entry.once and (row.in_world > 0) is done:
            self.rows[number] = row._replace(repeats=row.repeats + 1)
            return [number]
        if done:
            self.rows[number] = self._do(row, number, entry)
            return [number]
        self.rows[number] = self._undo(row, number)
        return [number] if row.in_world <= 0 else [number, *self._order(number, entry)]

    def _do(self, row: Row, number: int, entry: Entry) -> Row:
        flaw = Verdict.DONE_TWICE if row.in_world > 0 else None
        details = row.details if row.done else entry.details
        row = row._replace(in_world=row.in_world + 1, done=row.done + 1, details=details)
        if row.in_world > 0:
            self._doers[number].append(entry.node)
            self._hold(entry.node, 1)
        return row.flawed(flaw)

    def _undo(self, row: Row, number: int) -> Row:
        flaw: Verdict | None = None
        if row.in_world <= 0:
            flaw = Verdict.UNDONE_TWICE if row.done else Verdict.NEVER_DONE
        return row._replace(in_world=row.in_world - 1, undone=row.undone + 1).flawed(flaw)

    def _order(self, number: int, entry: Entry) -> list[int]:
        """Take note of what was undone before this one and should have come after it; give those rows.

        What stands on an effect and is never undone is left behind: then the order is not what is wrong.
        """
        doer = self._doers[number].pop()
        self._hold(doer, -1)
        node = None if self._plan is None else self._plan.ids.get(doer)
        if node is None or entry.direction != "back":
            return []
        late = [waiting for waiting in self._early if waiting >> node & 1]
        found = list(dict.fromkeys(one for waiting in late for one in self._early.pop(waiting)))
        for one in found:
            self.rows[one] = self.rows[one].flawed(Verdict.TOO_EARLY)
        if self._holding >> (node + 1):  # what is downstream has a larger number
            standing = self._downstream()[node] & self._holding
            if standing and (standing in self._early or len(self._early) < MOST_WAITING):
                self._early.setdefault(standing, []).append(number)
        return found

    def _hold(self, name: str, by: int) -> None:
        node = None if self._plan is None else self._plan.ids.get(name)
        if node is None:
            return
        held = self._holds[node] = self._holds.get(node, 0) + by
        if held == (by > 0):  # the first one, or none any more
            self._holding ^= 1 << node

    def _downstream(self) -> list[int]:
        if self._below is None:
            assert self._plan is not None
            after = self._plan.successors
            below = [0] * len(after)
            for node in reversed(range(len(after))):
                for one in after[node]:
                    below[node] |= below[one] | 1 << one
            self._below = below
        return self._below
