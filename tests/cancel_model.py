"""What becomes of a run that is cancelled, as sets, from what its calls had done. Shares no code with it.

A log is what the calls of a run tell: ("do", x) begins, ("effect", x) is in the world, then ("did", x), or
("do failed", x), or ("do cut", x) where a cancel struck; ("undo", x), ("undid", x) and ("undo failed", x).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

Entry = tuple[str, str]

NONE: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Case:
    """A flow, what goes wrong in it, and how it is carried out."""

    parents: dict[str, tuple[str, ...]]
    fails: frozenset[str] = NONE
    flaky: dict[str, int] = field(default_factory=dict)  # how many of its first calls fail
    retries: dict[str, int] = field(default_factory=dict)
    undo_fails: frozenset[str] = NONE
    undo_flaky: dict[str, int] = field(default_factory=dict)
    undo_retries: dict[str, int] = field(default_factory=dict)
    no_undo: frozenset[str] = NONE
    no_effect: frozenset[str] = NONE  # those of them that have nothing to undo
    threads: frozenset[str] = NONE  # plain functions, called in a thread
    pivots: frozenset[str] = NONE
    save_points: dict[str, int] = field(default_factory=dict)
    deaf: frozenset[str] = NONE  # they swallow each cancel, and do not end
    stubborn: frozenset[str] = NONE  # they swallow a cancel, and do their work to the end
    undo_hangs: frozenset[str] = NONE  # their rollback does not end by itself
    rollback_failed: bool = True
    stop: bool = False  # on_rollback_error="stop"
    eager: bool = False
    max_parallel: int | None = None
    order: str | None = None

    def depth(self, node: str) -> int:
        return max((self.depth(parent) + 1 for parent in self.parents[node]), default=0)

    def ancestors(self, node: str) -> set[str]:
        return {one for parent in self.parents[node] for one in {parent} | self.ancestors(parent)}

    def fails_at(self, node: str, nth: int) -> bool:
        return node in self.fails or nth <= self.flaky.get(node, 0)

    def undo_fails_at(self, node: str, nth: int) -> bool:
        return node in self.undo_fails | self.undo_hangs or nth <= self.undo_flaky.get(node, 0)


class Seen:
    """What a log says of each action; an order that no saga has is refused while it is read.

    Attributes
    ----------
    now
        Of each action that was called: doing, done, failed, cut, undoing, undone, or undo failed.
    effects
        What is in the world.
    """

    def __init__(self, case: Case, log: Iterable[Entry]) -> None:
        self.case = case
        self.now: dict[str, str] = {}
        self.effects: set[str] = set()
        self.did: Counter[str] = Counter()  # calls
        self.undid: Counter[str] = Counter()
        self.tries: Counter[str] = Counter()  # calls of the rollback since the last of the action
        self.redone: Counter[str] = Counter()  # how often it was done again after it had been undone
        self.ended: list[str] = []
        for what, node in log:
            getattr(self, "_" + what.replace(" ", "_"))(node)

    def _do(self, node: str) -> None:
        assert self.now.get(node) in (None, "failed", "undone", "cut"), f"{node}: done while {self.now[node]}"
        assert all(self.now.get(parent) == "done" for parent in self.case.parents[node]), f"{node}: too early"
        self.redone[node] += self.now.get(node) == "undone"
        self.now[node] = "doing"
        self.did[node] += 1
        self.tries[node] = 0

    def _effect(self, node: str) -> None:
        self.effects.add(node)

    def _end(self, node: str, state: str) -> None:
        assert self.now[node] == "doing"
        self.now[node] = state
        self.ended = [one for one in self.ended if one != node] + [node]

    def _did(self, node: str) -> None:
        self._end(node, "done")

    def _do_failed(self, node: str) -> None:
        self._end(node, "failed")

    def _do_cut(self, node: str) -> None:
        self._end(node, "cut")

    def _undo(self, node: str) -> None:
        before = self.now.get(node)
        assert before in ("done", "failed", "cut", "undo failed"), f"{node}: undone while {before}"
        running = {one for one, state in self.now.items() if state == "doing"} - self.case.deaf
        assert not running, f"{node} is undone while {running} run"
        first = {one for one in self.now if self.is_undone_first(one, node) and self.owes(one)}
        assert not first, f"{node} is undone before {first}"
        self.now[node] = "undoing"
        self.undid[node] += 1
        self.tries[node] += 1

    def _undid(self, node: str) -> None:
        assert self.now[node] == "undoing"
        self.now[node] = "undone"
        self.effects.discard(node)

    def _undo_failed(self, node: str) -> None:
        assert self.now[node] == "undoing"
        self.now[node] = "undo failed"

    def owes(self, node: str) -> bool:
        """Whether it has a rollback that has not ended, and is to be called."""
        if node in self.case.no_undo:
            return False
        state = self.now[node]
        return state in ("done", "undoing") or (state in ("failed", "cut") and self.case.rollback_failed)

    def is_undone_first(self, one: str, other: str) -> bool:
        case, order = self.case, self.case.order or ("graph" if self.case.eager else "batches")
        if order == "completion" and {one, other} <= {*self.ended}:
            return self.ended.index(one) > self.ended.index(other)
        if order == "batches":
            return case.depth(one) > case.depth(other)
        return other in case.ancestors(one)


@dataclass
class End:
    """How it must end: states, the state of the run, the rollbacks that are still called and how often."""

    states: dict[str, str]
    run: str
    undos: Counter[str]


def after_cancel(case: Case, log: Sequence[Entry]) -> End:
    """Give how a run ends that is cancelled when its calls have told so much."""
    seen = Seen(case, log)
    now, lost = dict(seen.now), set()
    for node, state in seen.now.items():
        if state != "doing":
            continue
        if node in case.threads | case.stubborn:  # heard out
            now[node] = "failed" if case.fails_at(node, seen.did[node]) else "done"
        elif node in case.deaf:
            now[node] = "failed"
            lost.add(node)  # its rollback waits for it, and is not called
        else:
            now[node] = "failed"  # cut
    now = {node: "failed" if state == "cut" else state for node, state in now.items()}
    if case.pivots & {node for node, state in now.items() if state == "done"}:
        return _past_the_pivot(case, seen, now)
    settles = {n for n, state in now.items() if state == "done"}
    settles |= {n for n, state in now.items() if state == "failed" and case.rollback_failed} - case.no_undo
    owed = settles | {n for n, state in now.items() if state == "undoing"}
    calls, wrong = Counter[str](), {n for n, state in now.items() if state == "undo failed"}
    for node in owed - case.no_undo:
        begun = now[node] == "undoing"
        calls[node], through = _undo(case, node, seen, begun)
        if node in lost:
            calls[node], through = 0, False
        if not through:
            wrong.add(node)
    reached = owed
    if case.stop and wrong:  # the whole batch was begun together
        assert (case.eager, case.max_parallel, case.order) == (False, None, None)
        reached = {n for n in owed if case.depth(n) >= max(map(case.depth, wrong))}
        wrong -= owed - reached
    names = {
        "done": "SUCCEEDED",
        "failed": "FAILED",
        "undone": "ROLLED_BACK",
        "undo failed": "ROLLBACK_FAILED",
    }
    states = {n: names.get(now[n], "") if n in now else "ABANDONED" for n in case.parents}
    states |= dict.fromkeys(reached, "ROLLED_BACK") | dict.fromkeys(wrong, "ROLLBACK_FAILED")
    states |= dict.fromkeys(reached & case.no_undo - case.no_effect, "KEPT")
    harmless = case.no_effect if case.rollback_failed else {*case.parents}
    left = {n for n, state in states.items() if state in ("SUCCEEDED", "KEPT", "ROLLBACK_FAILED")}
    left |= {n for n, state in states.items() if state == "FAILED"} - harmless
    undos = Counter({n: calls[n] for n in reached if calls[n]})
    return End(states, "ROLLBACK_INCOMPLETE" if left else "ROLLED_BACK", undos)


def _past_the_pivot(case: Case, seen: Seen, now: dict[str, str]) -> End:
    """Give where it stands: where it is, or at its save point if it goes back there, or is on the way."""
    assert not case.undo_fails | case.no_undo
    through = {node for node, state in now.items() if state == "done"}
    undos: Counter[str] = Counter()
    for node, times in case.save_points.items():
        saved = {one for one in case.parents if case.depth(one) <= case.depth(node)}
        turns = {"failed", "undoing"} & {*now.values()}
        if turns and saved <= through and max(seen.redone.values()) < times:
            undos = Counter({one for one in now.keys() - saved if now[one] in ("done", "failed")})
            now = now | dict.fromkeys(now.keys() - saved, "undone")
    words = {"done": "SUCCEEDED", "failed": "FAILED", "undone": "ROLLED_BACK"}
    return End({n: words[now[n]] if n in now else "PENDING" for n in case.parents}, "RUNNING", undos)


def _undo(case: Case, node: str, seen: Seen, begun: bool) -> tuple[int, bool]:
    """Give how often the rollback is still called, and whether it comes through in the end."""
    nth, tries, calls = seen.undid[node], seen.tries[node], 0
    if not begun:
        nth, tries, calls = nth + 1, tries + 1, 1
    while case.undo_fails_at(node, nth):
        if tries > case.undo_retries.get(node, 0):
            return calls, False
        nth, tries, calls = nth + 1, tries + 1, calls + 1
    return calls, True
