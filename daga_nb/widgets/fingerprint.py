"""What a function does, as a value: two that were defined by the same code have equal ones.

No code of a user is called: by value only Python's own simple types are compared, all else by identity.
"""

from __future__ import annotations

import functools
import inspect
import textwrap
import tokenize
from collections.abc import Iterable
from types import CodeType, FunctionType, MethodType
from typing import Any

from daga_nb.action import DagaAction
from daga_nb.widgets.names import innermost

__all__ = ["fingerprint", "source_of"]

_SIMPLE = (int, str, bytes, bool, type(None), type(...))
_METHODS = (FunctionType, staticmethod, classmethod)
_OPTIONS = ("no_effect", "in_thread", "rollback_timeout", "idempotent")
# How much of a value is looked at: what lies deeper, or beyond, is compared by identity.
_DEEPEST = 40
_MOST = 20_000


class _It:
    """One object, equal to itself alone; it is held, so that no other can come to stand at its address."""

    __slots__ = ("_it",)

    def __init__(self, it: Any) -> None:
        self._it = it

    def __eq__(self, other: object) -> bool:
        return type(other) is _It and self._it is other._it

    def __hash__(self) -> int:
        return id(self._it)


def fingerprint(value: Any, home: str = "__main__") -> Any:
    """Give what `value`, a function or an action, does: equal for two that were made by the same code.

    Code, defaults and what a closure holds are compared, of nested functions too; where the code stands is
    not, nor is the rollback of an action. Classes of the module `home` are compared by their members.

    Examples
    --------
    >>> first, again, other = (lambda results: 1), (lambda results: 1), (lambda results: 2)
    >>> fingerprint(first) == fingerprint(again), fingerprint(first) == fingerprint(other)
    (True, False)
    """
    return _Reader(home).read(value)


class _Reader:
    """Reads one value; all that it gives is hashable, and compared without a user's code."""

    def __init__(self, home: str) -> None:
        self._home = home
        self._left = _MOST
        self._above: list[int] = []  # what is being read now, by id

    def read(self, value: Any) -> Any:
        kind = type(value)
        if _among(kind, _SIMPLE):
            return kind, value
        if kind is float:
            return kind, value.hex()
        if kind is complex:
            return kind, value.real.hex(), value.imag.hex()
        if id(value) in self._above:
            return "above", self._above.index(id(value))
        if self._left <= 0 or len(self._above) >= _DEEPEST:
            return _It(value)
        self._left -= 1
        self._above.append(id(value))
        try:
            return self._parts(value, kind)
        finally:
            self._above.pop()

    def _parts(self, value: Any, kind: type) -> Any:
        if _among(kind, (tuple, list, set, frozenset, dict)):
            if len(value) > self._left:
                return _It(value)
            self._left -= len(value)
            found = (
                self._all(item for pair in value.items() for item in pair)
                if kind is dict
                else self._all(value)
            )
            return kind, frozenset(found) if _among(kind, (set, frozenset)) else found
        if kind is CodeType:
            return self._code(value)
        if kind is FunctionType:
            named = [item for pair in sorted((value.__kwdefaults__ or {}).items()) for item in pair]
            cells = map(_content, value.__closure__ or ())
            return kind, self._all([value.__code__, value.__defaults__, named, *cells])
        if kind is MethodType:
            return kind, self.read(value.__func__), self.read(value.__self__)
        if issubclass(kind, functools.partial):
            return _It(kind), self._all((value.func, value.args, value.keywords))
        if _among(kind, (staticmethod, classmethod)):
            return kind, self.read(value.__func__)
        if issubclass(kind, DagaAction):
            own = vars(value)
            does = own["wrapped_func"] if value.is_decorator_action else None
            return self.read(kind), self.read(does), self._all(own.get(name) for name in _OPTIONS)
        if issubclass(kind, type) and vars(value).get("__module__") == self._home:
            return kind, tuple(self._members(one) for one in value.__mro__)
        return _It(value)

    def _all(self, values: Iterable[Any]) -> tuple[Any, ...]:
        return tuple(map(self.read, values))

    def _code(self, code: CodeType) -> Any:
        shape = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
        names = (code.co_name, code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
        return shape, names, code.co_code, code.co_exceptiontable, self._all(code.co_consts)

    def _members(self, one: type) -> Any:
        own = vars(one)
        if own.get("__module__") != self._home:
            return _It(one)
        # Of what begins with two underscores only methods: the rest tells where the class stands.
        names = sorted(name for name in own if name[:2] != "__" or _among(type(own[name]), _METHODS))
        names = [name for name in names if name not in ("_wrapped_action_instance", "__annotate__")]
        return one.__name__, tuple(names), self._all(own[name] for name in names)


def _among(kind: type, kinds: tuple[type, ...]) -> bool:
    return any(kind is one for one in kinds)  # a metaclass may have an == of its own


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # nothing is in it yet
        return ...


def source_of(value: Any) -> str:
    """Give the source text of what does the work in the end; "" if there is none to be had."""
    plain = innermost(value)
    plain = type(plain).__call__ if issubclass(type(plain), DagaAction) else plain
    try:
        return textwrap.dedent(inspect.getsource(plain)).rstrip()
    except (OSError, TypeError, ValueError, IndexError, SyntaxError, tokenize.TokenError):
        return ""
