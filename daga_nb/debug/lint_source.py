"""The source text of actions, as trees: read, never run. What cannot be had is None."""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
import tokenize
import warnings
from dataclasses import dataclass
from functools import cached_property
from logging import getLogger
from typing import Any

from daga_nb.engine.signatures import parameters_of
from daga_nb.errors import kind_of

__all__ = ["Body", "Sources", "first_of"]

log = getLogger(__name__)

LONGEST = 100_000
"""Characters of the longest source that is read."""

_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


@dataclass(frozen=True)
class Body:
    """What a function does, as a tree.

    Attributes
    ----------
    nodes
        Every node of its body, and of the functions in it.
    """

    nodes: tuple[ast.AST, ...]

    @cached_property
    def asking(self) -> tuple[ast.Subscript | ast.Assign, ...]:
        """Where it takes something out of something else: by a place or a name, or by unpacking."""
        return tuple(node for node in self.nodes if isinstance(node, ast.Subscript | ast.Assign))

    def uses(self, name: str) -> bool:
        """Whether the body reads that name, and never means anything else by it."""
        read = False
        for node in self.nodes:
            if isinstance(node, ast.Name) and node.id == name:
                if not isinstance(node.ctx, ast.Load):
                    return False
                read = True
            elif (isinstance(node, ast.arg) and node.arg == name) or (
                isinstance(node, ast.Global | ast.Nonlocal) and name in node.names
            ):
                return False
        return read


class Sources:
    """The bodies of functions; each code is read once.

    Examples
    --------
    >>> Sources().body(len) is None
    True
    """

    def __init__(self) -> None:
        self._read: dict[Any, Body | None] = {}

    def body(self, function: Any) -> Body | None:
        """Give what a function does; None if its source cannot be had, or is not for sure its own."""
        try:
            code, _ = _code_of(function)
            if code is not None and code not in self._read:
                self._read[code] = _body_of(code)
            return self._read.get(code)
        except Exception as error:  # a callable may do anything when it is looked at
            log.debug("no source of a %s is read: %s", kind_of(function), kind_of(error))
            return None


def first_of(function: Any) -> str | None:
    """Give the parameter that gets the list of the predecessors' results; None if that is not sure."""
    try:
        _, plain = _code_of(function)
        first, _ = parameters_of(function)
    except Exception as error:  # as above
        log.debug("the parameters of a %s are not known: %s", kind_of(function), kind_of(error))
        return None
    return first.name if plain and first is not None and first.kind is not first.VAR_POSITIONAL else None


def _code_of(function: Any) -> tuple[Any, bool]:
    """Give the code that does the work, and whether it is reached without a decorator in between."""
    while isinstance(function, functools.partial):
        function = function.func
    if not inspect.isroutine(function) and not isinstance(function, type):
        function = type(function).__call__
    inner = inspect.unwrap(function)
    inner = getattr(inner, "__func__", inner)
    return getattr(inner, "__code__", None), inner is getattr(function, "__func__", function)


def _body_of(code: Any) -> Body | None:
    try:
        text = inspect.getsource(code)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python has said what it minds when the function was made
            tree = ast.parse(textwrap.dedent(text)) if len(text) <= LONGEST else None
    except (OSError, TypeError, ValueError, IndexError, SyntaxError, RecursionError, tokenize.TokenError):
        return None
    if tree is None:
        return None
    found = [node for node in ast.walk(tree) if isinstance(node, _Function) and _is_of(node, code)]
    if len(found) != 1:  # two lambdas on a line that look the same
        return None
    body = found[0].body
    parts = body if isinstance(body, list) else [body]
    return Body(tuple(node for part in parts for node in ast.walk(part)))


def _is_of(node: _Function, code: Any) -> bool:
    """Whether a function of the text is the one that the code was made of."""
    name = "<lambda>" if isinstance(node, ast.Lambda) else node.name
    arguments = [one.arg for one in (*node.args.posonlyargs, *node.args.args)]
    return name == code.co_name and arguments == list(code.co_varnames[: code.co_argcount])
