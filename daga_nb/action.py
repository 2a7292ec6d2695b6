"""Actions: the units of work of a flow, with what undoes them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from logging import Logger, getLogger
from typing import Any, ClassVar, Generic, TypeVar, final

from daga_nb.engine.calls import display_name, rollback_target, target
from daga_nb.engine.retries import Retries
from daga_nb.errors import FlowDefinitionError
from daga_nb.meta import DagaMeta

__all__ = ["OPTIONS", "DagaAction", "EmptyAction"]

I = TypeVar("I")  # noqa: E741 (py-daga's names)
O = TypeVar("O")  # noqa: E741
F = TypeVar("F", bound=Callable[..., Any])

OPTIONS = (
    "no_effect", "in_thread", "timeout", "retries", "rollback_timeout", "rollback_retries", "rollback_failed",
    "pivot", "save_point", "idempotent",
)  # fmt: skip
"""What can be said about an action, by keyword or as a class attribute."""


class DagaAction(Generic[I, O], metaclass=DagaMeta):
    """A unit of work with a name and, if registered, a rollback.

    Made from a function, as a decorator or a call, or as a subclass with its own ``__call__``. An action is
    called with the list of its predecessors' results; without parameters, without them.

    Parameters
    ----------
    wrapped
        The function, async or plain. A plain one runs in a thread. From an action, another one is made, with
        the options and the rollback of the first.
    name
        The name to show, if not the function's.
    no_effect
        True if there is nothing to undo: it is then never `KEPT`.
    in_thread
        False to call a plain function on the event loop itself, which stands still meanwhile.
    timeout
        Seconds that one call may take; then it has failed. Of what runs in a thread, which cannot be
        stopped, it is then not known how it ends. The flow's if not given.
    retries
        How often it is called again after it has failed: a number, or `Retries`. The flow's if not given.
    rollback_timeout
        Seconds that one call of the rollback may take; the flow's if not given.
    rollback_retries
        How often the rollback is called again after it has failed; the flow's if not given.
    rollback_failed
        Whether it is rolled back after it has failed (it may have half happened); the flow's if not given.
    pivot
        True for a point of no return: once it has succeeded, the run only goes forward.
    save_point
        How often the run may come back to where this action's batch is through, and go forward again, before
        it is rolled back to the start; True for once.
    idempotent
        True if, called again with the same ``context.key``, nothing more happens. When its outcome is lost in
        a crash, it is then called again instead of rolled back; without a crash, nothing is other.

    The options can also stand in a subclass, as class attributes.

    Attributes
    ----------
    wrapped_func
        What is called.
    is_decorator_action
        Whether it was made from a function.
    log
        The logger that a missing rollback is reported to.

    Raises
    ------
    FlowDefinitionError
        If there is nothing that could be called.

    Examples
    --------
    >>> @DagaAction[int, int]
    ... async def charge(results):
    ...     return "charge 17"
    >>> @charge.on_rollback
    ... async def refund(results, result):
    ...     print("undo", result)
    >>> print(charge)
    DagaAction(charge)
    """

    _wrapped_action_instance: Any = None
    log: ClassVar[Logger] = getLogger(__name__)
    is_decorator_action: bool = False
    no_effect: bool = False
    in_thread: bool = True
    timeout: float | None = None
    retries: int | Retries | None = None
    rollback_timeout: float | None = None
    rollback_retries: int | Retries | None = None
    rollback_failed: bool | None = None
    pivot: bool = False
    save_point: bool | int = False
    idempotent: bool = False

    @final
    def __init__(
        self,
        wrapped: Callable[..., Any] | None = None,
        *,
        name: str | None = None,
        no_effect: bool | None = None,
        in_thread: bool | None = None,
        timeout: float | None = None,
        retries: int | Retries | None = None,
        rollback_timeout: float | None = None,
        rollback_retries: int | Retries | None = None,
        rollback_failed: bool | None = None,
        pivot: bool | None = None,
        save_point: bool | int | None = None,
        idempotent: bool | None = None,
    ) -> None:
        if wrapped is None:
            if type(self).__call__ is DagaAction.__call__:
                raise FlowDefinitionError(
                    "There is nothing to call: wrap a function, DagaAction(function); with options, "
                    "@DagaAction.options(no_effect=True) stands above one. Or give the subclass "
                    "an `async def __call__(self, predecessors_results)`"
                )
            self.wrapped_func: Callable[..., Any] = self.__call__
        else:
            if not callable(wrapped):
                raise FlowDefinitionError(f"DagaAction wraps a function, and {wrapped!r} cannot be called")
            self.wrapped_func = registered_function(wrapped)
            self.is_decorator_action = True
            origin = action_in(wrapped)
            if origin is not None:
                for option in OPTIONS:
                    setattr(self, option, getattr(origin, option))
            self.__name__ = display_name(wrapped)
            self.__doc__ = wrapped.__doc__
            self.__wrapped__ = wrapped
        if name is not None:
            self.__name__ = name
        given = {
            "no_effect": no_effect,
            "in_thread": in_thread,
            "timeout": timeout,
            "retries": retries,
            "rollback_timeout": rollback_timeout,
            "rollback_retries": rollback_retries,
            "rollback_failed": rollback_failed,
            "pivot": pivot,
            "save_point": save_point,
            "idempotent": idempotent,
        }
        for option, value in given.items():
            if value is not None:
                setattr(self, option, value)

    @classmethod
    def options(cls, **options: Any) -> Callable[[Callable[..., Any]], DagaAction[Any, Any]]:
        """Give a decorator that makes actions with these options.

        >>> @DagaAction.options(no_effect=True)
        ... async def quote(results):
        ...     return 842.0
        >>> quote.no_effect
        True
        """

        def decorate(wrapped: Callable[..., Any]) -> DagaAction[Any, Any]:
            return cls(wrapped, **options)

        return decorate

    def __call__(self, predecessors_results: Any = None, **extras: Any) -> Any:
        """Do the work: what the function gives, for an async one a coroutine."""
        if not target(self.wrapped_func, allowed=("context", *extras)).takes_results:
            return self.wrapped_func(**extras)
        return self.wrapped_func(predecessors_results, **extras)

    @final
    async def rollback(
        self,
        predecessors_results: Any,
        *,
        result: Any = None,
        error: BaseException | None = None,
        context: Any = None,
    ) -> Any:
        """Undo the action by hand.

        Returns
        -------
        Any
            The rollback's result, or True when that is falsy; None, with a warning on `log`, when there is
            no rollback.
        """
        registered = rollback_of(self)
        if registered is None:
            self.log.warning("No rollback action for %s", self)
            return None
        self.log.info("Rolling back %s with %s", self, registered)
        found = rollback_target(registered_function(registered))
        handed = {"result": result, "error": error, "context": context}
        args, named = found.arguments(predecessors_results, handed.__getitem__)
        given = found.function(*args, **named)
        return (await given if inspect.isawaitable(given) else given) or True

    @final
    @classmethod
    def register_class_as_rollback(
        cls, wrapped_rollback_class: type[DagaAction[Any, Any]]
    ) -> DagaAction[Any, Any]:
        """Register an action class as the rollback of this class, and give the instance that will undo."""
        if cls.__name__ in DagaMeta.RESERVED_ACTION_NAMES:
            raise FlowDefinitionError(
                f"{cls.__name__} is the base of all actions; register on a class of your own"
            )
        instance = wrapped_rollback_class()
        cls._wrapped_action_instance = instance
        return instance

    @final
    def register_function_as_rollback(self, wrapped_rollback_func: F) -> F:
        """Register a function or an action as the rollback of this action, and give it back.

        It is called with the list of the predecessors' results. If it has a parameter named ``result``,
        ``error`` or ``context``, it is handed the action's own result, the error that made the run turn back
        (its own if it failed), and the `Context`.
        """
        if not callable(wrapped_rollback_func):
            raise FlowDefinitionError(f"{wrapped_rollback_func!r} cannot undo {self}: it cannot be called")
        self._wrapped_action_instance = wrapped_rollback_func
        return wrapped_rollback_func

    @final
    def on_rollback(self, function: F) -> F:
        """Register a rollback: the short spelling of `register_function_as_rollback`."""
        return self.register_function_as_rollback(function)

    @final
    def __repr__(self) -> str:
        return f"DagaAction({getattr(self, '__name__', type(self).__name__)})"

    @final
    def __str__(self) -> str:
        return self.__repr__()


def registered_function(action: Any) -> Callable[..., Any]:
    """Give what is really called when `action`, a function, a `DagaAction` or a partial of one, is."""
    if isinstance(action, DagaAction):
        return action.wrapped_func if action.is_decorator_action else action.__call__
    if isinstance(action, functools.partial) and action_in(action) is not None:
        inner = registered_function(action.func)
        return functools.partial(inner, *action.args, **action.keywords)
    return action  # type: ignore[no-any-return]


def rollback_of(action: DagaAction[Any, Any]) -> Any:
    """Give what is registered to undo `action`, or the action that it was made from; None if nothing is."""
    registered = action._wrapped_action_instance
    if registered is None and type(action).rollback is not DagaAction.rollback:
        return action.rollback  # as in py-daga, a class may have its own
    origin = action_in(action.__dict__.get("__wrapped__"))
    return rollback_of(origin) if registered is None and origin is not None else registered


def action_in(node: Any) -> DagaAction[Any, Any] | None:
    """Give the action that a node of a graph is, or binds arguments to."""
    while isinstance(node, functools.partial):
        node = node.func
    return node if isinstance(node, DagaAction) else None


class EmptyAction(DagaAction[I, O]):
    """An action that gives back what it gets. A flow's root is one; it has nothing to undo."""

    no_effect = True
    in_thread = False
    idempotent = True

    async def __call__(self, predecessors_results: Any = None, **extras: Any) -> Any:
        """Give back what came in."""
        return predecessors_results
