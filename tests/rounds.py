"""What a saga with retries, pivots and save points does, round by round: sets that share no code with it.

A round ends where the run has gone back to a save point, and the next one begins. Where the rules leave a
choice (who had started, and been tried how often, when the first action failed for good), the run's own
choice is handed in, and checked.

A mark is ("do+", x, 2) and the like: the second call of x begins.
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


@dataclass
class Round:
    """What a run has chosen: the calls of each action, who was settled, and in which order they had ended."""

    calls: dict
    settled: set
    ended: list


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
        self.order: set = set()
        self.state = "RUNNING"
        for number, one in enumerate(rounds):
            assert self.state == "RUNNING", f"round {number + 1}, and the run is {self.state}"
            self._play(one)

    # ------------------------------------------------------------------------- forward

    def _play(self, one):
        calls = {node: count for node, count in one.calls.items() if count}
        assert not calls.keys() & self.done, "what is done is not done again"
        last_failing = self.failed = {node for node in calls if self._works(node, calls[node]) is False}
        worked = calls.keys() - last_failing
        for node, count in calls.items():
            assert not any(self._works(node, nth) for nth in range(1, count)), (
                f"{node} had worked, and was tried again"
            )
            assert count <= 1 + self.policies.retries.get(node, 0), f"{node} was tried once too often"
        for_good = {n for n in last_failing if calls[n] == 1 + self.policies.retries.get(n, 0)}
        through = self.done | worked
        self._check_started(calls.keys(), through, last_failing)
        assert for_good or not last_failing, "not tried again for no reason"
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
                new = marks[node][:1] if through & self.policies.pivots else marks[node]
                self.order |= {(("do+", *mark), ("do-", *marks[bad][-1])) for mark in new}
        self.states |= dict.fromkeys(worked, "SUCCEEDED") | dict.fromkeys(last_failing, "FAILED")
        past = through & self.policies.pivots
        if not last_failing:
            self.done, self.state = through, "SUCCEEDED"
            return
        points = self._points(through, self.states)
        ends = {("do-", *marks[node][-1]) for node in calls}
        if points:
            depth = max(points)
            self._go_back({n for n in self.nodes if self.depth[n] > depth}, one, ends, depth, past)
        elif past:
            self.done = through
        else:
            self._go_back(self.nodes, one, ends)

    def _works(self, node, nth):
        return node not in self.saga.fails and self.did[node] + nth > self.policies.flaky.get(node, 0)

    def _before(self, node):
        if self.saga.eager:
            return set(self.saga.parents[node])
        return {other for other in self.nodes if self.depth[other] < self.depth[node]}

    def _check_started(self, started, through, failing):
        assert all(self._before(node) <= through for node in started), "started too early"
        if not failing:
            assert started | self.done == self.nodes, "stopped for no reason"
        elif not self.free:
            front = min(self.depth[node] for node in failing)
            assert started | self.done >= {n for n in self.nodes if self.depth[n] <= front}

    # ---------------------------------------------------------------------------- back

    def _undoes_failed(self, node):
        return self.saga.rollback_failed != (node in self.policies.otherwise)

    def _points(self, through, states):
        found = set()
        for depth, tries in self.tries.items():
            saved = {node for node in self.nodes if self.depth[node] <= depth}
            since = self.nodes - saved
            kept = {
                n for n in since & self.saga.no_undo - self.saga.no_effect if states.get(n) == "SUCCEEDED"
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
        wrong = self._wrong(owed)
        if depth is not None and wrong and not past:
            owed = owed | self._owed(self.nodes)  # from there the rollback goes on to the start
            wrong = self._wrong(owed)
            since, depth = self.nodes, None
        reached = one.settled if self.saga.stop and wrong else owed
        assert one.settled == reached, f"settled: {sorted(one.settled)}, and the model says {sorted(reached)}"
        assert reached <= owed
        wrong &= reached
        assert wrong or reached == owed, "stopped for no reason"
        undone = reached - self.saga.no_undo
        marks = {n: [(n, self.undid[n] + nth) for nth in range(1, self._undo_calls(n) + 1)] for n in undone}
        self.undid.update({node: len(marks[node]) for node in undone})
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
        else:
            pending = {node for node in self.nodes if self.states[node] == "PENDING"}
            self.states |= dict.fromkeys(pending, "ABANDONED")
            self.state = "ROLLBACK_INCOMPLETE" if self._left() else "ROLLED_BACK"

    def _owed(self, nodes):
        done = {node for node in nodes if self.states[node] == "SUCCEEDED"}
        failed = {
            n for n in nodes - self.saga.no_undo if self.states[n] == "FAILED" and self._undoes_failed(n)
        }
        return done | failed

    def _undo_fails(self, node):
        return (
            EVER if node in self.saga.undo_fails else self.policies.undo_flaky.get(node, 0) - self.undid[node]
        )

    def _undo_calls(self, node):
        return min(1 + max(0, self._undo_fails(node)), 1 + self.policies.undo_retries.get(node, 0))

    def _wrong(self, owed):
        return {
            n for n in owed - self.saga.no_undo if self._undo_fails(n) > self.policies.undo_retries.get(n, 0)
        }

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
        failed = {n for n, state in self.states.items() if state == "FAILED"}
        return left | {n for n in failed - self.saga.no_effect if self._undoes_failed(n)}
