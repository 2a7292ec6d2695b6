"""A failed run in few words: each failed action with the person's own frames, and what became of the run."""

from __future__ import annotations

import re
from collections.abc import Iterable
from types import TracebackType
from typing import NamedTuple

from daga_nb.errors import ActionInterrupted, DagaFlowError, RollbackError, RunAborted, describe
from daga_nb.widgets.frames import clean, is_library, linked, own_frames, told_frames

__all__ = ["Failed", "Landing", "failed_in", "landing_of", "told"]

_DEEPEST = 4
_IN_FULL = 5
_IN_ALL = 15
_NAMES = 40
_CAUSES = 3
_NOTES = 5

_PLACE = re.compile(
    r"in (?:the rollback of )?action (?P<name>.+), (?P<place>batch \d+, attempt \d+)", re.DOTALL
)


class Failed(NamedTuple):
    """One failed action, or rollback: what it raised, its name and place, and the fault planted for it."""

    error: BaseException
    name: str = ""
    place: str = ""
    rollback: bool = False
    planted: str = ""

    @property
    def who(self) -> str:
        """The name, fit to be shown."""
        name = clean(self.name, 60)
        return f"the rollback of {name}" if self.rollback else name


class Landing(NamedTuple):
    """Where a debugger is to land: in the last frame of `short`, which belongs to `error`."""

    error: BaseException
    short: TracebackType
    words: str


def failed_in(group: BaseExceptionGroup[BaseException]) -> list[Failed]:
    """Give what failed, in plan order; of a group that no flow raised, its exceptions.

    >>> failed_in(DagaFlowError("it", [ValueError("no")]))[0].error
    ValueError('no')
    """
    if not isinstance(group, DagaFlowError):
        return [Failed(one) for one in group.exceptions]
    names: dict[int, list[str]] = {}
    for name, error in group.run.errors.items() if group.run is not None else ():
        names.setdefault(id(error), []).append(name)
    found = []
    for one in group.exceptions:
        if isinstance(one, RollbackError):
            found.append(_failed(group, one.error, one.error, one.node, rollback=True))
        else:
            own = names.get(id(one))  # one error may have been raised by several actions
            found.append(_failed(group, one, _original(one), own.pop(0) if own else ""))
    return found


def _original(error: BaseException) -> BaseException:
    cause = error.__cause__ if isinstance(error, ActionInterrupted) else None
    return error if cause is None else cause  # an exception may be falsy


def _failed(
    group: DagaFlowError, noted: BaseException, error: BaseException, name: str, rollback: bool = False
) -> Failed:
    run = group.run
    places = [one for one in map(_PLACE.fullmatch, _notes(noted)) if one is not None]
    match = next((one for one in reversed(places) if not name or one["name"] == repr(name)), None)
    if match is not None and not name:
        name = match["name"].strip("'\"")
    place = match["place"] if match is not None else ""
    if not place and run is not None and name in run.plan.ids:
        place = f"batch {run.plan.batch_of[run.plan.ids[name]] + 1}"
    planted = ""
    if run is not None and not own_frames(error.__traceback__):
        faults = (one for one in run.fired if one.at == name and (one.where == "rollback") is rollback)
        planted = next((one.place for one in faults if one.ends_calls), "")
    return Failed(error, name, place, rollback, planted)


def _notes(error: BaseException) -> list[str]:
    notes = getattr(error, "__notes__", None)
    return [one for one in notes if isinstance(one, str)] if isinstance(notes, list | tuple) else []


# ------------------------------------------------------------------------------ where to land


def landing_of(group: DagaFlowError) -> Landing | None:
    """Give where a debugger should land: in the frame of the first failed action that has one.

    An action that ran a flow, or a group of tasks, leads to what failed in there. If no action has a frame,
    it is where the flow was run, or else in the engine, where a planted fault was raised.
    """
    failed = failed_in(group)
    for one in failed:
        found = _inside(one, [], [], 0)
        if found is not None:
            return found
    frames = own_frames(group.__traceback__)
    short = linked(frames)
    if short is not None:
        return Landing(group, short, "where the flow was run, for no action has a frame of its own")
    for one in failed:
        if one.error.__traceback__ is not None:
            return Landing(one.error, one.error.__traceback__, f"in the engine: {one.who} has no frame")
    return None


def _inside(one: Failed, above: list[TracebackType], names: list[str], depth: int) -> Landing | None:
    frames = own_frames(one.error.__traceback__)
    names = [one.who, *names] if one.name else names
    if isinstance(one.error, BaseExceptionGroup) and depth < _DEEPEST:
        higher = [*above, *(frame for frame in frames if not is_library(frame))]
        for inner in failed_in(one.error):
            found = _inside(inner, higher, names, depth + 1)
            if found is not None:
                return found
    short = linked([*above, *frames]) if frames else None
    if short is None:
        return None
    below = is_library(frames[-1]) and not all(map(is_library, frames))
    return Landing(
        one.error, short, f"{'below' if below else 'in'} the frame of {', in '.join(names) or 'the action'}"
    )


