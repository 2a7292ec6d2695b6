"""The ledger as a page reads it: a short row each time that something is other in its table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from daga_nb.core.entries import Entry
from daga_nb.core.events import Event
from daga_nb.core.ledger import ROLLED_BACK
from daga_nb.core.plan import Plan
from daga_nb.core.tally import Row, Tally, Verdict
from daga_nb.engine.world import World
from daga_nb.render.ledger import VERDICT_LOOKS
from daga_nb.render.text import elide

__all__ = ["LedgerTape", "verdict_looks", "world_words"]

_NUMBER = {verdict: number for number, verdict in enumerate(VERDICT_LOOKS)}
_LONGEST = 80
_LONGEST_DETAILS = 200
_MOST_CHANGES = 20


def verdict_looks() -> list[dict[str, Any]]:
    """Give how the verdicts look; a row knows them by their place in this list."""
    return [
        {"glyph": look.glyph, "word": look.word, "key": look.colours.key, "flaw": verdict.is_flaw}
        for verdict, look in VERDICT_LOOKS.items()
    ]


def world_words(world: World) -> dict[str, Any]:
    """Give what is said of a world: in a word, whether something is wrong with it, and the first changes.

    >>> world_words(World(1, 2, ("1 → 2",), ended=True, rolled_back=True))["flaw"]
    True
    """
    more = len(world.changes) - _MOST_CHANGES
    shown = [elide(change, _LONGEST_DETAILS) for change in world.changes[:_MOST_CHANGES]]
    return {
        "words": elide(world.verdict, _LONGEST_DETAILS),
        "changes": [*shown, f"and {more} more"] if more > 0 else shown,
        "flaw": world.left or world.error is not None,
    }


class LedgerTape:
    """The rows of a ledger, ``[seq, row, in the world, done, undone, repeats, verdicts, by]``.

    They say how a row of the table stands after so many events (`seq` never goes down); at the first time,
    effect, key and details come after. `verdicts` and `by` are numbers: of the looks, and of the actions.

    Examples
    --------
    >>> import networkx as nx
    >>> tape = LedgerTape(Plan.compile(nx.DiGraph([("pay", "ship")]), str))
    >>> tape.catch_up([Entry(2, 0.1, "pay", 1, "forward", "done", "charge", "17")], [])
    [[2, 0, 1, 1, 0, 0, [5], [0], 'charge', '17', '']]
    """

    def __init__(self, plan: Plan) -> None:
        self.rows: list[list[Any]] = []
        self._ids = plan.ids
        self._tally = Tally(plan)
        self._told = 0
        self._entries = 0
        self._events = 0
        self._at_the_end = False

    def catch_up(self, entries: Sequence[Entry], events: Sequence[Event]) -> list[list[Any]]:
        """Add what has come since the last time, and give its rows. It costs as much as there is new."""
        first = len(self.rows)
        # The events first: whatever stands before one of them is among the entries by then.
        fresh_events = events[self._events :]
        fresh = entries[self._entries :]
        self._events += len(fresh_events)
        self._entries += len(fresh)
        waiting = 0
        for event in fresh_events:
            if event.node is not None or self._at_the_end is (event.state in ROLLED_BACK):
                continue
            while waiting < len(fresh) and fresh[waiting].seq < event.seq:
                self._add(fresh[waiting])
                waiting += 1
            self._turn(event)
        for entry in fresh[waiting:]:
            self._add(entry)
        return self.rows[first:]

    def _add(self, entry: Entry) -> None:
        for number in self._tally.add(entry):
            self._show(entry.seq, number)

    def _turn(self, event: Event) -> None:
        # What is in the world is left behind from now on; or not yet, if the rollback is tried again.
        self._at_the_end = not self._at_the_end
        for number, row in enumerate(self._tally.rows):
            if row.in_world > 0:
                self._show(event.seq, number)

    def _show(self, seq: int, number: int) -> None:
        row = self._tally.rows[number]
        if self._at_the_end:
            row = row.at_the_end()
        shown: list[Any] = [
            seq,
            number,
            row.in_world,
            row.done,
            row.undone,
            row.repeats,
            _numbers(row.flaws or (row.verdict,)),
            [self._ids[name] for name in row.by],
        ]
        if number == self._told:
            self._told += 1
            shown += [elide(row.name, _LONGEST), elide(row.key, _LONGEST), _details(row)]
        self.rows.append(shown)


def _numbers(verdicts: Iterable[Verdict]) -> list[int]:
    return [_NUMBER[verdict] for verdict in verdicts]


def _details(row: Row) -> str:
    return elide(", ".join(f"{label}={text}" for label, text in row.details), _LONGEST_DETAILS)
