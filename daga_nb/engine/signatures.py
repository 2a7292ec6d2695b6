"""What a callable can really be handed, seen through the decorators around it."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from inspect import Parameter
from typing import Any

__all__ = ["parameters_of"]

_POSITIONAL = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
_FIRST = (*_POSITIONAL, Parameter.VAR_POSITIONAL)
_THE_REST = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)


def parameters_of(function: Callable[..., Any]) -> tuple[Parameter | None, list[Parameter]]:
    """Give the parameter that a first positional argument goes to, if any, and the others.

    `inspect.signature` takes a decorated function for the function inside, and is wrong about a decorator
    that fills in an argument itself. Here it counts what the wrapper takes; the function inside is asked only
    about what the wrapper passes on with ``*args`` and ``**kwargs``. What cannot be handed by name is
    positional-only.

    >>> def connected(function):
    ...     @functools.wraps(function)
    ...     def wrapper(results, **named):
    ...         return function("the connection", results, **named)
    ...     return wrapper
    >>> @connected
    ... def refund(connection, results, *, result): ...
    >>> first, others = parameters_of(refund)
    >>> first.name, [one.name for one in others]
    ('results', ['result'])

    Raises
    ------
    ValueError, TypeError
        If it does not tell, as some builtins do not.
    """
    parameters = _parameters(function)
    first = next((one for one in parameters if one.kind in _FIRST), None)
    return first, [one for one in parameters if one is not first and one.kind not in _THE_REST]


def _parameters(function: Any) -> list[Parameter]:
    if isinstance(function, functools.partial):
        return _bound(_parameters(function.func), len(function.args), set(function.keywords))
    if inspect.ismethod(function):
        return _bound(_parameters(function.__func__), 1, set())
    own = list(inspect.signature(function, follow_wrapped=False).parameters.values())
    inner = getattr(function, "__wrapped__", None)
    if not callable(inner) or not any(one.kind in _THE_REST for one in own):
        return own
    return _seen_through(own, _parameters(inner))


def _bound(parameters: list[Parameter], count: int, names: set[str]) -> list[Parameter]:
    """Give what is left to hand over when `count` arguments and those called `names` are bound."""
    left: list[Parameter] = []
    by_name_only = False
    for one in parameters:
        if one.kind in _POSITIONAL and count:
            count -= 1
            continue
        if one.name in names:
            by_name_only = by_name_only or one.kind in _POSITIONAL
            continue
        if by_name_only and one.kind in _FIRST:
            if one.kind is Parameter.VAR_POSITIONAL:
                continue
            one = one.replace(kind=Parameter.KEYWORD_ONLY)
        left.append(one)
    return left


def _seen_through(own: list[Parameter], inner: list[Parameter]) -> list[Parameter]:
    """Give what can be handed to a wrapper that takes `own`, around a function that takes `inner`."""
    kinds = {one.kind for one in own}
    named = [one for one in own if one.kind not in _THE_REST]
    has_first = any(one.kind in _POSITIONAL for one in named)
    first = next((one for one in inner if one.kind in _FIRST), None)
    taken = {one.name for one in named}
    others = [
        one for one in inner if one is not first and one.kind not in _THE_REST and one.name not in taken
    ]
    if has_first:
        # The wrapper makes something of the first argument itself, and may fill in others.
        passed = [one.replace(kind=Parameter.KEYWORD_ONLY, default=None) for one in others]
        return named + (passed if Parameter.VAR_KEYWORD in kinds else [])
    if Parameter.VAR_POSITIONAL not in kinds:
        all_named = others if first is None or first.kind is Parameter.VAR_POSITIONAL else [first, *others]
        return named + [one.replace(kind=Parameter.KEYWORD_ONLY) for one in all_named]
    if Parameter.VAR_KEYWORD not in kinds:
        others = [one.replace(kind=Parameter.POSITIONAL_ONLY) for one in others]
    return ([first] if first else []) + named + others
