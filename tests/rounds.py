"""What a saga with retries, pivots and save points does, round by round: sets that share no code with it.

A round ends where the run has gone back to a save point, and the next one begins. Where the rules leave a
choice (who had started, and been tried how often, when the first action failed for good), the run's own
choice is handed in, and checked.

A mark is ("do+", x, 2) and the like: the second call of x begins.

A process may have ended in the middle of a call: then nobody knows how that call ended. Which calls those
were, which ones a cancel cut short, and what a person decided, is handed in too.
"""

from collections import Counter
from dataclasses import dataclass, field

from model import Saga

EVER = 10**9


@dataclass(frozen=True)
class Policies:
    retries: dict = field(default_factory=dict)
    undo_retries: dict = field(default_factory=dict)
    flaky: dict = field(default_factory=dict)  # how many of its first calls fail
    undo_flaky: dict = field(default_factory=dict)
    pivots: frozenset = frozenset()
    save_points: dict = field(default_factory=dict)  # how often the run may come back to each
    otherwise: frozenset = frozenset()  # for these rollback_failed is the other way round
    order: str | None = None
    idempotent: frozenset = frozenset()


@dataclass
class Round:
    """What a run has chosen: the calls of each action, who was settled, and in which order they had ended.

    A call is told by its action and its number in the round, from 1.
    """

    calls: dict
    settled: set
    ended: list
    lost: set = field(default_factory=set)  # calls of actions that ended with their process
    undo_lost: set = field(default_factory=set)
    cut: set = field(default_factory=set)  # calls that a cancel stopped, or came before
    by_hand: set = field(default_factory=set)  # calls that a person asked for
    skipped: set = field(default_factory=set)  # actions that a person gave a value for
    asked: bool = False  # a person turned the run back
    paused: bool = False  # failures wait for a person


