"""The machine by itself: plain functions over events, forward and back, in both schedules."""

import itertools

import pytest
from helpers import DIAMOND, due, machine_of, ready, settle, tell

from daga_nb.core.events import Event
from daga_nb.core.machine import fold
from daga_nb.core.moves import Policy, Undo
from daga_nb.core.states import NodeState, RunState
from daga_nb.errors import IllegalTransition, StoryError

BOTH = pytest.mark.parametrize("schedule", ["batch", "eager"])

# Two chains of unequal length into one end: a -> b -> z, s -> z, with s the straggler.
STRAGGLER = [("a", "b"), ("b", "z"), ("s", "z")]


def through(machine, *names):
    """Let actions start and succeed, one after the other."""
    for name in names:
        tell(machine, f"{name} RUNNING", f"{name} SUCCEEDED")
    return machine


def undone(machine, *names):
    for name in names:
        tell(machine, f"{name} ROLLING_BACK", f"{name} ROLLED_BACK")
    return machine


def snapshot(machine):
    """Give everything that a refused event must leave alone."""
    found = {}
    for name in type(machine).__slots__:
        value = getattr(machine, name)
        if name in ("_front", "_back") and value is not None:
            value = snapshot(value)
        found[name] = value.copy() if isinstance(value, list | dict | set) else value
    return found


def refuses(machine, line, error=IllegalTransition, match=None):
    before = snapshot(machine)
    with pytest.raises(error, match=match):
        tell(machine, line)
    assert snapshot(machine) == before, f"{line} was refused, and has changed something"


# ----------------------------------------------------------------------------- forward


@BOTH
def test_nothing_has_happened_at_first(schedule):
    machine = machine_of(schedule=schedule)
    assert ready(machine) == ["a"]
    assert machine.ready()[:4] == ("forward", 0, (0,), 0)
    assert due(machine) == []
    assert machine.run_state is RunState.READY
    assert machine.states == [NodeState.PENDING] * 4


@BOTH
def test_the_diamond_goes_forward(schedule):
    machine = tell(machine_of(schedule=schedule), "run RUNNING")
    through(machine, "a")
    assert ready(machine) == ["b", "c"]
    tell(machine, "c RUNNING")
    assert ready(machine) == ["b"]
    assert machine.ready().running == 1
    assert due(machine) == []
    tell(machine, "c SUCCEEDED", "b RUNNING")
    assert ready(machine) == []
    tell(machine, "b SUCCEEDED")
    assert ready(machine) == ["d"]
    assert machine.ready().batch == 2
    through(machine, "d")
    assert ready(machine) == []
    assert settle(machine) == ["run SUCCEEDED"]
    assert due(machine) == []
    assert ready(machine) == []


def test_in_batches_one_starts_when_the_one_before_it_is_through():
    machine = tell(machine_of(STRAGGLER, schedule="batch"), "run RUNNING")
    assert ready(machine) == ["a", "s"]
    through(machine, "a")
    assert ready(machine) == ["s"]
    refuses(machine, "b RUNNING", match="not its turn")
    through(machine, "s")
    assert ready(machine) == ["b"]


def test_eagerly_an_action_starts_as_soon_as_its_own_predecessors_are_through():
    machine = tell(machine_of(STRAGGLER, schedule="eager"), "run RUNNING", "s RUNNING")
    through(machine, "a")
    assert machine.ready()[:4] == ("forward", 1, (machine.plan.ids["b"],), 1)
    through(machine, "b")
    assert ready(machine) == []
    refuses(machine, "z RUNNING", match="not its turn")
    tell(machine, "s SUCCEEDED")
    assert ready(machine) == ["z"]


@BOTH
def test_a_limit_bounds_what_is_ready(schedule):
    machine = tell(machine_of(nodes="abcde", schedule=schedule), "run RUNNING")
    assert [ready(machine, limit) for limit in (0, 1, 3, 9)] == [[], ["a"], ["a", "b", "c"], list("abcde")]
    through(machine, "a", "b", "c", "d", "e")
    settle(machine, "by request")
    assert ready(machine, 2) == ["a", "b"]


