"""What the functions of a notebook are called there, and what lies inside of what."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from types import FunctionType
from typing import Any

from daga_nb.action import DagaAction

__all__ = ["innermost", "inside", "is_callable", "known_names", "own_name", "unwrapped"]


def inside(value: Any) -> Iterator[Any]:
    """Give `value`, then what it binds arguments to, wraps, or makes an action of, down to the innermost.

    >>> [type(one).__name__ for one in inside(functools.partial(DagaAction(lambda results: 0)))]
    ['partial', 'DagaAction', 'function']
    """
    seen = {id(value)}
    while True:
        yield value
        kind = type(value)
        if issubclass(kind, functools.partial):
            value = value.func
        elif kind is FunctionType or issubclass(kind, DagaAction):
            value = vars(value).get("__wrapped__")
        else:
            return
        if value is None or id(value) in seen:
            return
        seen.add(id(value))


def innermost(value: Any) -> Any:
    """Give what does the work in the end: a function, as a rule."""
    *_, last = inside(value)
    return last


def unwrapped(value: Any) -> Iterator[Any]:
    """Give `value`, and what is reached from it by ``__wrapped__`` alone."""
    for one in inside(value):
        yield one
        if issubclass(type(one), functools.partial):
            return


def is_callable(value: Any) -> bool:
    """Whether `value` is a function of Python, an action, or a partial."""
    return type(value) is FunctionType or issubclass(type(value), DagaAction | functools.partial)


def own_name(value: Any) -> str:
    """Give the name by which a function was defined; for an action of a class, that of the class."""
    last = innermost(value)
    return str(last.__name__) if type(last) is FunctionType else type(last).__name__


def known_names(namespace: Mapping[str, Any], home: str) -> dict[int, tuple[str, int]]:
    """Give the name of each function that was defined in a notebook, by its id.

    With it, how deep it lies in what that name means: 0 if it is that itself, else so many ``__wrapped__``.
    Of several names the function's own goes first, then the oldest.
    """
    best: dict[int, tuple[tuple[int, bool], str]] = {}
    for name, value in list(namespace.items()):  # a copy: other threads may define names meanwhile
        if type(name) is not str or name.startswith("_") or not _is_ours(value, home):
            continue
        for depth, one in enumerate(unwrapped(value)):
            rank = depth, name != own_name(value)
            if id(one) not in best or rank < best[id(one)][0]:
                best[id(one)] = rank, name
    return {key: (name, rank[0]) for key, (rank, name) in best.items()}


def _is_ours(value: Any, home: str) -> bool:
    """Whether `value` was defined in the module `home`, at its top: a function, or what is made of one."""
    if not is_callable(value):
        return False
    last = innermost(value)
    if issubclass(type(last), DagaAction):
        return bool(vars(type(last)).get("__module__") == home)
    if type(last) is not FunctionType or type(last.__module__) is not str or last.__module__ != home:
        return False
    return "." not in last.__qualname__ and "<" not in last.__qualname__
