"""Exercises: an answer of a learner, compared with what is really so."""

from __future__ import annotations

import html
import inspect
import re
from collections.abc import Callable, Coroutine, Sequence, Set
from dataclasses import dataclass
from typing import Any, overload

from daga_nb.engine.preview import preview

__all__ = ["Checked", "check"]

_SHOWN = 300


@dataclass(frozen=True)
class Checked:
    """How an answer compares with the truth.

    Attributes
    ----------
    right
        Whether it is right; None if there is no answer yet.
    words
        What is to be said about it.
    """

    right: bool | None
    words: str

    def __bool__(self) -> bool:
        return self.right is True

    def __str__(self) -> str:
        return f"{self._sign} {self.words}"

    __repr__ = __str__

    @property
    def _sign(self) -> str:
        return {True: "✓", False: "✗", None: "…"}[self.right]

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        head = {True: "Right.", False: "Not yet.", None: "No answer yet."}[self.right]
        text = html.escape(self.words)
        return {
            "text/plain": str(self),
            "text/html": f"<p><b>{self._sign} {head}</b> {text}</p>",
        }


@overload
def check(
    answer: Any, truth: Callable[[Any], Coroutine[Any, Any, bool | str]], *, hint: str = ""
) -> Coroutine[Any, Any, Checked]: ...


@overload
def check(answer: Any, truth: Any, *, hint: str = "") -> Checked: ...


def check(answer: Any, truth: Any, *, hint: str = "") -> Any:
    """Give whether an answer is right; in a notebook, as a line below the cell.

    The truth is told only where the answer is right.

    Parameters
    ----------
    answer
        What the learner says; ``...`` for nothing yet. A list is compared in its order, a set without.
    truth
        What is so; or a function that is given the answer, and says whether it is right: True, False, or in
        words what is wrong with it. If it is async, because it runs a flow with the answer, await the check.
    hint
        What helps who has it wrong.

    Examples
    --------
    >>> check(..., ["hotel", "flight"])
    … replace the three dots by your answer
    >>> check(["flight", "hotel"], ["hotel", "flight"])
    ✗ the 1st is not 'flight'
    >>> check(["hotel", "flight"], ["hotel", "flight"])
    ✓ ['hotel', 'flight']
    >>> check(3, lambda number: number > 3 or "too few")
    ✗ too few
    """
    if inspect.iscoroutinefunction(truth):
        return _checked_by_running(answer, truth, hint)
    if answer is ...:
        return _NO_ANSWER
    return _checked(answer, _judged(truth(answer)) if callable(truth) else _compared(answer, truth), hint)


async def _checked_by_running(
    answer: Any, judge: Callable[[Any], Coroutine[Any, Any, bool | str]], hint: str
) -> Checked:
    return _NO_ANSWER if answer is ... else _checked(answer, _judged(await judge(answer)), hint)


_NO_ANSWER = Checked(None, "replace the three dots by your answer")


def _checked(answer: Any, wrong: str | None, hint: str) -> Checked:
    if wrong is None:
        return Checked(True, _shown(answer))
    return Checked(False, "; ".join(filter(None, (wrong, hint))) or f"it is not {_shown(answer)}")


def _shown(answer: Any) -> str:
    """Give an answer as text; of a function not where it is in memory, which is other each time."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", preview(answer, _SHOWN))


def _judged(said: Any) -> str | None:
    if said is True:
        return None
    return said if isinstance(said, str) else ""


def _compared(answer: Any, truth: Any) -> str | None:
    """Give what is wrong with an answer; None if nothing."""
    if isinstance(truth, str) or not isinstance(truth, Sequence | Set):
        same = type(answer) is type(truth) or {type(answer), type(truth)} <= {int, float}
        return None if same and answer == truth else ""
    if isinstance(answer, str) or not isinstance(answer, Sequence | Set):
        return f"a list is asked for, not {_shown(answer)}"
    if isinstance(truth, Set):
        return None if set(answer) == set(truth) else _in_a_set(set(answer), set(truth))
    return _in_order(list(answer), list(truth))


def _in_a_set(answer: set[Any], truth: set[Any]) -> str:
    extra = sorted(map(repr, answer - truth))
    if extra:
        return f"{', '.join(extra)} does not belong to it"
    return f"{len(truth - answer)} of {len(truth)} are still missing"


def _in_order(answer: list[Any], truth: list[Any]) -> str | None:
    for place, (said, right) in enumerate(zip(answer, truth, strict=False), start=1):
        if said != right:
            return f"the {_ordinal(place)} is not {said!r}"
    if len(answer) < len(truth):
        return f"right so far; {len(truth) - len(answer)} more to come"
    return None if len(answer) == len(truth) else f"there are {len(answer) - len(truth)} too many"


def _ordinal(number: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th") if number % 100 not in (11, 12, 13) else "th"
    return f"{number}{ending}"