@BOTH
def test_after_the_first_failure_nothing_new_starts_and_what_runs_finishes(schedule):
    machine = tell(machine_of(nodes="abc", schedule=schedule), "run RUNNING", "a RUNNING", "b RUNNING")
    tell(machine, "a FAILED")
    assert ready(machine) == []
    assert due(machine) == []
    refuses(machine, "c RUNNING", match="not its turn")
    refuses(machine, "run ROLLING_BACK", match="1 actions still running")
    tell(machine, "b SUCCEEDED")
    assert due(machine) == ["run ROLLING_BACK", "c ABANDONED"]
    assert machine.due()[0].reason == "a failed"


@BOTH
def test_the_reason_names_every_action_that_failed_or_was_lost(schedule):
    machine = tell(machine_of(nodes="abc", schedule=schedule), "run RUNNING")
    tell(machine, "c RUNNING", "a RUNNING", "b RUNNING", "c FAILED", "a UNKNOWN", "b FAILED")
    assert machine.due()[0].reason == "c failed, a unknown, b failed"


# -------------------------------------------------------------------------------- back


@BOTH
def test_the_diamond_goes_back_the_failed_one_too(schedule):
    machine = tell(machine_of(schedule=schedule), "run RUNNING")
    tell(through(machine, "a"), "b RUNNING", "c RUNNING", "b FAILED", "c SUCCEEDED")
    assert settle(machine) == ["run ROLLING_BACK", "d ABANDONED"]
    assert machine.ready()[:4] == ("back", 1, (1, 2), 0)
    undone(machine, "c")
    assert ready(machine) == ["b"], "a waits for b"
    refuses(machine, "a ROLLING_BACK", match="not its turn")
    undone(machine, "b")
    assert ready(machine) == ["a"]
    undone(machine, "a")
    assert settle(machine) == ["run ROLLED_BACK"]


@BOTH
def test_rollback_failed_false_leaves_the_failed_one_alone(schedule):
    machine = tell(machine_of(schedule=schedule, rollback_failed=False), "run RUNNING")
    tell(through(machine, "a"), "b RUNNING", "c RUNNING", "b FAILED", "c SUCCEEDED")
    settle(machine)
    assert ready(machine) == ["c"]
    refuses(machine, "b ROLLING_BACK")
    undone(machine, "c", "a")
    assert settle(machine) == ["run ROLLED_BACK"]


def test_back_in_batches_waits_for_the_whole_batch():
    machine = tell(machine_of(STRAGGLER, schedule="batch"), "run RUNNING")
    through(machine, "a", "s", "b")
    tell(machine, "z RUNNING", "z FAILED")
    settle(machine)
    undone(machine, "z")
    assert ready(machine) == ["b"], "s is of the batch before"
    undone(machine, "b")
    assert ready(machine) == ["a", "s"]


def test_back_eagerly_an_action_waits_for_its_own_successors_only():
    machine = tell(machine_of(STRAGGLER, schedule="eager"), "run RUNNING")
    through(machine, "a", "s", "b")
    tell(machine, "z RUNNING", "z FAILED")
    settle(machine)
    undone(machine, "z")
    assert sorted(ready(machine)) == ["b", "s"]
    assert machine.ready().batch == 1
    undone(machine, "s")
    refuses(machine, "a ROLLING_BACK")
    undone(machine, "b", "a")
    assert settle(machine) == ["run ROLLED_BACK"]


def test_eagerly_a_straggler_that_fails_takes_the_others_back_after_it_is_drained():
    machine = tell(machine_of([*STRAGGLER, ("b", "y")], schedule="eager"), "run RUNNING", "s RUNNING")
    through(machine, "a", "b")
    tell(machine, "y RUNNING", "s FAILED")
    assert due(machine) == []
    tell(machine, "y SUCCEEDED")
    assert settle(machine) == ["run ROLLING_BACK", "z ABANDONED"]
    assert sorted(ready(machine)) == ["s", "y"]
    undone(machine, "y", "b", "a", "s")
    assert settle(machine) == ["run ROLLED_BACK"]


@BOTH
def test_a_failed_rollback_does_not_stop_the_others(schedule):
    machine = tell(machine_of([("a", "b")], schedule=schedule), "run RUNNING")
    through(machine, "a", "b")
    settle(machine)
    settle(machine, "by request")
    tell(machine, "b ROLLING_BACK", "b ROLLBACK_FAILED")
    assert ready(machine) == ["a"]
    undone(machine, "a")
    assert settle(machine) == ["run ROLLBACK_INCOMPLETE"]


