"""Between the form of a page and a fault: the fault that a filled-in form means, and the form of a fault."""

from __future__ import annotations

from typing import Any, NamedTuple

from daga_nb.core.plan import Plan
from daga_nb.engine.fault_python import when_of
from daga_nb.engine.fault_tasks import Cancel, Corrupt, Delay, Hang, Raise, Repeat, Task, Where
from daga_nb.engine.fault_text import FaultParts
from daga_nb.engine.faults import Fault
from daga_nb.engine.triggers import ALWAYS, Comparison, When
from daga_nb.errors import DagaError
from daga_nb.page.fault_form import ERRORS, is_draft
from daga_nb.widgets.literals import literal

__all__ = ["Draft", "Drafted", "draft_of", "drafted", "inputs_of"]

Draft = dict[str, Any]
"""The form filled in; see `is_draft`."""


class Drafted(NamedTuple):
    """What has become of a draft: a fault; or the field that is wrong, and why."""

    fault: Fault | None
    field: str = ""
    why: str = ""


def inputs_of(plan: Plan, node: int) -> list[str]:
    """Give the names of an action's inputs, as conditions know them."""
    return [plan.names[before] for before in plan.predecessors[node]] or ["input"]


def drafted(plan: Plan, node: int, where: Where, draft: Draft) -> Drafted:
    """Give the fault that a draft means, or the field that is wrong.

    >>> from daga_nb import DagaFlow
    >>> plan = DagaFlow([(abs, max)]).plan
    >>> drafted(plan, 0, "after", {"kind": "corrupt", "wrong": "842.0", "when": "always"}).fault
    Fault.corrupting(842.0, at='abs', where='after')
    >>> drafted(plan, 0, "after", {"kind": "corrupt", "wrong": "quote", "when": "always"})[1:]
    ('wrong', "'quote' is no value as Python writes it, like 42, 'text', [1, 2] or None")
    """
    field = "wrong"
    try:
        task = _task(draft)
        field = "value"
        when = _when(draft, inputs_of(plan, node))
    except DagaError as refused:
        return Drafted(None, field, str(refused))
    often = When.first(draft["times"]) if draft["kind"] == "flaky" else ALWAYS
    return Drafted(Fault.of(task, plan.names[node], where, often & when))


def _task(draft: Draft) -> Task:
    match draft["kind"]:
        case "delay":
            return Delay(draft["seconds"])
        case "hang":
            return Hang()
        case "corrupt":
            return Corrupt.by(literal(draft["wrong"]))
        case "repeat":
            return Repeat(draft["calls"])
        case "cancel":
            return Cancel()
    kind, text = ERRORS[draft["error"]], draft["text"]
    return Raise(kind(text) if text else kind)


def _when(draft: Draft, inputs: list[str]) -> When:
    match draft["when"]:
        case "call":
            return When.call(draft["call"])
        case "first":
            return When.first(draft["first"])
        case "chance":
            return When.chance(draft["percent"] / 100, seed=draft["seed"])
        case "if":
            name = inputs[min(draft["input"], len(inputs) - 1)]
            return When.holds(Comparison(name, draft["operator"], literal(draft["value"])))
    return ALWAYS


def draft_of(fault: Fault, plan: Plan, node: int) -> Draft | None:
    """Give the draft that means a fault; None if the form has no room for it.

    >>> from daga_nb import DagaFlow
    >>> plan = DagaFlow([(abs, max)]).plan
    >>> draft_of(Fault.delaying(2, at="abs", when="input > 5"), plan, 0)
    {'kind': 'delay', 'seconds': 2.0, 'when': 'if', 'input': 0, 'operator': '>', 'value': '5'}
    >>> draft_of(Fault.parse("abs.after: 2*delay(1)->hang"), plan, 0) is None
    True
    """
    when = when_of(FaultParts(*(getattr(fault, name) for name in FaultParts._fields)))
    if when is None:
        return None
    draft = _kind_of(fault.tasks[0])
    if draft["kind"] == "raise" and when.times is not None and not when.after:
        draft |= {"kind": "flaky", "times": when.times}
        when = When(percent=when.percent, seed=when.seed, condition=when.condition)
    draft |= _moment_of(when, inputs_of(plan, node))
    # Much can be said of a fault that the form does not ask for: what is not said again is another fault.
    fits = is_draft(draft) and drafted(plan, node, fault.where, draft).fault == fault
    return draft if fits else None


def _kind_of(task: Task) -> Draft:
    match task:
        case Raise(error):
            kind = error if isinstance(error, type) else type(error)
            args = () if isinstance(error, type) else error.args
            return {"kind": "raise", "error": kind.__name__, "text": args[0] if args else ""}
        case Delay(seconds):
            return {"kind": "delay", "seconds": seconds}
        case Corrupt():
            return {"kind": "corrupt", "wrong": repr(task.value)}
        case Repeat(times):
            return {"kind": "repeat", "calls": times}
    return {"kind": task.word}


def _moment_of(when: When, inputs: list[str]) -> Draft:
    condition = when.condition
    if isinstance(condition, Comparison) and condition.name in inputs:
        number = inputs.index(condition.name)
        value = repr(condition.value)
        return {"when": "if", "input": number, "operator": condition.operator, "value": value}
    if when.percent < 100:
        return {"when": "chance", "percent": when.percent, "seed": when.seed}
    if when.after:
        return {"when": "call", "call": when.after + 1}
    return {"when": "always"} if when.times is None else {"when": "first", "first": when.times}
