"""One state change, as a value: the vocabulary that the machine, the log, the widgets and the tests share."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, NamedTuple

from daga_nb.core.states import State, parse_state
from daga_nb.errors import StoryError

__all__ = ["Event"]


class Event(NamedTuple):
    """One state change of a run.

    Attributes
    ----------
    seq
        1, 2, 3, ... without holes.
    at
        Seconds of run time since the run started. The clock stands still while a debugger holds the run.
    node
        The display name of the action; None for a change of the run itself.
    state
        The state entered.
    attempt
        Which attempt of the action this belongs to, from 1.
    reason
        Why, in words; empty where the state says it all.

    Examples
    --------
    >>> from daga_nb.core.states import NodeState
    >>> event = Event(3, 0.25, "charge", NodeState.FAILED, 1, "Timeout: no answer")
    >>> print(event)
    charge FAILED
    >>> Event.from_json(event.to_json()) == event
    True
    """

    seq: int
    at: float
    node: str | None
    state: State
    attempt: int = 1
    reason: str = ""

    def __str__(self) -> str:
        return f"{'run' if self.node is None else self.node} {self.state.value}"

    def to_json(self) -> dict[str, Any]:
        """Give the event as JSON values."""
        return {**self._asdict(), "state": self.state.value}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Event:
        """Read an event back, checking every field.

        Raises
        ------
        StoryError
            If a field is missing, unknown, or of the wrong kind.
        """
        if not isinstance(data, Mapping) or set(data) != set(cls._fields):
            raise StoryError(f"not an event: expected the fields {', '.join(cls._fields)}")
        seq, at, node, state, attempt, reason = (data[field] for field in cls._fields)
        whole = type(seq) is int and type(attempt) is int and seq >= 1 and attempt >= 1
        timed = type(at) in (int, float) and abs(at) <= sys.float_info.max  # False for nan
        if not (whole and timed and isinstance(reason, str) and isinstance(node, str | None)):
            raise StoryError(f"event {seq!r}: a field has a value of the wrong kind")
        try:
            known = parse_state(state, of_run=node is None)
        except ValueError:
            raise StoryError(f"event {seq}: there is no state {state!r}") from None
        return cls(seq, float(at), node, known, attempt, reason)
