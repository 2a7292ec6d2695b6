"""Predict, then step: a learner says which actions will be undone next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from daga_nb.core.moves import Ready
from daga_nb.debug.stepper import Pacer

__all__ = ["ForwardPacer", "Quiz", "Verdict"]


class Verdict(NamedTuple):
    """How a prediction compares with what was undone; the actions by their numbers in the plan."""

    right: tuple[int, ...]
    wrong: tuple[int, ...]
    missed: tuple[int, ...]

    @property
    def all_right(self) -> bool:
        """Whether it was the whole truth."""
        return not (self.wrong or self.missed)


class Quiz:
    """A learner's predictions, and the score.

    Attributes
    ----------
    guess
        The actions that the learner has marked for the next step.
    verdict
        How the last prediction was; None before, and while the next one is made.
    asked, right
        How many steps were predicted, and how many of them without a mistake.

    Examples
    --------
    >>> quiz = Quiz()
    >>> quiz.toggle(1)
    >>> quiz.toggle(3)
    >>> quiz.answer([1, 2])
    Verdict(right=(1,), wrong=(3,), missed=(2,))
    >>> quiz.score
    '0 of 1 right'
    """

    def __init__(self) -> None:
        self.guess: set[int] = set()
        self.verdict: Verdict | None = None
        self.asked = 0
        self.right = 0

    @property
    def score(self) -> str:
        """The score in words."""
        return f"{self.right} of {self.asked} right"

    def toggle(self, node: int) -> None:
        """Mark an action as one that will be undone next, or take the mark away."""
        self.verdict = None
        self.guess ^= {node}

    def answer(self, undone: Iterable[int]) -> Verdict:
        """Compare the prediction with what is undone, count it, and begin the next one."""
        truth = set(undone)
        found = (self.guess & truth, self.guess - truth, truth - self.guess)
        self.verdict = Verdict(*(tuple(sorted(nodes)) for nodes in found))
        self.asked += 1
        self.right += self.verdict.all_right
        self.guess = set()
        return self.verdict

    def begin(self) -> None:
        """Forget the marks: another run begins. The score stays."""
        self.guess, self.verdict = set(), None


class ForwardPacer(Pacer):
    """A pacer that holds before anything is undone: the learner is to say first what that will be."""

    async def admit(self, ready: Ready) -> Sequence[int]:
        """Let through what goes forward."""
        return () if ready.direction == "back" else await super().admit(ready)
