"""Which attempt each action of a run is at, in words."""

from __future__ import annotations

from collections.abc import Iterable

from daga_nb.core.events import Event
from daga_nb.core.states import NodeState

__all__ = ["Tries", "is_retry"]

_CALLS = (NodeState.RUNNING, NodeState.ROLLING_BACK)


def is_retry(event: Event) -> bool:
    """Whether a call is made again because the one before it failed.

    >>> is_retry(Event(6, 0.5, "pay", NodeState.RUNNING, 2, "retry 1 of 3, after 0.5 s"))
    True
    """
    return _wait(event) is not None


def _wait(event: Event) -> str | None:
    """Give how long a retry waits, in words: empty if it does not; None if the call is no retry."""
    told, _, wait = event.reason.partition(", after ")
    parts = told.split(" ")
    if event.state not in _CALLS or event.attempt == 1 or len(parts) != 4 or parts[::2] != ["retry", "of"]:
        return None
    return wait


class Tries:
    """What is to be said of the actions that are called more than once; of the others nothing.

    Examples
    --------
    >>> tries = Tries([Event(6, 0.5, "pay", NodeState.RUNNING, 2, "retry 1 of 3, after 0.5 s")])
    >>> tries.of("pay"), tries.of("ship")
    ('attempt 2, after 0.5 s', '')
    """

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self._words: dict[str, str] = {}
        for event in events:
            self.add(event)

    def add(self, event: Event) -> str:
        """Take in an event, and give what is to be said of its action from now on."""
        if event.node is None:
            return ""
        words = f"attempt {event.attempt}" if event.attempt > 1 else ""
        if wait := _wait(event):
            words += f", after {wait}"
        if words or event.node in self._words:
            self._words[event.node] = words
        return words

    def of(self, name: str) -> str:
        """Give what is to be said of an action: which attempt it is at, and how long that one waits."""
        return self._words.get(name, "")
