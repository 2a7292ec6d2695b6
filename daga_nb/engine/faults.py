"""Faults: what goes wrong, planned in advance, at which action, where, and when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args

from daga_nb.core.plan import Plan
from daga_nb.engine import fault_tasks as do
from daga_nb.engine.exact import short
from daga_nb.engine.fault_json import fault_from_json, fault_to_json
from daga_nb.engine.fault_python import as_python
from daga_nb.engine.fault_tasks import OFF, PLACES, Raise, Task, Term, Where
from daga_nb.engine.fault_text import FaultParts, fault_text, read_fault
from daga_nb.engine.scanner import Scanner
from daga_nb.engine.triggers import Comparison, Condition, When, check_seed
from daga_nb.errors import FaultError, UnknownAction

__all__ = ["Fault", "Where", "find_node"]

At = str | Callable[..., Any]
Error = BaseException | type[BaseException]
Moment = When | str | Condition | None


@dataclass(frozen=True, repr=False)
class Fault:
    """Something that goes wrong, planned in advance. It belongs to the run that it is planted in.

    Its constructors name what happens; `where` says at which moment, and that changes what it means:

    ============ ======================== ========================= ====================================
    kind         ``"before"``             ``"after"``               ``"rollback"``
    ============ ======================== ========================= ====================================
    `raising`    the action is not        its effect has happened,  its rollback is not called, and fails
                 called, and fails        and it reports failure
    `delaying`   it waits, then is        its effect has happened,  it waits, then its rollback is called
                 called                   its reply comes later
    `hanging`    it is not called, and    its effect has happened,  its rollback is not called, and never
                 never ends               and its reply never comes ends
    `corrupting` it gets wrong inputs     its result is wrong       the ``result`` that its rollback is
                                                                    handed is wrong
    `repeating`  it is called twice at    it is called again after  its rollback is called again after it
                 once                     it returned               returned
    `cancelling` the run is cancelled,    the run is cancelled, its the run is cancelled while it turns
                 the action not called    result is lost            back, which changes nothing of that
    ============ ======================== ========================= ====================================

    `flaky` raises a number of times, then works. Each has a `when`, and `parse` reads any chain of them.

    Attributes
    ----------
    terms
        What happens, in the order in which it is tried: in each call the first term that is not used up, and
        that the chance picks.
    at
        The display name of the action, or the action itself.
    where
        ``"before"`` or ``"after"`` the effect, or in the ``"rollback"``.
    condition
        What must hold of the inputs; a call that it does not hold for is not counted.
    seed
        What the chances are drawn with.

    Examples
    --------
    >>> Fault.raising(TimeoutError("no answer"), at="charge", where="after")
    Fault.raising(TimeoutError('no answer'), at='charge', where='after')
    >>> print(Fault.flaky(2, at="charge", error=TimeoutError))
    charge.before: 2*raise(TimeoutError)->off
    >>> Fault.parse("ship.after: delay(0.5) if quote > 500")
    Fault.delaying(0.5, at='ship', where='after', when=When.holds('quote > 500'))
    """

    terms: tuple[Term, ...]
    at: Any
    where: Where = "before"
    condition: Condition | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.where not in get_args(Where):
            raise FaultError(
                f"where={self.where!r}: a fault is 'before' or 'after' the effect, or in the 'rollback'"
            )
        if type(self.terms) is not tuple or not all(type(term) is Term for term in self.terms):
            raise FaultError(
                f"{short(self.terms)} is no chain of terms; write Fault.raising(error, at='action')"
            )
        if all(term.task == OFF for term in self.terms):
            raise FaultError("a fault does something: all its terms are off")
        if not (self.condition is None or isinstance(self.condition, Comparison) or callable(self.condition)):
            raise FaultError(f"condition={short(self.condition)}: a comparison or a function is meant")
        check_seed(self.seed)

    # -------------------------------------------------------------- constructors

    @classmethod
    def of(cls, task: Task, at: At, where: Where = "before", when: Moment = None) -> Fault:
        """Give a fault that does `task`; the other constructors name what is done."""
        moment = When.of(when)
        return cls(moment.terms(task), at, where, moment.condition, moment.seed)

    @classmethod
    def raising(cls, error: Error, at: At, where: Where = "before", *, when: Moment = None) -> Fault:
        """Give a fault that raises `error`: a copy of it, or a new one of this class.

        Parameters
        ----------
        error
            The exception, or its class.
        at
            The display name of the action, or the action itself.
        where
            ``"before"`` or ``"after"`` the effect, or in the ``"rollback"``.
        when
            ``When.call(2)``, ``When.first(3)``, ``When.chance(0.2, seed=7)``, a condition on the inputs as a
            text (``"quote > 500"``) or a function, or some of these combined with ``&``; else always.

        Raises
        ------
        FaultError
            If `error` cannot be raised, or `where` is no place.
        """
        return cls.of(Raise(error), at, where, when)

    @classmethod
    def delaying(cls, seconds: float, at: At, where: Where = "before", *, when: Moment = None) -> Fault:
        """Give a fault that waits for some seconds."""
        return cls.of(do.Delay(seconds), at, where, when)

    @classmethod
    def hanging(cls, at: At, where: Where = "before", *, when: Moment = None) -> Fault:
        """Give a fault that waits for ever, until a timeout, a deadline or a cancel ends it.

        An action that hangs must have a timeout; a rollback always has a deadline.
        """
        return cls.of(do.Hang(), at, where, when)

    @classmethod
    def flaky(
        cls,
        times: int,
        at: At,
        where: Where = "before",
        *,
        error: Error | None = None,
        when: Moment = None,
    ) -> Fault:
        """Give a fault that raises in the first `times` calls, and then lets it work."""
        raised = RuntimeError("planted") if error is None else error
        return cls.raising(raised, at, where, when=When.first(times) & When.of(when))

    @classmethod
    def corrupting(cls, change: Any, at: At, where: Where = "after", *, when: Moment = None) -> Fault:
        """Give a fault that makes a value wrong: the result, or (before) each input of the action.

        Parameters
        ----------
        change
            What stands for the right value, something that JSON has; or a function of the right value.
        at, where, when
            As for `raising`.
        """
        return cls.of(do.Corrupt.by(change), at, where, when)

    @classmethod
    def repeating(cls, at: At, where: Where = "after", *, times: int = 2, when: Moment = None) -> Fault:
        """Give a fault that calls more than once, with the same key, to see whether that is idempotent.

        Before, it is delivered `times` times at once, and the reply to the first delivery counts. After, and
        in the rollback, each reply but the last one is lost, and it is called again.
        """
        return cls.of(do.Repeat(times), at, where, when)

    @classmethod
    def cancelling(cls, at: At, where: Where = "before", *, when: Moment = None) -> Fault:
        """Give a fault that cancels the whole run at that moment, as the stop button does."""
        return cls.of(do.Cancel(), at, where, when)

    # -------------------------------------------------------------- text and JSON

    @classmethod
    def parse(cls, text: str) -> Fault:
        """Read a fault from its one-line text: ``charge.after: 1*raise(Timeout)->off``.

        Terms are tried in turn, as in fail-rs: ``20%`` of the calls, ``3*`` times at most, then the next one.
        What stands in a text is never looked up but among the builtin exceptions.

        Raises
        ------
        FaultError
            If it is none; the message says where, and what is meant.

        Examples
        --------
        >>> print(Fault.parse('charge.before: 2*off->1*raise(ValueError, "no")->off'))
        charge.before: 2*off->1*raise(ValueError, "no")->off
        >>> Fault.parse("charge.around: hang")
        Traceback (most recent call last):
        daga_nb.errors.FaultError: ... before or after or rollback is meant, and not 'around'
        """
        scanner = Scanner(text)
        parts = read_fault(scanner)
        if scanner.rest:
            raise scanner.wrong("one fault is meant, and nothing more; FaultPlan.parse reads several")
        return cls(*parts)

    @property
    def text(self) -> str:
        """The one-line text, which `parse` reads back.

        Raises
        ------
        FaultError
            If it has none: no text carries a function, or an error that is not builtin.
        """
        return fault_text(self._parts)

    def to_json(self, where: str = "the fault") -> dict[str, Any]:
        """Give it as JSON values; `where` says in an error which one it is.

        >>> Fault.raising(TimeoutError, at="charge").to_json()
        {'at': 'charge', 'where': 'before', 'error': 'TimeoutError', 'args': None}
        """
        return fault_to_json(self._parts, where)

    @classmethod
    def from_json(cls, data: Any, where: str = "the fault") -> Fault:
        """Read it back, checking every field.

        Raises
        ------
        FaultError
            If a field is missing, unknown, or of the wrong kind.
        """
        parts = fault_from_json(data, where)
        try:
            return cls(*parts)
        except FaultError as refused:
            raise FaultError(f"{where}: {refused}") from None

    # -------------------------------------------------------------- looking at it

    @property
    def place(self) -> str:
        """Where it strikes, in words."""
        return PLACES[self.where]

    @property
    def tasks(self) -> tuple[Task, ...]:
        """What it may do, in the order of its terms."""
        return tuple(term.task for term in self.terms if term.task != OFF)

    @property
    def ends_calls(self) -> bool:
        """Whether it may end a call with an error of its own: it raises, hangs, or cancels."""
        return any(isinstance(task, Raise | do.Hang | do.Cancel) for task in self.tasks)

    @property
    def kind(self) -> str:
        """What it does, in a word: the name of what it raises first, or ``delay``, ``hang``, ...

        >>> Fault.flaky(2, at="pay", error=TimeoutError).kind, Fault.hanging(at="pay").kind
        ('TimeoutError', 'hang')
        """
        first = self.tasks[0]
        if not isinstance(first, Raise):
            return first.word
        return first.error.__name__ if isinstance(first.error, type) else type(first.error).__name__

    @property
    def _parts(self) -> FaultParts:
        return FaultParts(self.terms, self.at, self.where, self.condition, self.seed)

    def __str__(self) -> str:
        try:
            return self.text
        except FaultError:
            return repr(self)

    def __repr__(self) -> str:
        return as_python(self._parts)


def find_node(plan: Plan, at: Any) -> int:
    """Give the number of the action `at`: its display name, or the node of the graph itself.

    Raises
    ------
    UnknownAction
        If there is no such action; the message names the nearest ones.
    """
    if isinstance(at, str):
        return plan.find(at)
    for number, node in enumerate(plan.nodes):
        if node is at or node == at:  # a bound method is a new object each time
            return number
    raise UnknownAction(f"{at!r} is no action of this flow")