@BOTH
def test_on_rollback_error_stop_stops_the_others_once_those_under_way_are_through(schedule):
    machine = machine_of([("a", "b"), ("a", "c")], schedule=schedule, on_rollback_error="stop")
    through(tell(machine, "run RUNNING"), "a", "b", "c")
    settle(machine)
    settle(machine, "by request")
    tell(machine, "b ROLLING_BACK", "c ROLLING_BACK", "b ROLLBACK_FAILED")
    assert ready(machine) == []
    assert due(machine) == []
    tell(machine, "c ROLLED_BACK")
    assert ready(machine) == []
    refuses(machine, "a ROLLING_BACK")
    assert settle(machine) == ["run ROLLBACK_INCOMPLETE"]
    assert machine.states[0] is NodeState.SUCCEEDED


@BOTH
def test_without_a_rollback_an_action_is_kept_and_nothing_else_is_allowed(schedule):
    machine = tell(machine_of(nodes="a", schedule=schedule, undo={"a": Undo.MISSING}), "run RUNNING")
    through(machine, "a")
    settle(machine, "by request")
    settle(machine, "by request")
    assert ready(machine) == ["a"]
    refuses(machine, "a ROLLING_BACK", match="not its turn")
    refuses(machine, "a ROLLED_BACK", match="not its turn")
    tell(machine, "a KEPT")
    assert settle(machine) == ["run ROLLBACK_INCOMPLETE"]


@BOTH
def test_without_an_effect_an_action_is_rolled_back_without_a_call(schedule):
    machine = tell(machine_of(nodes="a", schedule=schedule, undo={"a": Undo.NOTHING}), "run RUNNING")
    through(machine, "a")
    settle(machine, "by request")
    refuses(machine, "a ROLLING_BACK")
    refuses(machine, "a KEPT")
    tell(machine, "a ROLLED_BACK")
    assert settle(machine) == ["run ROLLED_BACK"]


@BOTH
def test_with_a_rollback_an_action_is_neither_kept_nor_rolled_back_without_the_call(schedule):
    machine = through(tell(machine_of(nodes="a", schedule=schedule), "run RUNNING"), "a")
    settle(machine, "by request")
    refuses(machine, "a KEPT")
    refuses(machine, "a ROLLED_BACK")


@pytest.mark.parametrize(
    ("outcome", "undo", "rollback_failed", "owed", "end"),
    [
        ("FAILED", Undo.CALL, True, ["a"], "ROLLED_BACK"),
        ("FAILED", Undo.CALL, False, [], "ROLLED_BACK"),
        ("FAILED", Undo.NOTHING, True, [], "ROLLED_BACK"),
        ("FAILED", Undo.NOTHING, False, [], "ROLLED_BACK"),
        ("FAILED", Undo.MISSING, True, [], "ROLLBACK_INCOMPLETE"),
        ("FAILED", Undo.MISSING, False, [], "ROLLED_BACK"),
        ("UNKNOWN", Undo.CALL, True, ["a"], "ROLLED_BACK"),
        ("UNKNOWN", Undo.CALL, False, ["a"], "ROLLED_BACK"),
        ("UNKNOWN", Undo.NOTHING, True, [], "ROLLED_BACK"),
        ("UNKNOWN", Undo.NOTHING, False, [], "ROLLED_BACK"),
        ("UNKNOWN", Undo.MISSING, True, [], "ROLLBACK_INCOMPLETE"),
        ("UNKNOWN", Undo.MISSING, False, [], "ROLLBACK_INCOMPLETE"),
    ],
)
@BOTH
def test_what_becomes_of_one_that_did_not_succeed(schedule, outcome, undo, rollback_failed, owed, end):
    machine = machine_of(nodes="a", schedule=schedule, undo={"a": undo}, rollback_failed=rollback_failed)
    tell(machine, "run RUNNING", "a RUNNING", f"a {outcome}")
    assert settle(machine) == ["run ROLLING_BACK"]
    assert ready(machine) == owed
    undone(machine, *owed)
    assert settle(machine) == [f"run {end}"]


@BOTH
def test_an_abort_before_anything_ran_abandons_everything(schedule):
    machine = machine_of(schedule=schedule)
    assert settle(machine, "by request") == ["run ROLLING_BACK", *(f"{name} ABANDONED" for name in "abcd")]
    assert machine.events[0].reason == ""
    assert machine.ready().direction is None
    assert settle(machine) == ["run ROLLED_BACK"]


