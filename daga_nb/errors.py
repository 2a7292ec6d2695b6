"""Every exception that reaches a user of daga_nb."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from logging import getLogger
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from daga_nb.engine.run import FlowRun

__all__ = [
    "ActionInterrupted",
    "CycleError",
    "DagaError",
    "DagaFlowError",
    "EffectError",
    "FaultError",
    "FaultNotFired",
    "FlowChanged",
    "FlowDefinitionError",
    "ForkError",
    "FormatError",
    "IllegalTransition",
    "JournalBusy",
    "JournalError",
    "JournalValueError",
    "LayoutWarning",
    "ObserveError",
    "RecordedError",
    "RollbackError",
    "RunAborted",
    "RunBusy",
    "RunHeld",
    "ScenarioError",
    "SimulationError",
    "SketchError",
    "StepError",
    "StoryError",
    "SweepError",
    "UnknownAction",
]


log = getLogger(__name__)


class DagaError(Exception):
    """The base of the errors that daga_nb raises about its own use."""


class FlowDefinitionError(DagaError, ValueError):
    """A flow or an action cannot be made from what was given; the message says what to do."""


class CycleError(FlowDefinitionError, AssertionError):
    """The graph has a cycle. Also an `AssertionError`, as in py-daga.

    Attributes
    ----------
    cycle
        The display names along the cycle, the first one again at the end.
    """

    def __init__(self, cycle: Sequence[str]) -> None:
        self.cycle = list(cycle)
        shown = self.cycle if len(self.cycle) <= 12 else [*self.cycle[:6], "...", *self.cycle[-5:]]
        super().__init__(
            "DAG must be a directed acyclic graph, but it has the cycle "
            + " -> ".join(shown)
            + ". Remove one of these edges."
        )


class SketchError(FlowDefinitionError):
    """The text of a sketch cannot be read; the message shows the place, and what may stand there."""


class FaultError(DagaError, ValueError):
    """A fault that is none, or that could never be seen; the message says what is meant."""


class FaultNotFired(UserWarning):
    """A run has come to its end, and faults that were planted in it have never struck."""


class StepError(DagaError, ValueError):
    """A step that is not possible now; the message says what the action waits for."""


class UnknownAction(FaultError, StepError, KeyError):
    """The flow has no action of that name; the message names the nearest ones."""

    # A KeyError would show its message in quotes.
    __str__ = Exception.__str__


def unknown_action(asked: object, names: Sequence[str]) -> UnknownAction:
    """Give the error for a name that none of `names` is."""
    shown = str(asked)[:200]
    near = difflib.get_close_matches(shown, names, n=3) or list(names[:8])
    return UnknownAction(f"the flow has no action {shown!r}. Did you mean {' or '.join(map(repr, near))}?")


class ForkError(DagaError, ValueError):
    """A run cannot be forked, or an action tried, in this way; the message says why and what to do."""


class RunBusy(DagaError, RuntimeError):
    """The run is being driven by another call that has not ended."""


class RunAborted(DagaError):
    """The run has no results, because it was rolled back by request."""


class RunHeld(DagaError):
    """The run has no results yet: it has stopped at a breakpoint."""


class EffectError(DagaError, ValueError):
    """An effect that the ledger cannot tell from others; the message says what its name or key is to be."""


class ObserveError(DagaError, RuntimeError):
    """The world could not be looked at: what ``observe`` raised is the ``__cause__``."""


class StoryError(DagaError, ValueError):
    """A story, or one of its events, that is not one."""


class FormatError(DagaError, ValueError):
    """A file that cannot be read as what it should be; the message names the file."""


class ScenarioError(DagaError, ValueError):
    """A scenario that a file cannot carry, that is not in the file, or that does not fit the flow."""


class SimulationError(DagaError, ValueError):
    """A simulation that cannot be made from what is assumed; the message says what is wrong with it."""


class SweepError(DagaError, ValueError):
    """A sweep that cannot be made, or that does not hold: the message names the case, and what to do."""


class JournalError(DagaError, RuntimeError):
    """A journal that cannot be read or written, or a run that cannot be resumed from it."""


class JournalBusy(JournalError):
    """Another process has the journal, or another object in this one the run."""


class FlowChanged(JournalError, ValueError):
    """The run in the journal is not one of this flow as it is now; the message says what differs."""


class JournalValueError(DagaError, TypeError):
    """A value that the journal cannot keep or give back; the message says where, what, and what to do."""


class RecordedError(DagaError):
    """What an action raised in a process that has ended: its words, as the journal has them.

    Attributes
    ----------
    kind
        The name of the class of the error.
    message
        Its message.
    traceback
        Where it was raised, as text.
    """

    def __init__(self, kind: str, message: str, traceback: str = "") -> None:
        super().__init__(f"{kind}: {message}" if message else kind)
        self.kind = kind
        self.message = message
        self.traceback = traceback


class LayoutWarning(UserWarning):
    """No Graphviz was found: the graph is drawn with a plainer layout."""


class IllegalTransition(DagaError, RuntimeError):
    """A state change that the tables do not allow. It carries the node's story: this is a bug report.

    Attributes
    ----------
    story
        The events of that node so far.
    """

    def __init__(self, what: str, old: str, new: str, story: Sequence[object] = ()) -> None:
        self.story = list(story)
        told = "; ".join(str(event) for event in self.story[-8:]) or "nothing yet"
        super().__init__(f"{what} cannot go from {old} to {new}. Its story: {told}")


class ActionInterrupted(DagaError):
    """An action ended with something that is no `Exception` (the original is the ``__cause__``).

    An `ExceptionGroup` cannot hold a `CancelledError`, a `GeneratorExit`, a `KeyboardInterrupt` or a
    `SystemExit`; this carries it.
    """


class RollbackError(DagaError):
    """The rollback of one action failed (the original is the ``__cause__``).

    Attributes
    ----------
    node
        The display name of the action.
    error
        What its rollback raised.
    """

    def __init__(self, node: str, batch: int, error: BaseException) -> None:
        super().__init__(f"the rollback of {node!r} (batch {batch}) failed: {describe(error)}")
        self.node = node
        self.error = error
        self.__cause__ = error


class DagaFlowError(ExceptionGroup[Exception]):
    """A flow failed.

    It holds the actions' own exceptions in plan order, then one `RollbackError` for each failed undo.

    With no rollback failure, ``.exceptions`` are exactly the actions' errors, as py-daga documents.

    Attributes
    ----------
    run
        The run, to look into.
    """

    run: FlowRun | None = None

    def derive(self, excs: Sequence[Exception], /) -> DagaFlowError:  # type: ignore[override]
        """Give a group of the same kind, for ``except*`` and `split`."""
        group = DagaFlowError(self.message, excs)
        group.run = self.run
        return group


def kind_of(value: object) -> str:
    """Give the name of the class of `value`, also of one that hides it.

    >>> kind_of(17)
    'int'
    """
    try:
        return str(type(value).__name__)
    except BaseException as refused:  # a metaclass may do anything
        log.debug("a class has no name to show: %s", type(refused))
        return "(a class without a name)"


def describe(error: BaseException, limit: int = 200) -> str:
    """Give an error as one short line, also when its own ``str`` is broken.

    >>> describe(TimeoutError("no answer"))
    'TimeoutError: no answer'
    """
    kind = kind_of(error)
    try:
        text = " ".join(str(error).split())
    except BaseException as broken:  # it is only words that are made here: even a SystemExit is about them
        text = f"(its message cannot be shown: {kind_of(broken)})"
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    return f"{kind}: {text}" if text else kind


def add_note_once(error: BaseException, note: str) -> None:
    """Add a note unless the error, raised before, has it already, or takes none (a frozen dataclass)."""
    try:
        notes: Any = getattr(error, "__notes__", None)
        if not isinstance(notes, list) or note not in notes:
            error.add_note(note)
    except BaseException as refused:
        log.debug("%s takes no note (%s): %s", kind_of(error), kind_of(refused), note)
