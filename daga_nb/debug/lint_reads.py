"""The rules that read the source: rollbacks, and actions, that ask for what they cannot get."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from daga_nb.debug.lint_facts import ActionFacts, FlowFacts
from daga_nb.debug.lint_rules import Doubt
from daga_nb.debug.lint_source import Body, Sources, first_of

__all__ = ["no_such_input", "result_unchecked"]

_HARMLESS = frozenset({"print", "str", "repr", "format", "bool", "type", "id", "isinstance"})
_TELLING = frozenset(
    {"debug", "info", "warning", "error", "exception", "critical", "log", "print", "append", "format"}
)
"""Functions, and methods, that None does no harm to."""


def result_unchecked(flow: FlowFacts) -> Iterator[Doubt]:
    """Find rollbacks that rely on a result which is None when the action failed, or its reply was lost."""
    sources = Sources()
    for one in flow.actions:
        undo = one.call.rollback
        if undo is None or "result" not in undo.extras or not one.undoes_failed:
            continue
        if one.number in flow.past and not flow.way_back(one):
            continue
        body = sources.body(undo.function)
        if body is None or not body.uses("result") or _is_careful(body):
            continue
        why = "Its rollback {} `result`, which is None when the action failed or its reply was lost"
        do = "Undo by a key that is known before the call, such as context.run_id, or test for None first."
        if _needs_value(body):
            yield Doubt(one, "warning", f"{why.format('looks into')}: then the rollback fails.", do)
        elif _hands_on(body):
            yield Doubt(
                one, "note", f"{why.format('hands on')}: it may undo nothing then, without a word.", do
            )


def no_such_input(flow: FlowFacts) -> Iterator[Doubt]:
    """Find actions and rollbacks that ask for the result of a predecessor that they do not have."""
    sources = Sources()
    for one in flow.actions:
        for what, target in (("It asks", one.call.action), ("Its rollback asks", one.call.rollback)):
            if target is None or not (target.takes_results or "context" in target.extras):
                continue
            body = sources.body(target.function)
            if body is None or not body.asking:
                continue
            for asked in (
                _places_missing(body, first_of(target.function), one) if target.takes_results else ()
            ):
                yield Doubt(one, "error", f"{what} for {asked}, and gets {_got(one)}.", _ASK)
            for name in _names_missing(body, one) if "context" in target.extras else ():
                why = f"{what} for context.inputs[{name!r}], and has only {_named(one)}."
                yield Doubt(one, "error", why, _ASK)


_ASK = "Ask for a predecessor that it has, or add the edge that is missing."


def _got(one: ActionFacts) -> str:
    count = len(one.inputs)
    return f"a list of {count} result{'s' * (count > 1)} ({_named(one)})"


def _named(one: ActionFacts) -> str:
    shown = ", ".join(repr(name[:40]) for name in one.inputs[:6])
    return shown + (f" and {len(one.inputs) - 6} more" if len(one.inputs) > 6 else "")


# ---------------------------------------------------------------------- result


def _is_careful(body: Body) -> bool:
    """Whether the function decides anything by its result, its error or the outcome, or catches an error."""
    for node in body.nodes:
        if isinstance(node, ast.Try | ast.TryStar | ast.Match) or _suppresses(node):
            return True
        tests: list[ast.AST] = []
        if isinstance(node, ast.If | ast.IfExp | ast.While | ast.Assert):
            tests = [node.test]
        elif isinstance(node, ast.Compare | ast.BoolOp):
            tests = [node]
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            tests = [node.operand]
        elif isinstance(node, ast.comprehension):
            tests = list(node.ifs)
        if any(_asks(part) for test in tests for part in ast.walk(test)):
            return True
    return False


def _suppresses(node: ast.AST) -> bool:
    return "suppress" in (getattr(node, "id", ""), getattr(node, "attr", ""))


def _asks(node: ast.AST) -> bool:
    if isinstance(node, ast.Name):
        return node.id in ("result", "error")
    return isinstance(node, ast.Attribute) and node.attr in ("outcome", "has_effect")


def _is_result(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Name) and node.id == "result"


def _needs_value(body: Body) -> bool:
    """Whether something is done with the result that cannot be done with None."""
    for node in body.nodes:
        if isinstance(node, ast.Attribute | ast.Subscript | ast.Await | ast.Starred | ast.YieldFrom):
            needed: list[ast.AST | None] = [node.value]
        elif isinstance(node, ast.For | ast.AsyncFor | ast.comprehension):
            needed = [node.iter]
        elif isinstance(node, ast.BinOp):
            needed = [node.left, node.right]
        elif isinstance(node, ast.Call):
            counts = isinstance(node.func, ast.Name) and node.func.id in (
                "len",
                "int",
                "float",
                "iter",
                "next",
            )
            needed = [node.func, *(node.args if counts else ())]
        elif isinstance(node, ast.Assign) and any(
            isinstance(one, ast.Tuple | ast.List) for one in node.targets
        ):
            needed = [node.value]
        else:
            continue
        if any(map(_is_result, needed)) and not _is_formatting(node):
            return True
    return False


def _is_formatting(node: ast.AST) -> bool:
    """Whether it is the old way to put a value into a text, ``"..." % result``."""
    return (
        isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod) and isinstance(node.left, ast.Constant)
    )


def _hands_on(body: Body) -> bool:
    """Whether the result is given to another function that may need a value."""
    for node in body.nodes:
        if isinstance(node, ast.Call):
            harmless = (isinstance(node.func, ast.Name) and node.func.id in _HARMLESS) or (
                isinstance(node.func, ast.Attribute) and node.func.attr in _TELLING
            )
            given = [*node.args, *(keyword.value for keyword in node.keywords)]
            parts = [
                part
                for one in given
                for part in (one.elts if isinstance(one, ast.Tuple | ast.List) else (one,))
            ]
            if not harmless and any(map(_is_result, parts)):
                return True
    return False


# ---------------------------------------------------------------------- inputs


def _places_missing(body: Body, first: str | None, one: ActionFacts) -> Iterator[str]:
    """Give what is asked of the list of the predecessors' results, and is not in it."""
    count = len(one.inputs)
    if first is None or not body.uses(first) or _measures(body, first):
        return
    asked: dict[str, None] = {}
    for node in body.asking:
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == first:
            place = _whole_number(node.slice)
            if place is not None and not -count <= place < count:
                asked[f"{first}[{place}]"] = None
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Name) and node.value.id == first:
            for target in node.targets:
                if isinstance(target, ast.Tuple | ast.List) and not _fits(target.elts, count):
                    asked[f"{len(target.elts)} results at once"] = None
    yield from asked


