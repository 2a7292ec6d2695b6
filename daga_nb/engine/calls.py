"""How one action is called: what it is handed, and where a plain function runs."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any, NamedTuple

from daga_nb.core.ledger import Ledger
from daga_nb.core.moves import Undo
from daga_nb.engine.effects import Effects
from daga_nb.engine.retries import Retries
from daga_nb.engine.signatures import parameters_of
from daga_nb.errors import FlowDefinitionError

__all__ = ["ActionCall", "Context", "Target", "display_name"]

# A rollback may name these parameters; an action, only the last one.
_EXTRAS = ("result", "error", "context")

_ASYNC = inspect.CO_COROUTINE | inspect.CO_ITERABLE_COROUTINE
_UNUSUAL = inspect.CO_VARARGS | inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR


@dataclass(frozen=True, slots=True)
class Context:
    """What an action or a rollback is told about its own run, if it has a parameter named ``context``.

    Attributes
    ----------
    run_id
        The run's id.
    node
        The action's display name.
    attempt
        Which attempt this is, from 1.
    key
        The idempotency key: the same for every attempt of this action (or of its rollback) in this run, and
        for nothing else; another one after the run went back to a save point. Hand it to the service that has
        the effect, which keeps it together with the effect: asked again with the same key, it does no more.
        A rollback's key is for what the rollback itself does; that of its action is the `action_key`.
    inputs
        The predecessors' results by display name; for an action without predecessors ``{"input": input}``.
    outcome
        For a rollback: how its own action ended; else None. ``"SUCCEEDED"``: it returned. ``"FAILED"``: it
        raised, and may have half happened. ``"UNKNOWN"``: it was called, and nobody has heard how it ended:
        it may have happened or not, and ``result`` is None, unless it came late. So look whether its effect
        is there, by `action_key`, and undo what is found.
    action_key
        For a rollback: the key that its own action was called with; else None.

    Examples
    --------
    Made by hand, as in the test of an action, it has a ledger of its own:

    >>> context = Context("test", "payment", 1, "test/payment/do", {"input": 17})
    >>> context.effect("charge", "order 17", euro=42)
    >>> context.has_effect("charge", "order 17")
    True

    A rollback that looks first is right after each of the outcomes, and when it is called twice:

    >>> charges = {"r1/payment/do": 42}
    >>> def refund(results, context):
    ...     euro = charges.pop(context.action_key, None)
    ...     return "nothing was there" if euro is None else f"{euro} given back"
    >>> lost = Context("r1", "payment", 1, "k", {"input": 17}, "UNKNOWN", action_key="r1/payment/do")
    >>> refund([], lost), refund([], lost)
    ('42 given back', 'nothing was there')
    """

    run_id: str
    node: str
    attempt: int
    key: str
    inputs: Mapping[str, Any]
    outcome: str | None = None
    _effects: Effects = field(default_factory=Effects, repr=False, compare=False)
    action_key: str | None = field(default=None, kw_only=True)

    def effect(self, name: str, key: Any, *, once: bool = False, **details: Any) -> None:
        """Write into the ledger that the world has one more effect. Any thread may.

        Say so right after it has happened: then the ledger is right also if the action fails after that.

        Parameters
        ----------
        name
            What the effect is: ``"charge"``.
        key
            Which one: a short text, a number, or a tuple of these. It is kept as text, so 17 and ``"17"``
            are the same.
        once
            Whether the service heeds the key: done again while it is there, nothing changes.
        details
            What else is good to know; kept as short text.

        Raises
        ------
        EffectError
            If the name or the key is not what it should be.
        """
        self._effects.record("done", self, name, key, once, details)

    def undo_effect(self, name: str, key: Any, *, once: bool = False, **details: Any) -> None:
        """Write into the ledger that an effect was taken back; the parameters are those of `effect`.

        What was not there is written down as undone twice, or as never done; with ``once=True`` the service
        heeds the key, and nothing changes.
        """
        self._effects.record("undone", self, name, key, once, details)

    def has_effect(self, name: str, key: Any) -> bool:
        """Whether the effect is in the world now, as far as this run has told."""
        return self._effects.count(name, key) > 0

    @property
    def ledger(self) -> Ledger:
        """The ledger of the run by now."""
        return self._effects.ledger()


class Target(NamedTuple):
    """A callable, with what it wants to be handed."""

    function: Callable[..., Any]
    is_async: bool
    takes_results: bool
    extras: tuple[str, ...]
    in_thread: bool

    def arguments(
        self, results: list[Any], extras: Callable[[str], Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Give what to call it with."""
        named = {name: extras(name) for name in self.extras}
        return ((results,) if self.takes_results else ()), named


