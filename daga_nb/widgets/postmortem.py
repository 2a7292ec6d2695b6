"""After a failed flow in a notebook: a short traceback, and a debugger that lands in the action's own frame.

IPython shows the frames of the engine too, and its ``%debug`` lands among them. A script pays nothing for
this room, and its tracebacks stay as they are.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from logging import getLogger
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple

from daga_nb.errors import DagaError, DagaFlowError, describe
from daga_nb.widgets.failures import Landing, landing_of, told
from daga_nb.widgets.frames import clean
from daga_nb.widgets.shell import shell_or_none

if TYPE_CHECKING:
    from daga_nb.engine.run import FlowRun

__all__ = ["full_traceback", "install", "remember"]

log = getLogger(__name__)

_MARK = "_daga_nb_shows"


class _Trimmed(NamedTuple):
    """The one error whose traceback is short now, because a debugger looks at that of ``sys.last_value``."""

    error: BaseException
    short: TracebackType
    whole: TracebackType | None


_last: DagaFlowError | None = None
_trimmed: _Trimmed | None = None


def install() -> bool:
    """Have IPython show a failed flow in short. Gives whether there is a shell to do so; again is no harm.

    What the user has set with ``set_custom_exc`` stays in force for its own exceptions. If he sets something
    else later, that holds, and this may be called again.

    >>> install()  # there is no shell here
    False
    """
    shell = shell_or_none()
    if not hasattr(shell, "set_custom_exc"):
        return False
    earlier, theirs = shell.custom_exceptions, shell.CustomTB
    if getattr(theirs, _MARK, None) is DagaFlowError:
        return True

    def show(shell: Any, etype: Any, value: Any, tb: Any, tb_offset: int | None = None) -> Any:
        if not isinstance(value, earlier):
            _show(shell, value, tb, tb_offset)
            return None
        shown = theirs(etype, value, tb, tb_offset)
        if isinstance(value, DagaFlowError):
            _guarded(_keep, value)
        if not shell.custom_exceptions:  # theirs has failed, and IPython has thrown out all there was
            install()
        return shown

    shell.set_custom_exc((*(one for one in earlier if one is not DagaFlowError), DagaFlowError), show)
    shell.CustomTB.__func__.__dict__[_MARK] = DagaFlowError
    return True


def _show(shell: Any, error: DagaFlowError, tb: TracebackType | None, tb_offset: int | None) -> None:
    if _guarded(_show_short, shell, error):
        if shell.call_pdb:
            shell.debugger(force=True)
        return
    # Not inside an except block: IPython prints what is being handled, and that is to be the flow's error.
    shell.showtraceback((type(error), error, tb), tb_offset=tb_offset)


def _show_short(shell: Any, error: DagaFlowError) -> None:
    with _whole():
        landing = landing_of(error)
        lines = told(error, landing)
    shell._showtraceback(type(error), error, lines)
    _keep(error, landing)


def _guarded(function: Any, *args: Any) -> bool:
    try:
        function(*args)
    except BaseException as broken:  # nothing that goes wrong in here may hide the error
        log.error("a failed flow could not be shown in short: %s", describe(broken), exc_info=broken)
        return False
    return True


def remember(run: FlowRun) -> bool:
    """Have ``%debug`` and ``pdb.pm()`` look at the first failed action of `run`, as after a failed cell.

    For a run that no cell awaits. Gives whether there is something to look at.

    >>> from daga_nb import DagaFlow
    >>> remember(DagaFlow([(abs, max)]).start())
    False
    """
    found = [*run.errors.values(), *run.rollback_errors.values()]
    if not found:
        return False
    error = DagaFlowError("DagaFlowError", found)
    error.run = run
    return _guarded(_keep, error) and _trimmed is not None


def _keep(error: DagaFlowError, landing: Landing | None = None) -> None:
    global _last, _trimmed
    if _trimmed is not None:
        _exchange(_trimmed.error, _trimmed.short, _trimmed.whole)
        _trimmed = None
    _last = error
    landing = landing if landing is not None else landing_of(error)
    if landing is None:
        return
    own, short, _ = landing
    _trimmed = _Trimmed(own, short, own.__traceback__)
    BaseException.with_traceback(own, short)  # newer debuggers look at the error, not at last_traceback
    sys.last_type, sys.last_value, sys.last_traceback = type(own), own, short
    if sys.version_info >= (3, 12):
        sys.last_exc = own
    formatter = getattr(shell_or_none(), "InteractiveTB", None)
    if formatter is not None:
        formatter.tb = short


def _exchange(error: BaseException, old: TracebackType | None, new: TracebackType | None) -> None:
    """Put `new` where `old` stands in the traceback of an error; it may have been raised again since."""
    tb = error.__traceback__
    if tb is old:
        BaseException.with_traceback(error, new)
        return
    while tb is not None and tb.tb_next is not old:
        tb = tb.tb_next
    if tb is not None:
        tb.tb_next = new


@contextmanager
def _whole() -> Iterator[None]:
    """Let every error have its whole traceback meanwhile."""
    held = _trimmed
    if held is None:
        yield
        return
    _exchange(held.error, held.short, held.whole)
    try:
        yield
    finally:
        _exchange(held.error, held.whole, held.short)


def full_traceback(error: BaseException | None = None) -> None:
    """Print the full traceback of a failed flow, with the frames of the engine.

    Parameters
    ----------
    error
        The `DagaFlowError`; the last one that a cell ended with if not given.

    Raises
    ------
    DagaError
        If no flow has failed in a cell yet.

    Examples
    --------
    >>> import asyncio
    >>> from daga_nb import DagaFlow
    >>> async def quote(results): return 842.0
    >>> async def pay(results): raise TimeoutError("no answer")
    >>> try:
    ...     asyncio.run(DagaFlow([(quote, pay)]).run())
    ... except DagaFlowError as failed:
    ...     full_traceback(failed)  # doctest: +ELLIPSIS
      + Exception Group Traceback (most recent call last):
    ...
        | TimeoutError: no answer
        | in action 'pay', batch 2, attempt 1
        +------------------------------------
    """
    error = _last if error is None else error
    if error is None:
        raise DagaError("no flow has failed in a cell of this notebook yet: full_traceback(error) shows one")
    if not isinstance(error, BaseException):
        raise DagaError(f"full_traceback shows a DagaFlowError, not {type(error).__name__}")
    with _whole():
        whole = traceback.TracebackException(
            type(error), error, error.__traceback__, compact=True, max_group_width=sys.maxsize
        )
    for text in whole.format():
        for line in text.splitlines():
            print(clean(line, 2 * len(line) + 1))
