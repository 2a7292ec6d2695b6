"""When a fault strikes: which calls, by which chance, on which condition."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from daga_nb.engine.exact import check_text, short, why_not
from daga_nb.engine.fault_tasks import OFF, Task, Term
from daga_nb.engine.scanner import Scanner, as_json, as_name
from daga_nb.errors import FaultError

__all__ = ["ALWAYS", "Comparison", "Condition", "Operator", "When", "check_seed", "read_comparison"]

Operator = Literal["<", "<=", "==", "!=", ">=", ">"]

_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}


@dataclass(frozen=True)
class Comparison:
    """A condition on one input: it is compared with a text, a number, True, False or None.

    Attributes
    ----------
    name
        The predecessor whose result is compared, or ``input`` for an action without predecessors.
    operator, value
        How, and with what.

    Examples
    --------
    >>> over = Comparison("quote", ">", 500)
    >>> print(over), over.holds({"quote": 842}), over.holds({"quote": "a text"})
    quote > 500
    (None, True, False)
    """

    name: str
    operator: Operator
    value: Any

    def __post_init__(self) -> None:
        check_text(self.name, "the name of what is compared", FaultError)
        if self.operator not in get_args(Operator):
            raise FaultError(f"{short(self.operator)}: a comparison is one of {' '.join(get_args(Operator))}")
        wrong = why_not(self.value)
        if wrong:
            raise FaultError(f"what {self.name!r} is compared with {wrong}")

    @classmethod
    def parse(cls, text: str) -> Comparison:
        """Read it from a text such as ``quote > 500``.

        Raises
        ------
        FaultError
            If it is none; the message says where it ends to be one.
        """
        scanner = Scanner(text)
        found = read_comparison(scanner)
        if scanner.rest:
            raise scanner.wrong("one comparison is meant, and nothing more")
        return found

    def holds(self, inputs: Mapping[str, Any]) -> bool:
        """Whether it holds. Things that cannot be compared are different, and neither more nor less."""
        try:
            return bool(_OPERATORS[self.operator](inputs[self.name], self.value))
        except TypeError:
            return False

    def __str__(self) -> str:
        return f"{as_name(self.name)} {self.operator} {as_json(self.value)}"


Condition = Comparison | Callable[[Mapping[str, Any]], object]


def read_comparison(scanner: Scanner) -> Comparison:
    """Read ``quote > 500``, where the scanner stands.

    Raises
    ------
    FaultError
        If none stands there.
    """
    name = scanner.name()
    for sign in _OPERATORS:
        if scanner.accept(sign):
            value = scanner.json()
            if isinstance(value, list | dict):
                raise scanner.wrong("what stands before is a list or an object, which are not compared")
            return Comparison(name, sign, value)  # type: ignore[arg-type]
    raise scanner.wrong(f"one of {' '.join(get_args(Operator))} is meant")


@dataclass(frozen=True)
class When:
    """When a fault strikes: always, or as its constructors say. They combine with ``&``.

    A call that the condition does not hold for is not counted.

    Attributes
    ----------
    after
        How many calls it lets pass first.
    times
        How often it strikes at most; None for no bound.
    percent
        In how many of a hundred calls.
    seed
        What the chance is drawn with.
    condition
        What must hold of the inputs.

    Examples
    --------
    >>> When.call(2)
    When.call(2)
    >>> When.chance(0.2, seed=7) & When.holds("quote > 500")
    When.chance(0.2, seed=7) & When.holds('quote > 500')
    """

    after: int = 0
    times: int | None = None
    percent: float = 100.0
    seed: int = 0
    condition: Condition | None = None

    @classmethod
    def call(cls, number: int) -> When:
        """Strike the call of that number alone, counted from 1; a retry is a call."""
        if type(number) is not int or number < 1:
            raise FaultError(f"When.call({short(number)}): calls are counted from 1")
        return cls(after=number - 1, times=1)

    @classmethod
    def first(cls, times: int) -> When:
        """Strike the first calls, as many; with a chance, as many of those that the chance picks."""
        if type(times) is not int or times < 1:
            raise FaultError(f"When.first({short(times)}): it is a number of calls, from 1")
        return cls(times=times)

    @classmethod
    def chance(cls, share: float, *, seed: int = 0) -> When:
        """Strike this share of the calls, from 0 to 1: the same ones each time that the seed is the same.

        What is drawn depends on the seed, the action and the place, and on nothing else of the run.
        """
        if type(share) not in (int, float) or not 0 < share <= 1:
            raise FaultError(f"When.chance({short(share)}): it is a share of the calls, above 0, up to 1")
        return cls(percent=round(share * 100, 10) or share * 100, seed=check_seed(seed))

    @classmethod
    def holds(cls, condition: str | Condition) -> When:
        """Strike if the condition holds of the inputs: a text, ``"quote > 500"``, or a function.

        A function is given the inputs by name, as a breakpoint's is. Faults with one have no text.
        """
        if isinstance(condition, str):
            condition = Comparison.parse(condition)
        if not isinstance(condition, Comparison) and not callable(condition):
            raise FaultError(
                f"{short(condition)}: a condition is a text such as 'quote > 500', or a function that is "
                "given the inputs by name"
            )
        return cls(condition=condition)

    @classmethod
    def of(cls, when: When | str | Condition | None) -> When:
        """Give the meaning of what stands behind ``when=``: a `When`, or the condition alone."""
        return ALWAYS if when is None else when if isinstance(when, When) else cls.holds(when)

    def __and__(self, other: When) -> When:
        if not isinstance(other, When):
            return NotImplemented
        made = self
        for name in ("after", "times", "percent", "seed", "condition"):
            one, two, usual = getattr(self, name), getattr(other, name), getattr(ALWAYS, name)
            if two != usual:
                if one != usual and one != two:
                    raise FaultError(f"{self!r} and {other!r} say two things of one: {_SAYS[name]}")
                made = replace(made, **{name: two})
        if made.after and made.percent != 100:
            raise FaultError(
                f"{self!r} and {other!r}: one call alone is struck or not, without a chance; "
                "write the chain that is meant, such as Fault.parse('a.before: 2*off->20%hang')"
            )
        return made

    def terms(self, task: Task) -> tuple[Term, ...]:
        """Give the chain of a fault that does `task` then."""
        struck = Term(task, self.times, self.percent)
        before = (Term(OFF, self.after),) if self.after else ()
        return (*before, struck, *([Term(OFF)] if self.times is not None else []))

    def __repr__(self) -> str:
        said = []
        if self.after:
            said.append(f"When.call({self.after + 1})")
        elif self.times is not None:
            said.append(f"When.first({self.times})")
        if self.percent != 100:
            seed = f", seed={self.seed}" if self.seed else ""
            said.append(f"When.chance({round(self.percent / 100, 14)}{seed})")
        if self.condition is not None:
            shown = str(self.condition) if isinstance(self.condition, Comparison) else self.condition
            said.append(f"When.holds({shown!r})")
        return " & ".join(said) or "When()"


_SAYS = {
    "after": "the call that is struck",
    "times": "how many calls are struck",
    "percent": "the chance",
    "seed": "the seed",
    "condition": "the condition",
}

ALWAYS = When()


def check_seed(seed: Any) -> int:
    """Give a seed back, if it is one.

    Raises
    ------
    FaultError
        If it is no whole number, or a huge one.
    """
    if type(seed) is not int or abs(seed) >= 2**63:
        raise FaultError(f"seed={short(seed)}: it is a whole number of less than 64 bits")
    return seed
