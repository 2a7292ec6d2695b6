"""What became of the calls of one run: the values and errors, and the state that each outcome leads to."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple, TypeGuard, TypeVar

from daga_nb.core.machine import Machine
from daga_nb.core.moves import Direction
from daga_nb.core.states import NodeState
from daga_nb.errors import ActionInterrupted, RollbackError, add_note_once, describe

__all__ = ["Outcome", "Outcomes", "lost", "never_called"]

T = TypeVar("T", bound=BaseException)


class Outcome(NamedTuple):
    """How one call ended: its value, or its error; what was planted and struck, in words; and its seconds.

    `lost` says why it is not known how it ended; `called` whether it was called at all.
    """

    value: Any
    error: BaseException | None
    planted: str | None
    seconds: float | None
    lost: str = ""
    called: bool = True

    @property
    def reason(self) -> str:
        """The error in words, and what was planted."""
        planted = self.planted or ""
        if self.error is None:
            return planted
        return f"{describe(self.error)} ({planted})" if planted else describe(self.error)


def _is(error: BaseException, *kinds: type[T]) -> TypeGuard[T]:
    # isinstance would ask the error itself, which may answer with an error.
    return issubclass(type(error), kinds)


def lost(why: str) -> Outcome:
    """Give the outcome of a call that nobody will hear of any more."""
    return Outcome(None, None, None, None, lost=why)


def never_called(why: str = "cancelled before it was called") -> Outcome:
    """Give the outcome of an action that was shown as running, and then not called."""
    return Outcome(None, asyncio.CancelledError(why), None, None, called=False)


def goes_on(call: asyncio.Task[Outcome] | concurrent.futures.Future[Any] | None) -> bool:
    """Whether a call has not ended, and can: one on a loop that was closed never will."""
    if call is None or call.done():
        return False
    return not (isinstance(call, asyncio.Task) and call.get_loop().is_closed())


class Outcomes:
    """What the actions and rollbacks of one run gave and raised so far, by node.

    Attributes
    ----------
    results, errors, durations
        Of the actions; seconds.
    rollback_results, rollback_errors, rollback_durations
        Of the rollbacks; seconds.
    in_thread
        The calls that went to a thread and have not been heard of since.
    strays
        The tasks, or the calls in a thread, of actions that were given up and may still run.
    overdue
        The calls that outlived their deadline, with its seconds.
    lost
        The actions whose outcome is not known.
    earlier, earlier_back
        What the call before raised, of an action, or a rollback, that is being tried again.
    unfit
        What actions gave that could not be kept in the journal, so that they count as failed.
    broken_off
        The actions of which the last call, or that of their rollback, was lost with its process.
    waited
        Those of them whose call was not made yet: its time had not come.
    calls_lost
        How many calls of each were, forward and back.
    skipped
        What the skipped actions had raised.
    cause
        The error that made the run turn back.
    fatal
        A `KeyboardInterrupt` or `SystemExit`, to be raised again after the rollback.
    """

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._plan = machine.plan
        self.results: dict[int, Any] = {}
        self.errors: dict[int, Exception] = {}
        self.durations: dict[int, float] = {}
        self.rollback_results: dict[int, Any] = {}
        self.rollback_errors: dict[int, RollbackError] = {}
        self.rollback_durations: dict[int, float] = {}
        self.in_thread: dict[int, concurrent.futures.Future[Any]] = {}
        self.strays: dict[int, list[asyncio.Task[Outcome] | concurrent.futures.Future[Any]]] = {}
        self.overdue: dict[int, float] = {}
        self.lost: set[int] = set()
        self.skipped: dict[int, Exception] = {}
        self.earlier: dict[int, Exception] = {}
        self.earlier_back: dict[int, RollbackError] = {}
        self.unfit: dict[int, Any] = {}
        self.broken_off: set[int] = set()
        self.waited: set[int] = set()
        self.calls_lost: Counter[tuple[int, Direction]] = Counter()
        self.cause: Exception | None = None
        self.fatal: BaseException | None = None

    @property
    def _by_node(self) -> tuple[dict[int, Any], ...]:
        forward = (self.results, self.errors, self.earlier, self.durations, self.skipped, self.overdue)
        back = (self.rollback_results, self.rollback_errors, self.earlier_back, self.rollback_durations)
        return (*forward, self.unfit, *back)

    def forward(self, node: int, outcome: Outcome) -> tuple[NodeState, str]:
        """Keep how the call of an action ended; give its state and the reason."""
        self.broken_off.discard(node)
        if outcome.seconds is not None:
            self.durations[node] = outcome.seconds
        if outcome.lost:
            self.lost.add(node)
            self.errors[node] = self._carried(
                node, ActionInterrupted(f"{self._plan.names[node]!r}: {outcome.lost}")
            )
            return NodeState.UNKNOWN, outcome.lost
        error = outcome.error
        seconds = self.overdue.pop(node, None) if self.overdue else None
        if error is None:
            self.results[node] = outcome.value
            return NodeState.SUCCEEDED, outcome.reason
        struck = _is(error, asyncio.CancelledError)
        if struck and seconds is not None:
            error = TimeoutError(f"it did not end within {seconds:g} s{self._still(node)}")
        self.errors[node] = self._carried(node, error)
        if struck and node in self.in_thread:
            self.lost.add(node)
            self.give_up(node, self.in_thread.pop(node))
            return NodeState.UNKNOWN, "its thread still runs"
        return NodeState.FAILED, outcome._replace(error=error).reason

    def give_up(self, node: int, call: asyncio.Task[Outcome] | concurrent.futures.Future[Any]) -> None:
        """Keep a call that still runs, and whose outcome is not waited for: its rollback waits for it."""
        self.strays.setdefault(node, []).append(call)

    @property
    def under_way(self) -> bool:
        """Whether something of this run still runs that went to a thread, or was given up."""
        given_up = [call for calls in self.strays.values() for call in calls]
        return any(map(goes_on, [*self.in_thread.values(), *given_up]))

    def back(self, node: int, outcome: Outcome) -> tuple[NodeState, str]:
        """Keep how a rollback ended; give its action's state and the reason."""
        self.broken_off.discard(node)  # that was its action
        if outcome.seconds is not None:
            self.rollback_durations[node] = outcome.seconds
        error = outcome.error
        if error is None:
            self.rollback_results[node] = outcome.value
            return NodeState.ROLLED_BACK, outcome.reason
        if node in self.overdue and _is(error, asyncio.CancelledError):
            error = TimeoutError(f"it did not end within {self.overdue[node]:g} s{self._still(node)}")
        self.heed(error)
        add_note_once(error, f"in the rollback of {self._place(node, 'back')}")
        name, batch = self._plan.names[node], self._plan.batch_of[node] + 1
        self.rollback_errors[node] = RollbackError(name, batch, error)
        return NodeState.ROLLBACK_FAILED, outcome._replace(error=error).reason

    def _still(self, node: int) -> str:
        if node in self.strays:
            return "; it was not called, because its action still runs"
        return "; its thread still runs" if node in self.in_thread else ""

    def forget(self, node: int, direction: Direction) -> None:
        """Forget how the last call ended: there will be another one, or a value by hand."""
        self.broken_off.discard(node)
        self.waited.discard(node)
        if direction == "back":
            rollback_error = self.rollback_errors.pop(node, None)
            if rollback_error is not None:
                self.earlier_back[node] = rollback_error
            self.rollback_durations.pop(node, None)
            self.overdue.pop(node, None)
        else:
            self.durations.pop(node, None)
            error = self.errors.pop(node, None)
            if error is not None:
                self.earlier[node] = error
            self.lost.discard(node)
            self.unfit.pop(node, None)

    def raised(self, node: int) -> BaseException:
        """Give what the last call of an action that failed raised, as it was raised."""
        error = self.errors[node]
        # Only of our own kind is it safe to ask for anything.
        return (type(error) is ActionInterrupted and error.__cause__) or error

    def recall(self, node: int, direction: Direction = "forward") -> None:
        """Take the error of the call before for that of a call which is not made again after all."""
        if direction == "back":
            self.rollback_errors[node] = self.earlier_back[node]
        elif node in self.earlier:
            self.errors[node] = self.earlier[node]

    def begin_anew(self) -> None:
        """Forget all that was undone: the run goes forward again from a save point."""
        for node, state in enumerate(self._machine.states):
            if state is not NodeState.SUCCEEDED:
                for kept in self._by_node:
                    kept.pop(node, None)
                self.lost.discard(node)
        self.calls_lost.clear()
        self.cause = None

    def skip(self, node: int, value: Any) -> None:
        """Take `value` for the result of an action that failed; its rollback is still told the truth."""
        error, unknown = self.errors[node], node in self.lost
        self.forget(node, "forward")
        if unknown:  # a value by hand makes it no more known
            self.lost.add(node)
        self.skipped[node] = error
        self.results[node] = value

    def ended(self, node: int) -> str:
        """Give how an action ended, for its rollback."""
        if node in self.lost or node in self._machine.doubtful:
            return "UNKNOWN"
        return "FAILED" if node in self.errors or node in self.skipped else "SUCCEEDED"

    def own_result(self, node: int) -> Any:
        """Give what an action gave, for its rollback."""
        return None if node in self.skipped else self.results.get(node, self.unfit.get(node))

    def own_error(self, node: int) -> Exception | None:
        """Give what an action raised, for its rollback; if nothing, what made the run turn back."""
        for error in (self.errors.get(node), self.skipped.get(node)):
            if error is not None:  # an exception may be falsy
                return error
        return self.cause

    def find_cause(self, failures: Iterable[int]) -> None:
        """Keep the first error of `failures` as what made the run turn back."""
        self.cause = next((self.errors[node] for node in failures if node in self.errors), None)

    def heed(self, error: BaseException) -> None:
        """Keep what is to end the process, to be raised again after the rollback."""
        if _is(error, KeyboardInterrupt, SystemExit):
            self.fatal = error if self.fatal is None else self.fatal

    def _carried(self, node: int, error: BaseException) -> Exception:
        """Give the error in a form that an ExceptionGroup holds, with a note that says where it was."""
        self.heed(error)
        if not _is(error, Exception):
            carrier = ActionInterrupted(f"{self._plan.names[node]!r} ended with {describe(error)}")
            carrier.__cause__ = error
            error = carrier.with_traceback(error.__traceback__)
        add_note_once(error, f"in {self._place(node, 'forward')}")
        return error

    def _place(self, node: int, direction: Direction) -> str:
        name, batch = self._plan.names[node], self._plan.batch_of[node] + 1
        return f"action {name!r}, batch {batch}, attempt {self._machine.attempts(node, direction)}"
