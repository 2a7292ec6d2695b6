"""A fault as the line of Python that makes it."""

from __future__ import annotations

from daga_nb.engine.fault_tasks import OFF, Corrupt, Delay, Raise, Repeat, Task
from daga_nb.engine.fault_text import FaultParts, fault_text
from daga_nb.engine.scanner import as_number
from daga_nb.engine.triggers import ALWAYS, When
from daga_nb.errors import FaultError

__all__ = ["as_python", "when_of"]

_CONSTRUCTORS = {
    "raise": "raising",
    "delay": "delaying",
    "hang": "hanging",
    "corrupt": "corrupting",
    "repeat": "repeating",
    "cancel": "cancelling",
}


def as_python(parts: FaultParts) -> str:
    """Give the line of Python that makes a fault: by a constructor, or else by its text."""
    at = parts.at if isinstance(parts.at, str) else getattr(parts.at, "__name__", parts.at)
    when = when_of(parts)
    if when is None:
        try:
            return f"Fault.parse({fault_text(parts)!r})"
        except FaultError:
            more = f"where={parts.where!r}, condition={parts.condition!r}, seed={parts.seed}"
            return f"Fault({parts.terms!r}, at={at!r}, {more})"
    task = next(term.task for term in parts.terms if term.task != OFF)
    told = [*_told(task), f"at={at!r}", f"where={parts.where!r}"]
    if isinstance(task, Repeat) and task != Repeat():
        told.append(f"times={task.times}")
    if when != ALWAYS:
        told.append(f"when={when!r}")
    return f"Fault.{_CONSTRUCTORS[task.word]}({', '.join(told)})"


def when_of(parts: FaultParts) -> When | None:
    """Give the `When` that the terms come from; None if no constructor makes such a chain."""
    first, struck = parts.terms[0], next(term for term in parts.terms if term.task != OFF)
    after = (first.times or 0) if first.task == OFF else 0
    when = When(after, struck.times, struck.percent, parts.seed, parts.condition)
    if when.terms(struck.task) != parts.terms:
        return None
    if when.percent == 100:
        sayable = not parts.seed and (not after or when.times == 1)
    else:
        sayable = not after and When.chance(round(when.percent / 100, 14)).percent == when.percent
    return when if sayable else None


def _told(task: Task) -> list[str]:
    """Give what a constructor is told of the kind."""
    match task:
        case Raise(error):
            return [error.__name__ if isinstance(error, type) else repr(error)]
        case Delay(seconds):
            return [as_number(seconds)]
        case Corrupt():
            return [repr(task.value)]
    return []