def _measures(body: Body, first: str) -> bool:
    """Whether the function looks at the list before it asks, or catches the error."""
    for node in body.nodes:
        if isinstance(node, ast.Try | ast.TryStar | ast.Match) or _suppresses(node):
            return True
        if isinstance(node, ast.If | ast.IfExp | ast.While | ast.BoolOp):
            tested = node if isinstance(node, ast.BoolOp) else node.test
            if any(isinstance(part, ast.Name) and part.id == first for part in ast.walk(tested)):
                return True
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            value = node.func.value
            if isinstance(value, ast.Name) and value.id == first:  # results.append(...) makes it longer
                return True
    return False


def _whole_number(node: ast.AST) -> int | None:
    sign = 1
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        sign, node = -1, node.operand
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return sign * node.value
    return None


def _fits(targets: list[ast.expr], count: int) -> bool:
    if any(isinstance(one, ast.Starred) for one in targets):
        return count >= len(targets) - 1
    return count == len(targets)


def _names_missing(body: Body, one: ActionFacts) -> Iterator[str]:
    if not body.uses("context"):
        return
    asked: dict[str, None] = {}
    for node in body.asking:
        if (
            isinstance(node, ast.Subscript)
            and isinstance(node.slice, ast.Constant)
            and isinstance(node.slice.value, str)
            and isinstance(node.value, ast.Attribute)
            and node.value.attr == "inputs"
            and isinstance(node.value.value, ast.Name)
            and node.value.value.id == "context"
            and node.slice.value not in one.inputs
        ):
            asked[node.slice.value] = None
    yield from asked
