"""By which names of a notebook a function is followed, and what such a name stands for."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from types import FunctionType
from typing import Any, NamedTuple

from daga_nb.action import DagaAction, registered_function
from daga_nb.widgets.fingerprint import fingerprint, source_of
from daga_nb.widgets.names import innermost, inside, is_callable, known_names, unwrapped

__all__ = ["Followed", "Register"]

_LITERALS = (int, float, complex, str, bytes, bool, type(None))
_GONE = object()


class Followed(NamedTuple):
    """One name by which something in use is followed.

    Attributes
    ----------
    variable
        The name.
    depth
        How many ``__wrapped__`` lead from what the name means to what is in use.
    held
        What it meant when this was written down.
    bound
        The partials that bind arguments to it, the outermost first.
    within
        Whether it stands inside of a `DagaAction`, whose options and rollback are kept.
    wrapped
        Whether it stands under a decorator, which cannot be made once more.
    code, source
        The fingerprint and the source text of what is in use.
    """

    variable: str
    depth: int
    held: Any
    bound: tuple[functools.partial[Any], ...]
    within: bool
    wrapped: bool
    code: Any
    source: str

    def meaning(self, namespace: Mapping[str, Any]) -> Any:
        """Give what the name means now; what it meant, if it has been deleted."""
        value = namespace.get(self.variable, _GONE)
        return self.held if value is _GONE else value

    def reached(self, value: Any) -> tuple[Any, str]:
        """Give what would be in use if the name meant `value`, and how that is spelled."""
        found = [*unwrapped(value)][: self.depth + 1]
        return found[-1], self.variable + ".__wrapped__" * (len(found) - 1)

    def given(self, value: Any, namespace: Mapping[str, Any]) -> tuple[Any, str]:
        """Give what is to stand where the old one stood, and how that is spelled; "" if it cannot be."""
        made, text = self.reached(value)
        if self.within and type(made) is not FunctionType:
            action = issubclass(type(made), DagaAction)
            text = f"{text}.wrapped_func" if action else f"DagaAction({text}).wrapped_func"
            made = registered_function(made)
        if not self.bound:
            return made, text
        args: tuple[Any, ...] = ()
        named: dict[str, Any] = {}
        for one in self.bound:
            args, named = (*one.args, *args), {**one.keywords, **named}
        plain = all(any(type(one) is kind for kind in _LITERALS) for one in (*args, *named.values()))
        call = "partial" if namespace.get("partial") is functools.partial else "functools.partial"
        shown = [text, *map(repr, args), *(f"{name}={one!r}" for name, one in named.items())] if plain else []
        plain = plain and all(name.isidentifier() for name in named)
        return functools.partial(made, *args, **named), f"{call}({', '.join(shown)})" if plain else ""


class Register:
    """Writes down by which names of a notebook something is followed, as they are now.

    Parameters
    ----------
    namespace
        The notebook's names.
    home
        The module whose functions are followed.
    """

    def __init__(self, namespace: Mapping[str, Any], home: str) -> None:
        self._namespace = namespace
        self._home = home
        self._names = known_names(namespace, home)
        self._sources: dict[int, tuple[Any, str]] = {}  # one function may be in use at many places

    def add(self, variable: str, value: Any) -> None:
        """Take note that a name meant `value`, although it may mean something else by now."""
        for depth, one in enumerate(unwrapped(value)):
            self._names.setdefault(id(one), (variable, depth))

    def follow(self, used: Any, within: bool = False) -> list[Followed]:
        """Give the names by which `used` is followed: its own, then those of what lies inside of it."""
        found: dict[str, Followed] = {}
        bound: tuple[functools.partial[Any], ...] = ()
        wrapped = False
        for one in inside(used):
            variable, depth = self._names.get(id(one), ("", 0))
            if variable and variable not in found:
                held = self._namespace.get(variable)
                found[variable] = Followed(variable, depth, held, bound, within, wrapped, *self._read(one))
            if issubclass(type(one), functools.partial):
                bound = (*bound, one)
            elif type(one) is FunctionType:
                wrapped = True
            else:
                within = True
        return list(found.values())

    def holding(self, followed: Followed, value: Any) -> Followed:
        """Give what is followed with `value` for what its name means, if that can be called at all."""
        if value is followed.held or not is_callable(value):
            return followed
        code, source = self._read(followed.reached(value)[0])
        return followed._replace(held=value, code=code, source=source)

    def _read(self, value: Any) -> tuple[Any, str]:
        last = innermost(value)
        if id(last) not in self._sources:
            self._sources[id(last)] = last, source_of(last)
        return fingerprint(value, self._home), self._sources[id(last)][1]
