"""What a saga does, as sets: the engine's reference, written from the rules alone. Shares no code with it.

A mark is ("do+", x), ("do-", x), ("undo+", x) or ("undo-", x): a call begins, a call ends. Where the rules
leave a choice (what had started when the first action failed), the run's own choice is handed in.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Saga:
    parents: dict[str, tuple[str, ...]]
    fails: frozenset = frozenset()  # the do ends badly
    never_called: frozenset = frozenset()  # those of them that failed before the call
    undo_fails: frozenset = frozenset()
    no_undo: frozenset = frozenset()  # have no rollback
    no_effect: frozenset = frozenset()  # those of them that have nothing to undo
    rollback_failed: bool = True
    stop: bool = False  # on_rollback_error="stop"
    eager: bool = False
    abort_before: int | None = None  # rolled back by request when so many batches are through
    cancel_in: int | None = None  # cancelled while this batch (from 0) runs

    def depth(self, node):
        return max((self.depth(parent) + 1 for parent in self.parents[node]), default=0)


def outcome(saga, started=None, reached=None):
    """(final states, run state, dos called, undos called, pairs of marks in order); None: no witness."""
    nodes, depth = set(saga.parents), {node: saga.depth(node) for node in saga.parents}
    fails = saga.fails | {n for n in nodes if depth[n] == saga.cancel_in}
    if started is None:
        last = min([depth[n] for n in fails], default=len(nodes))
        last = last if saga.abort_before is None else min(last, saga.abort_before - 1)
        started = {n for n in nodes if depth[n] <= last}
    failed = started & fails
    if started == nodes and not failed and saga.abort_before is None:
        order = {(("do-", p), ("do+", n)) for n in nodes for p in saga.parents[n]}
        return dict.fromkeys(nodes, "SUCCEEDED"), "SUCCEEDED", nodes, set(), order
    settles = started - (failed & saga.no_undo if saga.rollback_failed else failed)  # changes, going back
    wrong = (settles - saga.no_undo) & saga.undo_fails
    if reached is None:
        last = max((depth[n] for n in wrong), default=0) if saga.stop else 0
        reached = {n for n in settles if depth[n] >= last}
    undone, wrong = reached - saga.no_undo, wrong & reached
    states = dict.fromkeys(nodes - started, "ABANDONED") | dict.fromkeys(started - failed, "SUCCEEDED")
    states |= dict.fromkeys(failed, "FAILED") | dict.fromkeys(reached, "ROLLED_BACK")
    states |= dict.fromkeys(reached & saga.no_undo - saga.no_effect, "KEPT")
    states |= dict.fromkeys(wrong, "ROLLBACK_FAILED")
    harmless = saga.no_effect if saga.rollback_failed else nodes
    left = {n for n in started if states[n] in ("SUCCEEDED", "KEPT", "ROLLBACK_FAILED")}
    left |= {n for n in failed - harmless if states[n] == "FAILED"}
    ended = "ROLLBACK_INCOMPLETE" if left else "ROLLED_BACK"
    later = {(a, b) for b in nodes for a in (saga.parents[b] if saga.eager else nodes) if depth[a] < depth[b]}
    order = {(("do-", a), ("do+", b)) for a, b in later if b in started}
    order |= {(("undo-", b), ("undo+", a)) for a, b in later if {a, b} <= undone}
    order |= {(("do+", n), ("do-", bad)) for n in started for bad in failed}  # after a failure nothing starts
    order |= {(("do-", n), ("undo+", u)) for n in started for u in undone}  # what runs, finishes first
    order |= {(("undo+", u), ("undo-", bad)) for u in undone for bad in wrong if saga.stop}
    return states, ended, started - saga.never_called, undone, order