@BOTH
def test_an_abort_waits_for_what_runs(schedule):
    machine = tell(machine_of(nodes="ab", schedule=schedule), "run RUNNING", "a RUNNING")
    assert due(machine, "by request") == []
    tell(machine, "a SUCCEEDED")
    assert due(machine, "by request") == ["run ROLLING_BACK", "b ABANDONED"]
    assert machine.due("by request")[0].reason == "by request"


@BOTH
def test_a_run_that_succeeded_goes_back_by_request_only(schedule):
    machine = through(tell(machine_of([("a", "b")], schedule=schedule), "run RUNNING"), "a", "b")
    settle(machine)
    assert due(machine) == []
    assert settle(machine, "by request") == ["run ROLLING_BACK"]
    undone(machine, "b", "a")
    assert settle(machine) == ["run ROLLED_BACK"]
    assert due(machine, "again") == []


# ------------------------------------------------------------- what is out of its turn


@BOTH
def test_out_of_turn_forward(schedule):
    machine = machine_of(schedule=schedule)
    refuses(machine, "a RUNNING", match="not its turn")
    tell(machine, "run RUNNING")
    refuses(machine, "b RUNNING", match="not its turn")
    refuses(machine, "a SUCCEEDED")
    refuses(machine, "a ABANDONED", match="not rolling back")
    through(machine, "a")
    refuses(machine, "a ROLLING_BACK", match="not its turn")
    refuses(machine, "a ROLLED_BACK", match="not its turn")
    refuses(machine, "a KEPT", match="not its turn")


@BOTH
def test_a_run_has_not_succeeded_before_every_action_has(schedule):
    machine = tell(machine_of([("a", "b"), ("s", "b")], schedule=schedule), "run RUNNING")
    refuses(machine, "run SUCCEEDED", match="not its turn")
    through(machine, "a")
    refuses(machine, "run SUCCEEDED", match="not its turn")
    through(machine, "s")
    refuses(machine, "run SUCCEEDED", match="not its turn")
    tell(machine, "b RUNNING")
    refuses(machine, "run SUCCEEDED", match="still running")
    tell(machine, "b FAILED")
    refuses(machine, "run SUCCEEDED", match="not its turn")
    settle(machine)


@BOTH
def test_a_rollback_is_not_over_before_it_is(schedule):
    machine = through(tell(machine_of([("a", "b"), ("b", "c")], schedule=schedule), "run RUNNING"), "a", "b")
    tell(machine, "run ROLLING_BACK")
    refuses(machine, "run ROLLED_BACK", match="not its turn")
    tell(machine, "c ABANDONED")
    refuses(machine, "run ROLLED_BACK", match="not its turn")
    undone(machine, "b")
    refuses(machine, "run ROLLBACK_INCOMPLETE", match="not its turn")
    tell(machine, "a ROLLING_BACK")
    refuses(machine, "run ROLLED_BACK", match="still running")
    tell(machine, "a ROLLBACK_FAILED")
    refuses(machine, "run ROLLED_BACK", match="not its turn")
    tell(machine, "run ROLLBACK_INCOMPLETE")


def test_a_story_that_is_clean_does_not_end_dirty():
    machine = tell(machine_of(nodes="a"), "run ROLLING_BACK", "a ABANDONED")
    refuses(machine, "run ROLLBACK_INCOMPLETE", match="not its turn")


@pytest.mark.parametrize("seq", [0, 1, 3, -1, 10**30])
def test_a_gap_in_the_sequence_is_refused(seq):
    machine = tell(machine_of(), "run RUNNING")
    before = snapshot(machine)
    with pytest.raises(StoryError, match=f"event {seq} does not follow event 1"):
        machine.apply(Event(seq, 0.0, "a", NodeState.RUNNING))
    assert snapshot(machine) == before


@pytest.mark.parametrize("name", ["x", "", "A", "a "])
def test_an_unknown_action_is_refused(name):
    machine = tell(machine_of(), "run RUNNING")
    before = snapshot(machine)
    with pytest.raises(StoryError, match="the plan has no action"):
        machine.apply(Event(2, 0.0, name, NodeState.RUNNING))
    assert snapshot(machine) == before


