"""Who leaves a world other than it was: told by elimination from which runs were clean and which not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from daga_nb.debug.sweep_signs import Mode

__all__ = ["Part", "Seen", "culprits"]


class Part(NamedTuple):
    """An action, and what its rollback had to undo."""

    action: str
    mode: Mode


class Seen(NamedTuple):
    """One run: what was undone in it, and whether the world is other than before."""

    parts: frozenset[Part]
    dirty: bool


def culprits(runs: Iterable[Seen]) -> list[frozenset[Part]]:
    """Give for each run who may have left its world other than before; nobody for a clean one.

    What was undone in a clean run leaves nothing behind. If that leaves only one, it is the one, and it is in
    the other runs too, where more than one could be.

    Examples
    --------
    >>> pay, ship = Part("pay", "done"), Part("ship", "done")
    >>> found = culprits([Seen(frozenset({pay}), True), Seen(frozenset({pay, ship}), True)])
    >>> [[part.action for part in parts] for parts in found]
    [['pay'], ['pay']]
    """
    seen = list(runs)
    cleared = {part for run in seen if not run.dirty for part in run.parts}
    suspects = [run.parts - cleared if run.dirty else frozenset[Part]() for run in seen]
    known = {part.action for found in suspects if len(found) == 1 for part in found}
    return [frozenset(part for part in found if part.action in known) or found for found in suspects]
