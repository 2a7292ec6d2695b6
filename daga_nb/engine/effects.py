"""Where the actions of one run write down their effects, from whatever thread they run on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from logging import getLogger
from typing import Any, Protocol

from daga_nb.core.entries import Entry, Kind
from daga_nb.core.ledger import Ledger
from daga_nb.core.moves import Direction
from daga_nb.core.plan import Plan
from daga_nb.core.states import RunState
from daga_nb.core.tally import Tally
from daga_nb.engine.preview import preview, whole
from daga_nb.errors import EffectError, kind_of

__all__ = ["LONGEST_KEY", "LONGEST_NAME", "MOST_DETAILS", "Effects"]

log = getLogger(__name__)

LONGEST_NAME = 100
"""Characters of the longest name of an effect."""

LONGEST_KEY = 400
"""Characters of the longest key, and of the longest detail that is kept whole."""

MOST_DETAILS = 20
"""How many details of one entry are kept."""


class _Said(Protocol):
    """Who says it: of which call an entry is."""

    @property
    def node(self) -> str:
        """The display name of the action."""

    @property
    def attempt(self) -> int:
        """Which attempt it is."""

    @property
    def outcome(self) -> str | None:
        """How the action ended, if its rollback is talking."""


class Effects:
    """The one writer of a run's ledger. Any thread may write, and read.

    Parameters
    ----------
    seq
        Gives how many events the run has by now.
    now
        Gives the seconds of run time so far.
    plan
        The shape of the flow.

    Attributes
    ----------
    entries
        What was written; read it by index, it only grows.
    observers
        Called with each entry, on the thread that wrote it; one that raises is logged, and hears no more.
    """

    def __init__(
        self,
        seq: Callable[[], int] = lambda: 0,
        now: Callable[[], float] = lambda: 0.0,
        plan: Plan | None = None,
    ) -> None:
        self.entries: list[Entry] = []
        self.observers: list[Callable[[Entry], object]] = []
        self._seq = seq
        self._now = now
        self._plan = plan
        self._tally = Tally(plan)
        self._lock = threading.Lock()

    def record(
        self, kind: Kind, said: _Said, name: Any, key: Any, once: bool, details: Mapping[str, Any]
    ) -> None:
        """Write one effect down.

        Raises
        ------
        EffectError
            If its name or its key is not what it should be; then nothing is written.
        """
        name, key = _checked_name(name), _text_of_key(key)
        told = _told(details) if details else ()
        direction: Direction = "forward" if said.outcome is None else "back"
        # Read inside: so no entry stands behind one that knows of more events.
        with self._lock:
            entry = Entry(
                self._seq(),
                self._now(),
                said.node,
                said.attempt,
                direction,
                kind,
                name,
                key,
                bool(once),
                told,
            )
            self.entries.append(entry)
            self._tally.add(entry)
        for observer in tuple(self.observers):
            try:
                observer(entry)
            except Exception:  # it is not the action's fault
                log.exception("an observer of effects failed and hears no more: %r", observer)
                if observer in self.observers:
                    self.observers.remove(observer)

    def inherit(self, entries: Iterable[Entry]) -> None:
        """Begin with what another run has written: its effects are this run's to undo."""
        with self._lock:
            for entry in entries:
                self.entries.append(entry._replace(seq=0, at=0.0))
                self._tally.add(self.entries[-1])

    def restore(self, entries: Iterable[Entry]) -> None:
        """Begin with what this run has written before, in another process."""
        with self._lock:
            for entry in entries:
                self.entries.append(entry)
                self._tally.add(entry)

    def count(self, name: Any, key: Any) -> int:
        """Give how often an effect is in the world now."""
        place = _checked_name(name), _text_of_key(key)
        with self._lock:
            return self._tally.count(*place)

    def ledger(self, state: RunState = RunState.RUNNING) -> Ledger:
        """Give the ledger as it is now, for a run in this state."""
        return Ledger(tuple(self.entries), self._plan, state)


def _checked_name(name: Any) -> str:
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME:
        raise EffectError(
            f"the name of an effect says what it is, in a text of at most {LONGEST_NAME} characters, like "
            f"'charge'; it is not {_shown(name)}"
        )
    return whole(name)


def _text_of_key(key: Any) -> str:
    parts = tuple(key) if isinstance(key, tuple | list) else (key,)
    fits = all(isinstance(part, str | int | float | None) for part in parts)
    text = str(parts if isinstance(key, list) else key) if fits else ""
    if not 0 < len(text) <= LONGEST_KEY:
        raise EffectError(
            "the key of an effect says which one it is: a text, a number, or a tuple of these, "
            f"of at most {LONGEST_KEY} characters; it is not {_shown(key)}. For others there is str(key)"
        )
    return whole(text)


def _told(details: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    kept = list(details.items())[:MOST_DETAILS]
    return tuple(
        (
            whole(label[:LONGEST_NAME]),
            whole(value) if type(value) is str and len(value) <= LONGEST_KEY else preview(value, LONGEST_KEY),
        )
        for label, value in kept
    )


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return "an empty text" if not value else f"one of {len(value)} characters"
    return f"of the kind {kind_of(value)}"
