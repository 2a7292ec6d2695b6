"""A plot that goes wrong, made smaller: what can be taken out of it so that it still goes wrong."""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

from strategies import Plot


def smallest(plot: Plot, goes_wrong: Callable[[Plot], bool]) -> Plot:
    """Take out one action after the other, as long as the plot still goes wrong without it."""
    names = list(reversed(plot.saga.parents))
    while names:
        name = names.pop(0)
        smaller = without(plot, name)
        if smaller.saga.parents and goes_wrong(smaller):
            plot, names = smaller, [one for one in reversed(plot.saga.parents) if one != name]
    return plot


def without(plot: Plot, name: str) -> Plot:
    """Give the plot without one action; what came after it comes after nothing in its place."""
    left = _without(plot, name)
    assert isinstance(left, Plot)
    saga, policies = _without(plot.saga, name), _without(plot.policies, name)
    parents = {one: tuple(p for p in before if p != name) for one, before in saga.parents.items()}
    return replace(left, saga=replace(saga, parents=parents), policies=policies)


def _without(part: Any, name: str) -> Any:
    changed: dict[str, Any] = {}
    for field in fields(part):
        value = getattr(part, field.name)
        if isinstance(value, frozenset):
            changed[field.name] = value - {name}
        elif isinstance(value, dict):
            changed[field.name] = {key: kept for key, kept in value.items() if key != name}
    return replace(part, **changed)