def test_an_illegal_move_carries_the_story_of_its_node_alone():
    machine = through(tell(machine_of(), "run RUNNING"), "a", "b")
    with pytest.raises(IllegalTransition) as refused:
        tell(machine, "a RUNNING")
    assert [str(event) for event in refused.value.story] == ["a RUNNING", "a SUCCEEDED"]
    assert str(refused.value) == ("a cannot go from SUCCEEDED to RUNNING. Its story: a RUNNING; a SUCCEEDED")


# --------------------------------------------------------------------------- the fold


def to_the_end(machine):
    """Carry a machine on to its end, every action and rollback going well; give the lines."""
    lines = []
    while True:
        changed = settle(machine)
        lines += changed
        names = ready(machine)
        if not names and not changed:
            return lines
        if machine.run_state is RunState.READY:
            lines.append("run RUNNING")
            tell(machine, "run RUNNING")
        for name in names:
            node = machine.plan.ids[name]
            if machine.ready().direction == "forward":
                new = [f"{name} RUNNING", f"{name} SUCCEEDED"]
            elif machine.undo[node] is Undo.CALL:
                new = [f"{name} ROLLING_BACK", f"{name} ROLLED_BACK"]
            else:
                new = [f"{name} {'KEPT' if machine.undo[node] is Undo.MISSING else 'ROLLED_BACK'}"]
            tell(machine, *new)
            lines += new


GOOD = ["run RUNNING", "a RUNNING", "a SUCCEEDED", "b RUNNING", "c RUNNING", "c SUCCEEDED", "b SUCCEEDED"]
GOOD += ["d RUNNING", "d SUCCEEDED", "run SUCCEEDED"]
BAD = ["run RUNNING", "a RUNNING", "a SUCCEEDED", "b RUNNING", "c RUNNING", "b FAILED", "c SUCCEEDED"]
BAD += ["run ROLLING_BACK", "d ABANDONED", "c ROLLING_BACK", "b ROLLING_BACK", "b ROLLBACK_FAILED"]
BAD += ["c ROLLED_BACK", "a ROLLING_BACK", "a ROLLED_BACK", "run ROLLBACK_INCOMPLETE"]
EARLY = ["run ROLLING_BACK", "a ABANDONED", "b ABANDONED", "c ABANDONED", "d ABANDONED", "run ROLLED_BACK"]


@BOTH
@pytest.mark.parametrize("lines", [GOOD, BAD, EARLY])
def test_the_fold_of_a_shorter_story_is_the_machine_as_it_stood(schedule, lines):
    live = machine_of(schedule=schedule)
    stood = [snapshot(live)]
    for line in lines:
        tell(live, line)
        stood.append(snapshot(live))
    for length in range(len(lines) + 1):
        folded = fold(live.plan, live.undo, live.events[:length], Policy(schedule))
        assert snapshot(folded) == stood[length], f"after {length} events"


@BOTH
@pytest.mark.parametrize("lines", [GOOD, BAD, EARLY])
def test_a_story_that_was_cut_off_anywhere_can_be_carried_on_to_a_proper_end(schedule, lines):
    for length in range(len(lines) + 1):
        machine = tell(machine_of(schedule=schedule), *lines[:length])
        for name, state in zip(machine.plan.names, list(machine.states), strict=True):
            if state is NodeState.RUNNING:
                tell(machine, f"{name} UNKNOWN")
            elif state is NodeState.ROLLING_BACK:
                tell(machine, f"{name} ROLLBACK_FAILED")
        to_the_end(machine)
        assert machine.run_state.ended, lines[:length]
        if machine.run_state is not RunState.SUCCEEDED:
            left = [name for name, state in zip("abcd", machine.states, strict=True) if state.word in LIVE]
            assert left == [], f"{left} not settled, cut off after {lines[:length]}"


LIVE = ("pending", "running", "succeeded", "rolling back")


@pytest.mark.parametrize("cut", range(1, len(BAD)))
def test_a_fold_refuses_a_story_with_one_event_missing(cut):
    machine = tell(machine_of(), *BAD)
    events = [*machine.events[: cut - 1], *machine.events[cut:]]
    with pytest.raises(StoryError, match="does not follow"):
        fold(machine.plan, machine.undo, events)


def test_every_order_of_two_actions_of_a_batch_ends_alike():
    starts = [("b RUNNING", "b SUCCEEDED"), ("c RUNNING", "c SUCCEEDED")]
    ends = set()
    for order in set(itertools.permutations([0, 0, 1, 1])):
        at = [iter(starts[0]), iter(starts[1])]
        machine = through(tell(machine_of(), "run RUNNING"), "a")
        tell(machine, *(next(at[which]) for which in order))
        ends.add((tuple(machine.states), machine.ready()))
    assert len(ends) == 1