# ------------------------------------------------------------------------------ the words


def told(group: DagaFlowError, landing: Landing | None = None) -> list[str]:
    """Give a failed flow as lines: the short traceback.

    >>> import asyncio
    >>> from daga_nb import DagaFlow
    >>> async def quote(results): return 842.0
    >>> async def pay(results): raise TimeoutError("no answer")
    >>> try:
    ...     asyncio.run(DagaFlow([(quote, pay)], name="trip").run())
    ... except DagaFlowError as error:
    ...     lines = told(error)
    >>> lines[2], lines[-1]
    ('pay (batch 2, attempt 1) failed: TimeoutError: no answer', 'rollback incomplete; left: quote, pay')
    """
    lines = [_headline(group)]
    frames = own_frames(group.__traceback__)[-1:]
    lines += _indented(told_frames(frames))
    _tell_why(lines, group)
    _Teller(lines).tell(group)
    if group.run is not None:
        lines += ["", clean(str(group.run.next), 400)]
    if landing is not None:
        lines.append(f"the full traceback: daga_nb.full_traceback()  ·  %debug: {landing.words}")
    return lines


def _headline(group: BaseExceptionGroup[BaseException]) -> str:
    run = group.run if isinstance(group, DagaFlowError) else None
    if run is None:
        return clean(describe(group))
    rollbacks = sum(isinstance(one, RollbackError) for one in group.exceptions)
    actions = sum(not isinstance(one, RollbackError | RunAborted) for one in group.exceptions)
    counts = [_count(actions, "action"), _count(rollbacks, "rollback")]
    what = " and ".join(filter(None, counts))
    words = f"{what} failed" if what else "rolled back by request"
    return f"{type(group).__name__}: flow {clean(run.flow.name, 60)!r}, run {run.id}: {words}"


def _count(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count > 1)}" if count else ""


def _indented(lines: Iterable[str], by: str = "  ") -> list[str]:
    return [by + line if line else "" for line in lines]


class _Teller:
    """Tells what failed, the first few in full; what stands in groups within groups counts too."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self._left = _IN_ALL

    def tell(self, group: BaseExceptionGroup[BaseException], by: str = "", depth: int = 0) -> None:
        failed = failed_in(group)
        for some in ([one for one in failed if not one.rollback], [one for one in failed if one.rollback]):
            full = min(_IN_FULL, max(self._left, 0))
            for one in some[:full]:
                self._left -= 1
                if not by:
                    self._lines.append("")
                self._tell_one(one, by, depth)
            if some[full:]:
                self._lines += [] if by else [""]
                self._lines.append(by + _rest(some[full:], bool(full)))

    def _tell_one(self, one: Failed, by: str, depth: int) -> None:
        group = one.error if isinstance(one.error, BaseExceptionGroup) else None
        error = clean(describe(one.error, 1000)) if group is None else _headline(group)
        place = f" ({one.place})" if one.place else ""
        self._lines.append(by + (f"{one.who}{place} failed: {error}" if one.name else error))
        deeper = by + "  "
        frames = own_frames(one.error.__traceback__)
        own = told_frames(frames)
        if one.planted:
            own.append(f"planted, {one.planted}: no frame of its own")
        elif not frames and one.name:
            own.append("no frame of its own")
        _tell_why(own, one.error)
        self._lines += _indented(own, deeper)
        if group is not None and depth < _DEEPEST:
            self.tell(group, deeper, depth + 1)
        elif group is not None:
            self._lines.append(f"{deeper}… and what failed in there")


def _rest(failed: list[Failed], others: bool) -> str:
    names = [one.who for one in failed[:_NAMES] if one.name]
    more = f", … and {len(failed) - _NAMES} more" if len(failed) > _NAMES else ""
    told = f": {', '.join(names)}{more}" if names else ""
    return f"{len(failed)}{' more' * others} failed{told}"


def _tell_why(lines: list[str], error: BaseException) -> None:
    """Add the notes of an error, and what caused it, with the frames of that."""
    seen = {id(error)}
    notes = [note for note in _notes(error) if not _PLACE.fullmatch(note)]
    if isinstance(error, DagaFlowError):
        notes = [note for note in notes if not note.startswith("flow ")]
    lines += [clean(line, 300) for note in notes[:_NOTES] for line in note.splitlines()[:_NOTES]]
    for number in range(_CAUSES + 1):
        cause, how = error.__cause__, "caused by"
        if cause is None and not error.__suppress_context__:
            cause, how = error.__context__, "while handling"
        if cause is None or id(cause) in seen:
            return
        if number == _CAUSES:
            lines.append("… and more causes")
            return
        seen.add(id(cause))
        lines.append(f"{how} {clean(describe(cause, 300))}")
        lines += _indented(told_frames(own_frames(cause.__traceback__)))
        error = cause
