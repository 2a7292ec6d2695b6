"""What one run of a sweep shows: whose rollback did what to which effect, and what was to be expected."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, NamedTuple

from daga_nb.core.entries import Entry
from daga_nb.core.ledger import ROLLED_BACK
from daga_nb.core.moves import Undo
from daga_nb.core.states import NodeState
from daga_nb.core.tally import Verdict
from daga_nb.debug.sweep_cases import Case, Shape

if TYPE_CHECKING:
    from daga_nb.engine.run import FlowRun

__all__ = ["Mode", "Sign", "Wrong", "effect_text", "mode_of", "signs_of"]

Mode = Literal["nothing", "lost", "done", "again"]
"""What a rollback had to undo: nothing, something whose reply was lost, something done; the last, twice."""


class Wrong(StrEnum):
    """What can be wrong with an action and its rollback, in words."""

    NEVER_UNDONE = "never undone"
    TRUSTS_REPLY = "not undone after a lost reply"
    IN_PART = "undone in part"
    OTHER_KEY = "undone by another key"
    OTHERS = "undoes another's effect"
    TWICE = "undone twice"
    NEVER_DONE = "undone, never done"
    DOES_AGAIN = "done again instead of undone"
    NOT_AGAIN = "not undone alike when called again"
    TOO_EARLY = "undone in the wrong order"
    NEEDS_REPLY = "rollback needs the reply"
    RAISES_AT_NOTHING = "rollback raises with nothing to undo"
    RAISES = "rollback raises"
    NOT_ALIKE = "not undone alike each time"
    LEAVES = "rollback leaves something"
    NO_ROLLBACK = "no rollback"
    NOT_CALLED = "not rolled back when it failed"
    HAS_EFFECT = "has an effect after all"
    DONE_TWICE = "done twice"
    UNKNOWN = "outcome unknown"
    WORLD = "the world is not as it was"

    def __str__(self) -> str:
        return self.value


class Sign(NamedTuple):
    """One thing that a run shows: what is wrong, with which action, and of what."""

    action: str
    wrong: Wrong
    mode: Mode
    of: str = ""


_Place = tuple[str, str]


class _Holder(NamedTuple):
    """Who has an effect in the world, whether its rollback did it, and since how many events."""

    node: str
    back: bool
    since: int


def effect_text(name: str, key: str, run_id: str) -> str:
    """Give an effect in words that are the same in each run."""
    return name if key == name else f"{name} {key.replace(run_id, '…')}"


def mode_of(run: FlowRun, case: Case, node: int) -> Mode:
    """Give what the rollback of an action had to undo in a run."""
    name = run.plan.names[node]
    if any(place.node == node and place.where == "again" for place in case.places):
        return "again"
    if name not in run.results:  # it never gave one
        struck = {place.where for place in case.places if place.node == node}
        if "after" in struck:
            return "lost"
        if "before" in struck:
            return "nothing"
    return "done"


def signs_of(run: FlowRun, case: Case, shape: Shape) -> tuple[Sign, ...]:
    """Give what is wrong in a run that is at its end, and not what the planted faults account for."""
    reader = _Reader(run, case, shape)
    for entry in run.effects:
        reader.read(entry)
    reader.read_order()
    if run.state in ROLLED_BACK:
        reader.read_left()
        reader.read_states()
    reader.read_never_done()
    return tuple(dict.fromkeys(reader.signs))


class _Reader:
    """Reads the ledger of one run from its beginning, and remembers who holds what."""

    def __init__(self, run: FlowRun, case: Case, shape: Shape) -> None:
        self.signs: list[Sign] = []
        self._run = run
        self._case = case
        self._shape = shape
        self._holders: dict[_Place, list[_Holder]] = {}
        self._doers: dict[_Place, set[str]] = {}
        self._taken: dict[_Place, str] = {}  # what somebody undid whose effect it was not
        self._undid: set[str] = set()
        self._undos: list[tuple[_Place, str, str]] = []
        self._never_done: list[tuple[str, _Place]] = []
        self._other_key: set[tuple[str, str]] = set()
        self._excused = {
            place.node for place in case.places if place.where == "rollback" and not case.why_not
        }

    def _sign(self, action: str, wrong: Wrong, place: _Place | None = None, mode: Mode | None = None) -> None:
        of = "" if place is None else effect_text(*place, self._run.id)
        if mode is None:
            node = self._run.plan.ids.get(action)
            mode = "done" if node is None else mode_of(self._run, self._case, node)
        self.signs.append(Sign(action, wrong, mode, of))

    # ------------------------------------------------------------- entry by entry

    def read(self, entry: Entry) -> None:
        """Count one more entry."""
        place = entry.name, entry.key
        holders = self._holders.setdefault(place, [])
        back = entry.direction == "back"
        if entry.once and bool(holders) is (entry.kind == "done"):
            return
        if entry.kind == "done":
            if back and place in self._doers:
                self._sign(entry.node, Wrong.DOES_AGAIN, place)
            elif not back and holders:
                mode = self._outlived(holders, entry)
                self._sign(entry.node, Wrong.NEVER_UNDONE if mode else Wrong.DONE_TWICE, place, mode)
            holders.append(_Holder(entry.node, back, entry.seq))
            self._doers.setdefault(place, set()).add(entry.node)
        elif holders:
            self._take(entry.node, place, holders, back)
        else:
            self._take_nothing(entry.node, place, back)

    def _outlived(self, holders: list[_Holder], entry: Entry) -> Mode | None:
        """Give what the rollback had to undo that this effect has outlived, before it was done anew."""
        since = next((one.since for one in holders if one.node == entry.node), entry.seq)
        states = [one.state for one in self._run.events[since : entry.seq] if one.node == entry.node]
        if NodeState.ROLLED_BACK not in states:
            return None
        return "lost" if NodeState.FAILED in states else "done"

    def _take(self, node: str, place: _Place, holders: list[_Holder], back: bool) -> None:
        own = next((one for one in reversed(holders) if one.node == node), holders[-1])
        holders.remove(own)
        doer = own.node
        if back:
            self._undos.append((place, doer, node))
        if back and doer != node:
            self._taken[place] = node
            self._sign(node, Wrong.OTHERS, place)
        elif back:
            self._undid.add(node)

    def _take_nothing(self, node: str, place: _Place, back: bool) -> None:
        doers = self._doers.get(place)
        if doers is None:
            if back or self._run.state in ROLLED_BACK:
                self._never_done.append((node, place))
        elif self._taken.get(place, node) != node:
            return  # it would have been right, had another rollback not taken it
        else:
            self._sign(node, Wrong.TWICE if node in doers else Wrong.OTHERS, place)

    # ------------------------------------------------------------- as a whole

    def read_order(self) -> None:
        """Name who undid something late that should have gone first."""
        early = {(row.name, row.key) for row in self._run.ledger.rows if Verdict.TOO_EARLY in row.flaws}
        ids = self._run.plan.ids
        for number, (place, doer, _) in enumerate(self._undos if early else ()):
            if place not in early:
                continue
            for _late, later, undoer in reversed(self._undos[number + 1 :]):
                if later in ids and doer in ids and self._shape.reaches(ids[doer], ids[later]):
                    self._sign(undoer, Wrong.TOO_EARLY, place)
                    break

    def read_left(self) -> None:
        """Name whose effects are in the world although the run was rolled back."""
        for place, doer, by_rollback in self._left():
            node = self._run.plan.ids.get(doer)
            if node is None or self._spoken_of(doer, place):
                continue
            if by_rollback:
                self._sign(doer, Wrong.LEAVES, place)
                continue
            wrong = self._why_left(node, doer, place[0])
            if wrong is Wrong.OTHER_KEY:
                self._other_key.add((doer, place[0]))
            if wrong is not None:
                self._sign(doer, wrong, place)

    def read_never_done(self) -> None:
        """Name who undid what had not been done; also in a run that went forward again."""
        for doer, place in self._never_done:
            if (doer, place[0]) not in self._other_key:
                self._sign(doer, Wrong.NEVER_DONE, place)

    def _left(self) -> Iterator[tuple[_Place, str, bool]]:
        for place, holders in self._holders.items():
            for doer, by_rollback, _ in holders:
                yield place, doer, by_rollback

    def _spoken_of(self, doer: str, place: _Place) -> bool:
        """Whether it is told in another way why this is left."""
        of = effect_text(*place, self._run.id)
        for sign in self.signs:
            told = sign.wrong in (Wrong.DOES_AGAIN, Wrong.DONE_TWICE) and sign.of == of
            if sign.action == doer and (told or sign.wrong is Wrong.OTHERS):
                return True
        return False

    def _why_left(self, node: int, doer: str, name: str) -> Wrong | None:
        state, undo = self._run.node_states[node], self._shape.undo[node]
        if state is NodeState.ROLLED_BACK and undo is Undo.NOTHING:
            return Wrong.HAS_EFFECT
        if state is NodeState.ROLLED_BACK:
            if any(one == doer and place[0] == name for one, place in self._never_done):
                return Wrong.OTHER_KEY
            return Wrong.IN_PART if doer in self._undid else Wrong.NEVER_UNDONE
        if state is NodeState.FAILED and undo is Undo.CALL:
            return Wrong.NOT_CALLED
        return None  # its state says it, or its rollback was not to be called

    def read_states(self) -> None:
        """Name whose state says that something may be left."""
        for node, state in enumerate(self._run.node_states):
            name = self._run.plan.names[node]
            missing = self._shape.undo[node] is Undo.MISSING
            if state is NodeState.KEPT or (state is NodeState.FAILED and missing):
                if state is NodeState.KEPT or self._shape.policy.undoes_failed(node):
                    self._sign(name, Wrong.NO_ROLLBACK)
            elif state is NodeState.ROLLBACK_FAILED and node not in self._excused:
                self._sign(name, Wrong.RAISES)
            elif state is NodeState.UNKNOWN:
                self._sign(name, Wrong.UNKNOWN)