@BOTH
def test_a_deep_chain_and_a_wide_batch_go_there_and_back(schedule):
    chain = [(str(number), str(number + 1)) for number in range(300)]
    for edges, nodes in ((chain, ""), ([], [str(number) for number in range(300)])):
        machine = machine_of(edges, nodes=nodes, schedule=schedule)
        to_the_end(machine)
        assert machine.run_state is RunState.SUCCEEDED
        settle(machine, "by request")
        back = to_the_end(machine)
        assert machine.run_state is RunState.ROLLED_BACK
        if edges:
            undone_ones = [line.split()[0] for line in back if line.endswith("ROLLED_BACK")]
            assert undone_ones == [*(str(number) for number in range(300, -1, -1)), "run"]


def test_the_order_of_the_nodes_is_that_of_the_plan():
    assert machine_of(DIAMOND).plan.names == ("a", "b", "c", "d")


# ------------------------------------------------------- tried again, skipped, inherited


@BOTH
def test_what_failed_is_tried_again_as_a_new_attempt(schedule):
    machine = tell(machine_of(schedule=schedule), "run RUNNING")
    through(machine, "a")
    tell(machine, "b RUNNING", "c RUNNING", "c SUCCEEDED", "b FAILED")
    assert machine.failures == [machine.plan.ids["b"]]
    assert ready(machine) == []
    assert machine.due(undecided=True) == []
    tell(machine, "b RUNNING")
    assert machine.failures == []
    tell(machine, "b SUCCEEDED")
    assert [event.attempt for event in machine.events if event.node == "b"] == [1, 1, 2, 2]
    assert ready(machine) == ["d"]
    assert [machine.attempts(machine.plan.ids[name], "forward") for name in "ab"] == [1, 2]


def test_an_event_of_another_attempt_is_refused():
    machine = tell(machine_of(nodes="x"), "run RUNNING", "x RUNNING", "x FAILED")
    for attempt in (1, 3):
        with pytest.raises(StoryError, match=f"this is attempt 2, not {attempt}"):
            machine.apply(Event(4, 0.0, "x", NodeState.RUNNING, attempt))
    machine.apply(Event(4, 0.0, "x", NodeState.RUNNING, 2))


@BOTH
def test_a_skipped_action_opens_the_way(schedule):
    machine = tell(machine_of(schedule=schedule), "run RUNNING")
    through(machine, "a", "b")
    tell(machine, "c RUNNING", "c FAILED", "c SUCCEEDED")
    assert machine.skipped == {machine.plan.ids["c"]}
    assert ready(machine) == ["d"]
    through(machine, "d")
    assert due(machine) == ["run SUCCEEDED"]


def test_once_the_run_has_turned_back_nothing_is_tried_again_or_skipped():
    machine = tell(machine_of(nodes="x"), "run RUNNING", "x RUNNING", "x FAILED", "run ROLLING_BACK")
    refuses(machine, "x RUNNING", match=r"FAILED \(it is not to be decided\)")
    refuses(machine, "x SUCCEEDED", match=r"FAILED \(it is not to be decided\)")


def test_the_run_does_not_succeed_while_something_has_failed():
    machine = tell(machine_of(nodes="x"), "run RUNNING", "x RUNNING", "x FAILED")
    assert machine.due(undecided=True) == []
    assert [change.state for change in machine.due()] == ["ROLLING_BACK"]
    refuses(machine, "run SUCCEEDED")


@BOTH
def test_nothing_goes_back_while_a_rollback_is_tried_again(schedule):
    machine = tell(machine_of([("a", "b")], schedule=schedule), "run RUNNING")
    through(machine, "a", "b")
    tell(machine, "run ROLLING_BACK", "b ROLLING_BACK", "b ROLLBACK_FAILED")
    assert ready(machine) == ["a"]
    tell(machine, "b ROLLING_BACK")
    assert ready(machine) == []
    refuses(machine, "a ROLLING_BACK", match="not its turn")
    tell(machine, "b ROLLED_BACK")
    assert ready(machine) == ["a"]
    undone(machine, "a")
    assert due(machine) == ["run ROLLED_BACK"]
    assert [event.attempt for event in machine.events if event.node == "b"][-4:] == [1, 1, 2, 2]
    assert machine.attempts(machine.plan.ids["b"], "back") == 2


