"""What a run has from another one, whose work it goes on with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from daga_nb.core.entries import Entry

__all__ = ["NOTHING_INHERITED", "Inherited"]


class Inherited(NamedTuple):
    """What a run begins with.

    Attributes
    ----------
    results
        The results of the actions that another run has done, by node.
    reason
        Whose they are, in words.
    adopt
        Whether their effects are this run's from now on, to be undone by it.
    effects
        What that run has written into its ledger about the actions whose effects are adopted.
    """

    results: Mapping[int, Any]
    reason: str = ""
    adopt: bool = False
    effects: tuple[Entry, ...] = ()


NOTHING_INHERITED = Inherited({})