class ActionCall(NamedTuple):
    """One action of a flow, looked at once so that calling it is cheap.

    Attributes
    ----------
    action
        How the action is called.
    rollback
        How its rollback is called; None if it has none.
    no_effect
        Whether there is nothing to undo.
    timeout, rollback_timeout
        Seconds that one call may take, of the action and of its rollback; None for no bound, or for what the
        flow says.
    retries, rollback_retries
        How often a call that failed is made again.
    rollback_failed
        Whether it is rolled back after it has failed; None for what the flow says.
    pivot
        Whether it is a point of no return.
    save_point
        How often the run may go back to the end of its batch, and forward again.
    idempotent
        Whether it is called again, instead of rolled back, when its outcome was lost in a crash.
    """

    action: Target
    rollback: Target | None = None
    no_effect: bool = False
    timeout: float | None = None
    rollback_timeout: float | None = None
    retries: Retries | None = None
    rollback_retries: Retries | None = None
    rollback_failed: bool | None = None
    pivot: bool = False
    save_point: int = 0
    idempotent: bool = False

    @property
    def undo(self) -> Undo:
        """What undoing it takes."""
        if self.rollback is not None:
            return Undo.CALL
        return Undo.NOTHING if self.no_effect else Undo.MISSING


def display_name(function: Any) -> str:
    """Give the name that people see.

    >>> display_name(functools.partial(print, 1)), display_name(lambda: 0)
    ('print', 'lambda')
    """
    while isinstance(function, functools.partial) and "__name__" not in function.__dict__:
        function = function.func
    name = getattr(function, "__name__", None) or type(function).__name__
    return "lambda" if name == "<lambda>" else str(name)


def target(
    function: Any, *, allowed: Sequence[str] = ("context",), in_thread: bool = True, what: str = ""
) -> Target:
    """Look at a callable: whether it is async, and what it wants to be handed.

    The first positional parameter always gets the list of the predecessors' results, whatever its name.

    Raises
    ------
    FlowDefinitionError
        If it cannot be called in this way; the message names the parameter.
    """
    if type(function) is FunctionType and not function.__dict__:
        code = function.__code__
        flags = code.co_flags
        if code.co_argcount <= 1 and not code.co_kwonlyargcount and not flags & _UNUSUAL:
            # The usual case, without the cost of inspect.signature.
            return Target(function, bool(flags & _ASYNC), code.co_argcount == 1, (), in_thread)
    what = what or display_name(function)
    call = (
        function
        if inspect.isroutine(function) or isinstance(function, functools.partial | type)
        else function.__call__
    )
    for kind, found in (
        ("a generator", inspect.isgeneratorfunction),
        ("an async generator", inspect.isasyncgenfunction),
    ):
        if found(call):
            raise FlowDefinitionError(
                f"{what} is {kind} function: its body would never run. Return the result instead."
            )
    is_async = inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(function)
    try:
        first, others = parameters_of(function)
    except (ValueError, TypeError):  # some builtins do not tell
        return Target(function, is_async, True, (), in_thread)
    extras: list[str] = []
    for one in others:
        if one.name in allowed and one.kind is not inspect.Parameter.POSITIONAL_ONLY:
            extras.append(one.name)
        elif one.default is one.empty:
            may = " and ".join(repr(name) for name in allowed)
            raise FlowDefinitionError(
                f"{what}: nothing is known to hand to its parameter {one.name!r}. It is called with the list "
                f"of its predecessors' results, and by name with {may}; bind the rest with functools.partial."
            )
    return Target(function, is_async, first is not None, tuple(extras), in_thread)


def rollback_target(function: Any, *, in_thread: bool = True, what: str = "") -> Target:
    """Look at a rollback; as `target`, with ``result``, ``error`` and ``context`` by name."""
    return target(function, allowed=_EXTRAS, in_thread=in_thread, what=what)