@BOTH
def test_where_a_failed_rollback_stops_the_others_all_must_be_mended_first(schedule):
    machine = tell(
        machine_of([("a", "b"), ("a", "c")], schedule=schedule, on_rollback_error="stop"), "run RUNNING"
    )
    through(machine, "a", "b", "c")
    tell(machine, "run ROLLING_BACK", "b ROLLING_BACK", "c ROLLING_BACK")
    tell(machine, "b ROLLBACK_FAILED", "c ROLLBACK_FAILED", "run ROLLBACK_INCOMPLETE")
    refuses(machine, "b ROLLING_BACK", match="the run is not rolling back")
    tell(machine, "run ROLLING_BACK", "b ROLLING_BACK", "b ROLLED_BACK")
    assert ready(machine) == []
    assert due(machine) == ["run ROLLBACK_INCOMPLETE"]
    tell(machine, "c ROLLING_BACK", "c ROLLED_BACK")
    assert ready(machine) == ["a"]
    undone(machine, "a")
    assert due(machine) == ["run ROLLED_BACK"]


@BOTH
def test_what_another_run_has_done_is_inherited_before_the_start_and_never_undone(schedule):
    undo = {"a": Undo.ELSEWHERE, "b": Undo.ELSEWHERE}
    machine = tell(machine_of(schedule=schedule, undo=undo), "a SUCCEEDED", "b SUCCEEDED")
    assert machine.run_state is RunState.READY
    assert ready(machine) == ["c"]
    tell(machine, "run RUNNING")
    refuses(machine, "c SUCCEEDED", match="nothing is inherited but before the start")
    through(machine, "c", "d")
    tell(machine, "run SUCCEEDED", "run ROLLING_BACK")
    undone(machine, "d", "c")
    assert due(machine) == ["run ROLLED_BACK"]
    refuses(machine, "a ROLLING_BACK", match="not its turn")
    assert machine.leftovers() == []


def test_what_is_inherited_comes_in_the_order_of_the_plan():
    machine = machine_of([("a", "b")])
    refuses(machine, "b SUCCEEDED", match="nothing is inherited but before the start")


def test_what_can_be_tried_again():
    machine = tell(machine_of([("a", "b")]), "run RUNNING")
    assert machine.undecided() == []
    through(machine, "a")
    tell(machine, "b RUNNING", "b FAILED")
    assert machine.undecided() == [1]
    tell(machine, "run ROLLING_BACK")
    assert machine.undecided() == []
    tell(machine, "b ROLLING_BACK", "b ROLLBACK_FAILED")
    assert machine.undecided() == [1]
    undone(machine, "a")
    tell(machine, "run ROLLBACK_INCOMPLETE")
    assert machine.undecided() == [1]


# ------------------------------------------------------------------- pivots and save points


LINE = [("a", "b"), ("b", "c")]
THROUGH_B = ["run RUNNING", "a RUNNING", "a SUCCEEDED", "b RUNNING", "b SUCCEEDED"]
C_FAILED = [*THROUGH_B, "c RUNNING", "c FAILED"]


def test_past_a_pivot_nothing_is_due_and_turning_back_is_refused():
    machine = tell(machine_of(LINE, pivots=frozenset({1})), *C_FAILED)
    assert (machine.pivot, machine.may_go_back()) == (1, False)
    assert due(machine) == due(machine, "asked for") == []
    refuses(machine, "run ROLLING_BACK", match="past the pivot 'b'")
    refuses(machine, "run RECOVERING", match="not its turn")
    assert machine.undecided() == [2]


def test_past_a_pivot_not_even_a_run_that_succeeded_turns_back():
    machine = tell(machine_of(LINE, pivots=frozenset({1})), *C_FAILED[:-1], "c SUCCEEDED", "run SUCCEEDED")
    assert due(machine, "asked for") == []
    refuses(machine, "run ROLLING_BACK", match="past the pivot 'b'")


