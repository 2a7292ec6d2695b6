"""A planted fault on a card: a word for its badge, and what it does in words."""

from __future__ import annotations

from daga_nb.engine.fault_tasks import OFF, PLACES, Corrupt, Delay, Raise, Repeat, Task, Term
from daga_nb.engine.faults import Fault
from daga_nb.engine.triggers import Comparison
from daga_nb.errors import describe
from daga_nb.render.text import elide

__all__ = ["badge_word", "deed", "fault_words", "is_plain"]

_TOGETHER = "\N{NO-BREAK SPACE}"
"""Stands inside of what a badge shows, or leaves out, as one."""


def is_plain(fault: Fault) -> bool:
    """Whether it only raises, each time: what one click plants."""
    first = fault.terms[0]
    always = first.times is None and first.percent == 100 and fault.condition is None
    return always and isinstance(first.task, Raise)


def badge_word(fault: Fault) -> str:
    r"""Give what stands on its badge: what it does, a blank, and when; without room for both, the first.

    >>> [badge_word(Fault.parse(f"pay.after: {what}")) for what in ("raise(Timeout)", "repeat", "20%hang")]
    ['after', 'again', 'hang 20%']
    >>> badge_word(Fault.flaky(2, at="pay")), badge_word(Fault.parse("pay.before: 2*off->1*hang->off"))
    ('2×', 'hang call\xa03')
    """
    if is_plain(fault):
        return fault.where
    task = fault.tasks[0]
    if len(set(fault.tasks)) > 1:
        return "several"
    kind, when = task.word, _when(fault)
    if isinstance(task, Raise):
        kind = ""
    elif isinstance(task, Delay):
        kind = f"{task.seconds:g}{_TOGETHER}s"
    elif isinstance(task, Corrupt):
        kind = "wrong"
    elif isinstance(task, Repeat):
        kind = "again" if task.times == 2 else f"again{_TOGETHER}{task.times}"
    return elide(f"{kind} {when}".strip(), 14)


def _when(fault: Fault) -> str:
    first = fault.terms[0]
    if first.task == OFF:
        return f"call{_TOGETHER}{(first.times or 0) + 1}"
    if first.percent < 100:
        return f"{first.percent:g}%"
    if first.times is not None:
        return f"{first.times}×"
    return "if" if fault.condition is not None else ""


def deed(fault: Fault) -> str:
    """Say what it does, and when.

    >>> deed(Fault.parse("pay.after: 20%delay(2) if quote > 500"))
    'waits 2 s, in 20% of the calls, if quote > 500'
    >>> deed(Fault.flaky(2, at="pay", error=TimeoutError("no answer")))
    'raises TimeoutError: no answer, in the first 2 calls'
    """
    condition = fault.condition
    shown = str(condition) if isinstance(condition, Comparison) else "a function says so"
    return ", ".join([*_chain(fault), *([] if condition is None else [f"if {elide(shown, 60)}"])])


def fault_words(fault: Fault, struck: int) -> str:
    """Say what is planted, where, and how often it has struck (-1: never, in a run that has ended).

    >>> fault_words(Fault.hanging(at="pay", where="after"), 3)
    'failure planted after the effect: never ends; struck 3 times'
    """
    told = {-1: "; never struck", 0: "", 1: "; struck once"}.get(struck, f"; struck {struck} times")
    return f"failure planted {PLACES[fault.where]}: {deed(fault)}{told}"


def _chain(fault: Fault) -> list[str]:
    """Say what the terms do, and in which calls."""
    first, struck = fault.terms[0], [term for term in fault.terms if term.task != OFF]
    if len(struck) > 1:
        return ["one thing after the other"]
    (term,) = struck
    said = [_task(term.task)]
    if first.task == OFF:
        said.append(f"from call {(first.times or 0) + 1} on" if term.times is None else _after(first, term))
    elif term.times is not None:
        said.append(f"in the first {term.times} calls" if term.times > 1 else "in the first call")
    if term.percent < 100:
        said.append(f"in {term.percent:g}% of the calls")
    return said


def _after(first: Term, term: Term) -> str:
    start, times = (first.times or 0) + 1, term.times or 1
    return f"in call {start}" if times == 1 else f"in calls {start} to {start + times - 1}"


def _task(task: Task) -> str:
    match task:
        case Raise(error):
            return f"raises {elide(error.__name__ if isinstance(error, type) else describe(error), 60)}"
        case Delay(seconds):
            return f"waits {seconds:g} s"
        case Repeat(times):
            return f"calls {times} times"
        case Corrupt():
            return "gives a wrong value"
    return {"hang": "never ends", "cancel": "cancels the run"}[task.word]
