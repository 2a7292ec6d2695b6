"""What the calls of a simulated run meet with: how long each takes, and whether it fails."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from random import Random
from typing import NamedTuple

from daga_nb.core.moves import Direction
from daga_nb.debug.spans import Span

__all__ = ["Chances", "Odds"]


class Odds(NamedTuple):
    """What is assumed of the calls of an action, or of a rollback: their seconds, the share that fails."""

    span: Span
    rate: float


class Chances:
    """Draws what each call of a run meets with, so that runs can be compared.

    Each action, and each rollback, has a stream of its own in each run: what one of them draws shifts nothing
    for the others, nor for the next run. Two simulations with one seed differ by what is other in them, and
    not by luck (common random numbers).

    Examples
    --------
    >>> chances = Chances(["pay"], [Odds(2.0, 1.0)], [Odds(1.0, 0.0)], seed=0)
    >>> chances.begin(17)
    >>> chances.draw(0, "forward"), chances.draw(0, "back")
    ((2.0, True), (1.0, False))
    """

    def __init__(
        self, names: Sequence[str], forward: Sequence[Odds], back: Sequence[Odds], *, seed: int
    ) -> None:
        self._forward = [
            _Stream(f"{seed}/do/{name}", odds) for name, odds in zip(names, forward, strict=True)
        ]
        self._back = [_Stream(f"{seed}/undo/{name}", odds) for name, odds in zip(names, back, strict=True)]
        self._used: list[_Stream] = []
        self._run = -1

    def begin(self, run: int) -> None:
        """Begin a run, by its number; the same number draws the same again."""
        anew = run != self._run
        self._run = run
        for stream in self._used:
            stream.place = 0
            if anew:
                stream.drawn.clear()
        if anew:
            self._used.clear()

    def draw(self, node: int, direction: Direction) -> tuple[float, bool]:
        """Give the seconds that the next call takes, and whether it fails."""
        stream = (self._forward if direction == "forward" else self._back)[node]
        if stream.settled is not None:
            return stream.settled
        place, drawn = stream.place, stream.drawn
        stream.place = place + 1
        if place < len(drawn):
            return drawn[place]
        if not place:
            stream.rng.seed(stream.base + self._run)
            self._used.append(stream)
        # Drawn also where the answer is known: another rate shifts no duration.
        fails = stream.rng.random() < stream.rate
        span = stream.span
        found = (span(stream.rng) if callable(span) else span), fails
        drawn.append(found)
        return found


class _Stream:
    """The draws of one action, or one rollback; `drawn` are those of the run that was begun last.

    A run that is told once more, with other outcomes, may call more often than before: then it goes on from
    what was drawn.
    """

    __slots__ = ("base", "drawn", "place", "rate", "rng", "settled", "span")

    def __init__(self, key: str, odds: Odds) -> None:
        self.span, self.rate = odds
        self.settled: tuple[float, bool] | None = None
        if not callable(self.span) and self.rate in (0.0, 1.0):
            self.settled = self.span, self.rate == 1.0
        self.base = int.from_bytes(sha256(key.encode("utf-8", "backslashreplace")).digest()[:16], "big")
        self.rng = Random(0)
        self.drawn: list[tuple[float, bool]] = []
        self.place = 0