def test_a_run_recovers_only_from_a_failure_and_only_while_there_are_tries():
    machine = tell(machine_of(LINE, save_points=((0, 1),)), *THROUGH_B)
    refuses(machine, "run RECOVERING", match="not its turn")
    tell(machine, "c RUNNING")
    refuses(machine, "run RECOVERING", match="still running")
    tell(machine, "c FAILED", "run RECOVERING", "c ROLLING_BACK", "c ROLLED_BACK")
    tell(machine, "b ROLLING_BACK", "b ROLLED_BACK", "run RUNNING", "b RUNNING", "b FAILED")
    refuses(machine, "run RECOVERING", match="not its turn")
    assert due(machine) == ["run ROLLING_BACK"]


def test_while_it_recovers_a_run_undoes_only_what_came_later_and_starts_nothing():
    machine = tell(machine_of([*LINE, ("c", "d")], save_points=((0, 1),)), *C_FAILED, "run RECOVERING")
    assert machine.saved == 0
    assert ready(machine) == ["c"]
    refuses(machine, "d RUNNING", match="not its turn")
    refuses(machine, "d ABANDONED", match="not rolling back")
    refuses(machine, "c RUNNING", match="not to be decided")
    refuses(machine, "c SUCCEEDED", match="not to be decided")
    refuses(machine, "a ROLLING_BACK", match="not its turn")
    refuses(machine, "b ROLLING_BACK", match="not its turn")
    refuses(machine, "run RUNNING", match="not its turn")
    tell(machine, "c ROLLING_BACK")
    refuses(machine, "run RUNNING", match="still running")
    tell(machine, "c ROLLED_BACK", "b ROLLING_BACK", "b ROLLED_BACK")
    refuses(machine, "a ROLLING_BACK", match="not its turn")
    refuses(machine, "c RUNNING")
    assert settle(machine) == ["run RUNNING"]
    assert (machine.saved, machine.recoveries, ready(machine)) == (None, 1, ["b"])
    refuses(machine, "c RUNNING")


def test_a_run_does_not_go_forward_again_over_what_could_not_be_undone():
    machine = tell(machine_of(LINE, save_points=((0, 1),)), *C_FAILED, "run RECOVERING")
    tell(machine, "c ROLLING_BACK", "c ROLLBACK_FAILED", "b ROLLING_BACK", "b ROLLED_BACK")
    refuses(machine, "run RUNNING", match="not its turn")
    assert settle(machine) == ["run ROLLING_BACK"]
    tell(machine, "a ROLLING_BACK", "a ROLLED_BACK")
    assert settle(machine) == ["run ROLLBACK_INCOMPLETE"]


def test_a_run_in_the_middle_of_a_recovery_is_rolled_back_whole_on_request():
    machine = tell(machine_of(LINE, save_points=((0, 1),)), *C_FAILED, "run RECOVERING")
    assert settle(machine, "asked for") == ["run ROLLING_BACK"]
    tell(machine, "c ROLLING_BACK", "c ROLLED_BACK", "b ROLLING_BACK", "b ROLLED_BACK")
    assert ready(machine) == ["a"]


def test_a_whole_rollback_passes_the_save_points():
    machine = tell(machine_of(LINE, save_points=((0, 1),)), *C_FAILED)
    assert [str(change.state) for change in machine.due()] == ["RECOVERING"]
    assert [str(change.state) for change in machine.due(whole=True)] == ["ROLLING_BACK"]


def test_what_was_taken_back_before_its_call_may_start_again_as_the_same_attempt():
    machine = tell(machine_of(nodes="ab"), "run RUNNING", "a RUNNING", "b RUNNING", "b ABANDONED")
    assert ready(machine) == ["b"]
    tell(machine, "b RUNNING")
    assert machine.attempts(1, "forward") == 1
    tell(machine, "a SUCCEEDED", "b SUCCEEDED")
    assert settle(machine) == ["run SUCCEEDED"]


def test_what_was_called_in_an_earlier_round_only_can_be_taken_back():
    machine = tell(machine_of(LINE, save_points=((0, 1),)), *THROUGH_B, "c RUNNING", "c FAILED")
    tell(machine, "run RECOVERING", "c ROLLING_BACK", "c ROLLED_BACK", "b ROLLING_BACK", "b ROLLED_BACK")
    tell(machine, "run RUNNING", "b RUNNING", "b ABANDONED", "b RUNNING", "b FAILED", "b RUNNING")
    assert (machine.attempts(1, "forward"), machine.calls(1, "forward")) == (3, 2)
    refuses(machine, "b ABANDONED", match="called before")
