"""What the calls of a simulated run meet with: how long each takes, and whether it fails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from random import Random
from typing import NamedTuple

from daga_nb.core.moves import Direction
from daga_nb.debug.spans import Span

__all__ = ["Chances", "Odds"]


class Odds(NamedTuple):
    """What is known of the calls of one action, or of its rollback: the time they take, how often they fail."""

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
        self._streams: Mapping[Direction, list[_Stream]] = {
            "forward": [_Stream(f"{seed}/do/{name}", odds) for name, odds in zip(names, forward, strict=True)],
            "back": [_Stream(f"{seed}/undo/{name}", odds) for name, odds in zip(names, back, strict=True)],
        }
        self._turn = self._run = 0

    def begin(self, run: int) -> None:
        """Begin a run, by its number; the same number draws the same again."""
        self._run = run
        self._turn += 1

    def draw(self, node: int, direction: Direction) -> tuple[float, bool]:
        """Give the seconds that the next call takes, and whether it fails."""
        stream = self._streams[direction][node]
        if stream.settled:
            return stream.span, stream.rate == 1.0  # type: ignore[return-value]
        rng = stream.rng
        if stream.turn != self._turn:
            stream.turn = self._turn
            rng.seed(stream.base + self._run)
        fails = rng.random() < stream.rate  # drawn also where the answer is known: a rate shifts no duration
        span = stream.span
        return span(rng) if callable(span) else span, fails


class _Stream:
    __slots__ = ("base", "rate", "rng", "settled", "span", "turn")

    def __init__(self, key: str, odds: Odds) -> None:
        self.span, self.rate = odds
        self.settled = not callable(self.span) and self.rate in (0.0, 1.0)
        self.base = int.from_bytes(sha256(key.encode("utf-8", "backslashreplace")).digest()[:16], "big")
        self.rng = Random(0)
        self.turn = 0