class Rounds:
    """Follow the rounds of a run; then `states`, `state`, `did`, `undid` and `order` are what must be."""

    def __init__(self, saga: Saga, policies: Policies, rounds: list, *, free: bool) -> None:
        self.saga, self.policies = saga, policies
        self.nodes = set(saga.parents)
        self.depth = {node: saga.depth(node) for node in saga.parents}
        self.free = free or saga.eager  # who had started is up to the run
        self.tries: dict = {}
        for node, times in policies.save_points.items():
            self.tries[self.depth[node]] = max(times, self.tries.get(self.depth[node], 0))
        self.did, self.undid = Counter(), Counter()  # calls, also those that a planted failure prevented
        self.states = dict.fromkeys(self.nodes, "PENDING")
        self.done: set = set()
        self.skipped: set = set()
        self.doubtful: set = set()  # a call of theirs was lost, and none has worked since
        self.order: set = set()
        self.state = "RUNNING"
        for number, one in enumerate(rounds):
            assert self.state == "RUNNING", f"round {number + 1}, and the run is {self.state}"
            self._play(one)

    # ------------------------------------------------------------------------- forward

    def _play(self, one):
        calls = {node: count for node, count in one.calls.items() if count}
        assert not calls.keys() & self.done, "what is done is not done again"
        fates = {node: self._fate(one, node, count) for node, count in calls.items()}
        last_failing = {n for n, fate in fates.items() if fate != "SUCCEEDED"} - one.skipped
        self.failed = last_failing
        self.doubtful |= {node for node, _ in one.lost if fates.get(node) != "SUCCEEDED"}
        worked = calls.keys() - last_failing
        for node, count in calls.items():
            for nth in range(1, count):
                self._check_again(one, node, nth)
        for_good = {node for node in last_failing if not self._may_again(one, node, calls[node])}
        through = self.done | worked
        self._check_started(calls.keys(), through, last_failing, one.asked)
        assert for_good or not last_failing or one.asked, "not tried again for no reason"
        if self.done & self.policies.pivots and not self._points(through, {}):
            assert for_good == last_failing, (
                "past the pivot a sibling's failure keeps nobody from his retries"
            )
        marks = {n: [(n, self.did[n] + nth) for nth in range(1, calls[n] + 1)] for n in calls}
        self.did.update(calls)
        for node in calls:
            for before in self._before(node) & through:
                self.order.add((("do-", before, self.did[before]), ("do+", *marks[node][0])))
            for bad in for_good - {node}:  # after a failure nothing starts; nor again, unless past the pivot
                again = one.paused or through & self.policies.pivots
                new = marks[node][:1] if again else marks[node]
                self.order |= {(("do+", *mark), ("do-", *marks[bad][-1])) for mark in new}
        self.states |= dict.fromkeys(worked, "SUCCEEDED") | {node: fates[node] for node in last_failing}
        self.skipped = {node for node in self.skipped | one.skipped if self.states[node] == "SUCCEEDED"}
        past = through & self.policies.pivots
        if not last_failing and not one.asked:
            self.done, self.state = through, "SUCCEEDED"
            return
        points = set() if one.asked else self._points(through, self.states)
        ends = {("do-", *marks[node][-1]) for node in calls}
        if points:
            depth = max(points)
            self._go_back({n for n in self.nodes if self.depth[n] > depth}, one, ends, depth, past)
        elif past or (one.paused and not one.asked):
            self.done = through
        else:
            self._go_back(self.nodes, one, ends)

    def _fate(self, one, node, nth):
        if (node, nth) in one.lost:
            return "UNKNOWN"
        failing = node in self.saga.fails or self.did[node] + nth <= self.policies.flaky.get(node, 0)
        return "FAILED" if failing or (node, nth) in one.cut else "SUCCEEDED"

    def _may_again(self, one, node, nth):
        """Whether a call that did not work is made again of itself."""
        if (node, nth) in one.lost:
            return node in self.policies.idempotent
        failed = nth - sum((node, earlier) in one.lost for earlier in range(1, nth))
        return failed <= self.policies.retries.get(node, 0) and (node, nth) not in one.cut

    def _check_again(self, one, node, nth):
        assert self._fate(one, node, nth) != "SUCCEEDED", f"{node} had worked, and was tried again"
        if (node, nth + 1) not in one.by_hand:
            assert self._may_again(one, node, nth), f"{node} was tried once too often"

    def _before(self, node):
        if self.saga.eager:
            return set(self.saga.parents[node])
        return {other for other in self.nodes if self.depth[other] < self.depth[node]}

    def _check_started(self, started, through, failing, asked):
        assert all(self._before(node) <= through for node in started), "started too early"
        if asked:
            return
        if not failing:
            assert started | self.done == self.nodes, "stopped for no reason"
        elif not self.free:
            front = min(self.depth[node] for node in failing)
            assert started | self.done >= {n for n in self.nodes if self.depth[n] <= front}

    # ---------------------------------------------------------------------------- back

    def _undoes_failed(self, node):
        return self.saga.rollback_failed != (node in self.policies.otherwise) or node in self.doubtful

    def _points(self, through, states):
        found = set()
        for depth, tries in self.tries.items():
            saved = {node for node in self.nodes if self.depth[node] <= depth}
            since = self.nodes - saved
            kept = {
                n
                for n in since & self.saga.no_undo - self.saga.no_effect
                if states.get(n) in ("SUCCEEDED", "UNKNOWN")
            }
            kept |= {
                n
                for n in since & self.saga.no_undo - self.saga.no_effect
                if states.get(n) == "FAILED" and self._undoes_failed(n)
            }
            if tries and saved <= through and not since & through & self.policies.pivots and not kept:
                found.add(depth)
        return found

    def _go_back(self, since, one, ends, depth=None, past=frozenset()):
        """Undo what was done since then, and go forward again; or to the start, if that fails."""
        owed = first = self._owed(since)
        wrong = self._wrong(one, owed)
        if depth is not None and wrong and not past:
            owed = owed | self._owed(self.nodes)  # from there the rollback goes on to the start
            wrong = self._wrong(one, owed)
            since, depth = self.nodes, None
        reached = one.settled if self.saga.stop and wrong else owed
        assert one.settled == reached, f"settled: {sorted(one.settled)}, and the model says {sorted(reached)}"
        assert reached <= owed
        wrong &= reached
        assert wrong or reached == owed, "stopped for no reason"
        undone = reached - self.saga.no_undo
        marks = {
            n: [(n, self.undid[n] + nth) for nth in range(1, self._undo_calls(one, n)[0] + 1)] for n in undone
        }
        self.undid.update({node: len(marks[node]) for node in undone})
        assert not one.undo_lost - {(n, nth) for n in undone for nth in range(1, len(marks[n]) + 1)}
        self.order |= {(end, ("undo+", *marks[node][0])) for end in ends for node in undone}
        for a in undone:
            for b in undone:
                if a in first and b not in first:
                    continue
                if (b in first and a not in first) or self._is_undone_first(b, a, one.ended):
                    self.order.add((("undo-", *marks[b][-1]), ("undo+", *marks[a][0])))
        if self.saga.stop:
            for bad in wrong:
                self.order |= {(("undo+", *marks[n][0]), ("undo-", *marks[bad][-1])) for n in undone}
        self.states |= dict.fromkeys(reached, "ROLLED_BACK") | dict.fromkeys(wrong, "ROLLBACK_FAILED")
        self.states |= dict.fromkeys(reached & self.saga.no_undo - self.saga.no_effect, "KEPT")
        if depth is not None and past and wrong:
            self.state = "RECOVERING"
        elif depth is not None:
            self.tries[depth] -= 1
            self.done = self.nodes - since
            self.doubtful &= self.done
        else:
            pending = {node for node in self.nodes if self.states[node] == "PENDING"}
            self.states |= dict.fromkeys(pending, "ABANDONED")
            self.state = "ROLLBACK_INCOMPLETE" if self._left() else "ROLLED_BACK"

    def _owed(self, nodes):
        done = {node for node in nodes if self.states[node] == "SUCCEEDED"}
        done -= {node for node in self.skipped if not self._undoes_failed(node)}
        failed = {n for n in nodes if self.states[n] == "FAILED" and self._undoes_failed(n)}
        unknown = {node for node in nodes if self.states[node] == "UNKNOWN"}
        return done | ((failed | unknown) - self.saga.no_undo)

    def _undo_calls(self, one, node):
        """(how often the rollback is called, whether it failed for good)"""
        nth = 0
        while True:
            nth += 1
            if (node, nth) in one.undo_lost:
                continue  # it is always called again
            flaky = self.undid[node] + nth <= self.policies.undo_flaky.get(node, 0)
            if not flaky and node not in self.saga.undo_fails:
                return nth, False
            failed = nth - sum((node, earlier) in one.undo_lost for earlier in range(1, nth))
            if failed > self.policies.undo_retries.get(node, 0):
                return nth, True

    def _wrong(self, one, owed):
        return {node for node in owed - self.saga.no_undo if self._undo_calls(one, node)[1]}

    def _is_undone_first(self, one, other, ended):
        order = self.policies.order or ("graph" if self.saga.eager else "batches")
        if order == "completion":
            return ended.index(one) > ended.index(other)
        if order == "graph":
            return other in self._ancestors(one)
        return self.depth[one] > self.depth[other]

    def _ancestors(self, node):
        return {node for parent in self.saga.parents[node] for node in {parent} | self._ancestors(parent)}

    def _left(self):
        left = {n for n, state in self.states.items() if state in ("SUCCEEDED", "KEPT", "ROLLBACK_FAILED")}
        left -= {
            node
            for node in self.skipped
            if self.states[node] == "SUCCEEDED" and not self._undoes_failed(node)
        }
        failed = {n for n, state in self.states.items() if state == "FAILED" and self._undoes_failed(n)}
        unknown = {node for node, state in self.states.items() if state == "UNKNOWN"}
        return left | ((failed | unknown) - self.saga.no_effect)
