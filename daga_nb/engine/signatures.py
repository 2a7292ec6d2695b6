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


def _parameters(function: Any, count: int = 0, names: frozenset[str] = frozenset()) -> list[Parameter]:
    """Give what is left to hand over when `count` arguments, and those called `names`, are bound."""
    if isinstance(function, functools.partial):
        return _parameters(function.func, count + len(function.args), names | set(function.keywords))
    if inspect.ismethod(function):
        return _parameters(function.__func__, count + 1, names)
    inner = getattr(function, "__wrapped__", None)
    try:
        whole = list(inspect.signature(function, follow_wrapped=False).parameters.values())
    except (ValueError, TypeError):
        if not callable(inner):
            raise
        return _parameters(inner, count, names)  # written in C, as functools.cache is: it passes all on
    own = _bound(whole, count, names)
    kinds = {one.kind for one in whole}
    if not callable(inner) or kinds.isdisjoint(_THE_REST):
        return own
    if Parameter.VAR_POSITIONAL in kinds:  # also what is bound is passed on, such as self
        return _seen_through(own, _parameters(inner, count, names), kinds)
    return own + _by_name(_parameters(inner, 0, names), own, kinds.isdisjoint(_POSITIONAL))


def _bound(parameters: list[Parameter], count: int, names: frozenset[str]) -> list[Parameter]:
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


def _seen_through(own: list[Parameter], inner: list[Parameter], kinds: set[Any]) -> list[Parameter]:
    """Give what can be handed to a wrapper that takes `own` and ``*args``, around a function of `inner`."""
    named = [one for one in own if one.kind not in _THE_REST]
    by_name = Parameter.VAR_KEYWORD in kinds
    if any(one.kind in _POSITIONAL for one in named):
        return named + (_by_name(inner, named, False) if by_name else [])
    first = next((one for one in inner if one.kind in _FIRST), None)
    others = _others(inner, named)
    if not by_name:
        others = [one.replace(kind=Parameter.POSITIONAL_ONLY) for one in others]
    return ([first] if first else []) + named + others


def _by_name(inner: list[Parameter], own: list[Parameter], all_of_it: bool) -> list[Parameter]:
    """Give what a wrapper with ``**kwargs`` passes on by name.

    One that takes no argument by position passes `all_of_it` on so. Another makes something of the first
    itself, and may fill in more: nothing of the rest is missing for sure.
    """
    if all_of_it:
        some = [one for one in inner if one.kind not in _THE_REST]
        return [one.replace(kind=Parameter.KEYWORD_ONLY) for one in some]
    return [one.replace(kind=Parameter.KEYWORD_ONLY, default=None) for one in _others(inner, own)]


def _others(inner: list[Parameter], own: list[Parameter]) -> list[Parameter]:
    first = next((one for one in inner if one.kind in _FIRST), None)
    taken = {one.name for one in own}
    return [one for one in inner if one is not first and one.kind not in _THE_REST and one.name not in taken]
