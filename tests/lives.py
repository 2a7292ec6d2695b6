"""A plot lived through, with all its processes; and judged by what the world and the journal say of it.

`live(Plot(...), Life(...), path)` plays one again: both are values whose repr can be pasted.
"""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

from model import outcome as model_outcome
from mortal import Call, Life, Mortal, Process, World
from rounds import Policies, Round, Rounds
from strategies import Plot, random_plot

from daga_nb import FlowRun, list_runs
from daga_nb.core.machine import Machine
from daga_nb.journal.file import opened

GONE = "the process ended before it did"
NOT_CALLED = "the run turned back before it was called"
ASKED = ("rolled back by request", "cancelled")

Told = tuple[str, str, int]


def random_life(rng: Random, policies: float = 0.5) -> tuple[Plot, Life]:
    """Make up a plot, and how its processes end."""
    plot = random_plot(rng, threads=False, policies=policies)
    plot = replace(plot, saga=replace(plot.saga, abort_before=None))
    names = list(plot.saga.parents)
    share = rng.choice([0.0, 0.5, 0.5, 1.0, 1.0])
    idempotent = frozenset(name for name in names if rng.random() < share)
    plot = replace(plot, policies=replace(plot.policies, idempotent=idempotent))
    persons = ["nobody", "nobody", "nobody", "aborts", "decides"] + ["cancels"] * (not plot.policies.pivots)
    deaths = rng.choice([0, 1, 1, 2, 3])
    longest = rng.choice([12, 12 * len(names)])
    if rng.random() < 0.15:  # where a death changes nothing of how it ends
        plain = Policies(idempotent=frozenset(names))
        saga = replace(plot.saga, eager=False, stop=False)
        return replace(plot, saga=saga, policies=plain, max_parallel=None), Life(
            tuple(rng.randint(1, longest) for _ in range(deaths)), tells=rng.random() < 0.4
        )
    life = Life(
        tuple(rng.randint(1, longest) for _ in range(deaths)),
        person=rng.choice(persons),  # type: ignore[arg-type]
        when=rng.randint(1, 4),
        tells=rng.random() < 0.4,
        seed=rng.randint(0, 999),
        narrow=rng.random() < 0.2,
    )
    return plot, life


class Kept:
    """What the tables of the journal say of one run, read without the code that resumes."""

    def __init__(self, path: Path, run_id: str, names: tuple[str, ...]) -> None:
        with opened(path, create=False) as journal:
            sql = "SELECT seq, node, state, attempt, reason, outcome, value FROM event WHERE run_id = ?"
            self.rows = journal.read(f"{sql} ORDER BY seq", (run_id,))
            self.entries = journal.read("SELECT entry FROM entry WHERE run_id = ? ORDER BY number", (run_id,))
            sql = "SELECT after, kind FROM mark WHERE run_id = ? ORDER BY number"
            self.marks: list[tuple[int, str]] = journal.read(sql, (run_id,))
        self.story = [
            (seq, None if node is None else names[node], state, attempt, reason)
            for seq, node, state, attempt, reason, _, _ in self.rows
        ]
        self.intents: dict[Told, int] = {}
        self.outcomes: dict[Told, tuple[str, str, str | None]] = {}
        self.state = "READY"
        for seq, node, state, attempt, reason, outcome, value in self.rows:
            if node is None:
                self.state = state
            elif state in ("RUNNING", "ROLLING_BACK"):
                told = ("do" if state == "RUNNING" else "undo", names[node], attempt)
                assert told not in self.intents, f"{told} is begun twice"
                self.intents[told] = seq
            elif outcome is not None:
                told = ("do" if outcome == "forward" else "undo", names[node], attempt)
                assert told not in self.outcomes, f"{told} has two outcomes"
                self.outcomes[told] = (state, reason, value)
        shown = {(node, attempt) for _, node, state, attempt, _ in self.story if state == "ABANDONED"}
        self.open = [
            told
            for told in self.intents
            if told not in self.outcomes and (told[0] == "undo" or (told[1], told[2]) not in shown)
        ]


@dataclass
class Lived:
    """A plot that was lived through."""

    plot: Plot
    life: Life
    world: World
    run: FlowRun
    crashes: int
    features: Counter[str] = field(default_factory=Counter)


def live(plot: Plot, life: Life, path: Path, name: str = "") -> Lived:
    """Carry a plot out, through all the deaths of its processes, and judge it."""
    world, run_id, crashes, state = World(), "", 0, "READY"
    features: Counter[str] = Counter()
    while True:
        process = Process(life.dies_at[crashes] if crashes < len(life.dies_at) else None)
        now = replace(plot, max_parallel=1) if life.narrow and run_id else plot
        told = Mortal(now, life, world, process, name)
        pause = "pause" if life.person == "decides" and state not in BACK else "rollback"
        if run_id:
            given = "rollback" if state in BACK else None  # else as it was
            run = told.flow.resume(path, run_id, faults=told.faults, on_failure=given)  # type: ignore[arg-type]
            features["calls lost"] += len(run.lost)
        else:
            run = told.flow.start(7, faults=told.faults, on_failure=pause, journal=path)  # type: ignore[arg-type]
        early = watch(run, path)
        with process.writing():
            process.play(told.drive(run))
        assert not early, f"told before it was written: {early}"
        assert process.dead == (run.state != _state_in(path, run.id) or process.dead)
        if not process.dead:
            break
        crashes += 1
        features[f"died {process.points[-1]}"] += 1
        kept = Kept(path, run.id, run.plan.names)
        run_id, state = (run.id, kept.state) if kept.rows else ("", "READY")
        check_death(plot, world, kept, run, path)
    lived = Lived(plot, life, world, run, crashes, features)
    judge(lived, path)
    return lived


BACK = ("RECOVERING", "ROLLING_BACK", "ROLLED_BACK", "ROLLBACK_INCOMPLETE")


def _state_in(path: Path, run_id: str) -> str:
    with opened(path, create=False) as journal:
        found = journal.read(
            "SELECT state FROM event WHERE run_id = ? AND node IS NULL ORDER BY seq DESC LIMIT 1", (run_id,)
        )
    return found[0][0] if found else "READY"


def watch(run: FlowRun, path: Path) -> list[str]:
    """Give a list into which goes what observers are told before it is in the journal."""
    early: list[str] = []

    def hear(event: Any) -> None:
        with opened(path, create=False) as journal:
            found = journal.read("SELECT 1 FROM event WHERE run_id = ? AND seq = ?", (run.id, event.seq))
        if not found:
            early.append(str(event))

    run.subscribe(hear)
    return early


# ------------------------------------------------------------------------------- judging


def check_death(plot: Plot, world: World, kept: Kept, run: FlowRun, path: Path) -> None:
    """What the journal says happened, happened; what it does not say may have, of what was being called."""
    if not kept.rows:
        assert not world.calls, f"called, and not written down: {world.calls}"
        assert not list_runs(path, flow=run.flow.name)
        return
    check_calls(plot, world, kept)
    check_ledger(world, kept)
    (listed,) = list_runs(path, flow=run.flow.name)
    assert (str(listed.state), listed.events, listed.run_id) == (kept.state, len(kept.rows), run.id)
    ended = kept.state in ("SUCCEEDED", "ROLLED_BACK", "ROLLBACK_INCOMPLETE")
    assert listed.open is not ended
    assert set(listed.lost) == {name for _, name, _ in kept.open}


def check_calls(plot: Plot, world: World, kept: Kept) -> None:
    """Hold every call that the world has seen against the journal."""
    seen = Counter(call.told for call in world.calls)
    assert max(seen.values(), default=1) == 1, f"called twice in the same attempt: {seen.most_common(1)}"
    calls = {call.told: call for call in world.calls}
    assert calls.keys() <= kept.intents.keys(), f"not written down: {calls.keys() - kept.intents.keys()}"
    for told, (state, reason, value) in kept.outcomes.items():
        kind, name, _ = told
        lost = state == "UNKNOWN" or (state == "ROLLBACK_FAILED" and reason == GONE)
        if lost or reason.startswith("CancelledError") or reason == NOT_CALLED:
            continue
        planted = name in plot.planted if kind == "undo" else plot.places.get(name) == "before"
        assert (told in calls) is not planted, f"{told} was {'' if planted else 'not '}called"
        if planted:
            continue
        well = state in ("SUCCEEDED", "ROLLED_BACK")
        if kind == "undo" or plot.places.get(name) != "after":  # whose reply is lost
            assert calls[told].ended == ("returned" if well else "raised"), told
        if well:
            assert value == f'"{kind} {name}"', f"{told} gave another value: {value}"


def check_ledger(world: World, kept: Kept) -> None:
    """What was told to the ledger is there; what was being told may be."""
    written = [_effect(text) for (text,) in kept.entries]
    assert written[: len(world.effects)] == world.effects
    assert len(written) <= len(world.effects) + 1
    world.effects = written


def _effect(text: str) -> tuple[str, str]:
    told = json.loads(text)
    return ("do" if told["kind"] == "done" else "undo"), told["key"]


def judge(lived: Lived, path: Path) -> None:
    """Hold a run that has ended, with all its processes, against the model."""
    plot, run, world = lived.plot, lived.run, lived.world
    kept = Kept(path, run.id, run.plan.names)
    assert [seq for seq, *_ in kept.story] == list(range(1, len(kept.rows) + 1))
    assert kept.story == [(e.seq, e.node, str(e.state), e.attempt, e.reason) for e in run.events]
    machine = Machine(run.plan, [call.undo for call in lived.run.flow.calls], run.flow.policy)
    for event in run.events:
        machine.apply(event)  # the events of all the processes are one legal story
    assert (machine.states, machine.run_state, machine.running) == (list(run.node_states), run.state, 0)
    assert not kept.open, f"left open: {kept.open}"
    check_calls(plot, world, kept)
    check_ledger(world, kept)
    lived.features["turned in a later process"] += _judge_turned(kept, plot)
    rounds = rounds_in(kept, lived.life.person)
    free = lived.life.person != "nobody" or plot.max_parallel is not None or lived.life.narrow
    model = Rounds(plot.saga, plot.policies, rounds, free=free)
    states = {name: str(state) for name, state in run.states.items()}
    assert states == model.states, f"states: {states}, and the model says {model.states}"
    assert str(run.state) == model.state, f"the run: {run.state}, and the model says {model.state}"
    for kind, counts in (("do", model.did), ("undo", model.undid)):
        begun = Counter(name for one, name, _ in kept.intents if one == kind)
        shown = Counter(node for _, node, state, *_ in kept.story if state == "ABANDONED")
        begun -= Counter({name: count for name, count in shown.items() if kind == "do" and name in begun})
        assert begun == +counts, f"{kind}: {begun}, and the model says {counts}"
    order = [*_order(kept.story)]
    _judge_order(model.order, order, world.marks)
    failed = [n for n in run.plan.names if n in model.failed and str(run.state) != "SUCCEEDED"]
    assert list(run.errors) == failed
    assert list(run.rollback_errors) == [n for n, state in states.items() if state == "ROLLBACK_FAILED"]
    _judge_handed(lived, kept)
    _judge_as_without_deaths(lived, states, rounds)
    _judge_looked_at_again(lived, kept, path)
    lived.features.update(features_of(lived, kept, rounds))


def rounds_in(kept: Kept, person: str) -> list[Round]:
    """Give what the run, its processes' deaths and the person have chosen, in each round."""
    rounds: list[Round] = []
    paused = person == "decides"
    ended: dict[Any, None] = {}
    undos: Counter[str] = Counter()
    for (_, node, state, _, reason), (*_, outcome, _) in zip(kept.story, kept.rows, strict=True):
        one = rounds[-1] if rounds else Round(Counter(), set(), [])
        if node is None:
            if state == "RUNNING":
                rounds.append(Round(Counter(), set(), [], paused=paused))
                undos.clear()
            elif state in ("RECOVERING", "ROLLING_BACK"):
                one.ended = list(ended)
                one.asked = one.asked or reason in ASKED or (paused and state == "ROLLING_BACK")
        elif state == "RUNNING":
            one.calls[node] += 1
            if reason == "tried again" or (paused and reason.startswith("called again")):
                one.by_hand.add((node, one.calls[node]))
        elif state in ("SUCCEEDED", "FAILED", "UNKNOWN"):
            ended.pop(node, None)
            ended[node] = None
            call = (node, one.calls[node])
            if state == "SUCCEEDED" and outcome is None:
                one.skipped.add(node)
            elif state == "UNKNOWN":
                one.lost.add(call)
            elif reason.startswith("CancelledError") or reason == NOT_CALLED:
                one.cut.add(call)
        elif state == "ABANDONED":
            one.calls[node] = 0  # at most shown, and taken back
        else:
            one.settled.add(node)
            undos[node] += state == "ROLLING_BACK"
            if state == "ROLLBACK_FAILED" and reason == GONE:
                one.undo_lost.add((node, undos[node]))
    return rounds


def _judge_turned(kept: Kept, plot: Plot) -> int:
    """Nothing is called forward any more once it is written that the run is to be rolled back."""
    later = 0
    for number, (after, kind) in enumerate(kept.marks):
        if kind != "turning":
            continue
        later += any(one == "resumed" for _, one in kept.marks[number:])
        passed = any(
            node in plot.policies.pivots and state == "SUCCEEDED" for _, node, state, *_ in kept.story[:after]
        )
        for _, node, state, *_ in kept.story[after:]:
            passed = passed or (node in plot.policies.pivots and state == "SUCCEEDED")
            if passed or (node is None and state == "ROLLING_BACK"):
                break
            assert node is None or state != "RUNNING", f"{node} is called although the run is to turn back"
        else:
            raise AssertionError("it was to be rolled back, and was not")
    return later


_MARKS = {"RUNNING": "do+", "SUCCEEDED": "do-", "FAILED": "do-", "UNKNOWN": "do-", "ROLLING_BACK": "undo+"}
_MARKS |= {"ROLLED_BACK": "undo-", "ROLLBACK_FAILED": "undo-"}


def _order(story: Iterable[tuple[Any, ...]]) -> Iterable[Told]:
    for _, node, state, attempt, reason in story:
        if node and state in _MARKS and reason != "no effect":
            yield _MARKS[state], node, attempt


def _judge_order(order: set[tuple[Any, Any]], story: list[Told], marks: list[Told]) -> None:
    place: dict[Told, int] = {}
    for number, mark in enumerate(story):
        place.setdefault(mark, number)  # a value by hand comes after the end of the call
    called = {mark: number for number, mark in enumerate(marks)}
    for one, other in order:
        assert {one, other} <= place.keys(), f"{one} or {other} is missing in the story"
        assert place[one] < place[other], f"{one} after {other} in the story"
        loose = one[0].endswith("+") and other[0].endswith("-")
        if not loose and one in called and other in called:
            assert called[one] < called[other], f"{one} after {other} in the calls"


def _judge_handed(lived: Lived, kept: Kept) -> None:
    """Each call had its key, and what its predecessors gave; a rollback was told how its action ended."""
    saga, run = lived.plot.saga, lived.run
    calls = {call.told: call for call in lived.world.calls}
    ends: dict[str, tuple[str, str]] = {}
    values: dict[str, str | None] = {}
    failing: list[str] = []
    turn, cause = 0, ""
    doubtful: set[str] = set()
    for (_, node, state, attempt, reason), (*_, outcome, _) in zip(kept.story, kept.rows, strict=True):
        if node is None:
            turn += state == "RUNNING"
            failing = [] if state == "RUNNING" else failing
            cause = failing[0] if failing else ""
            continue
        if state in ("FAILED", "UNKNOWN", "RUNNING", "SUCCEEDED") and node in failing:
            failing.remove(node)
        if state in ("FAILED", "UNKNOWN"):
            failing.append(node)
        if state == "SUCCEEDED" and outcome is None:
            values[node] = "by hand"
        elif state in ("SUCCEEDED", "FAILED", "UNKNOWN"):
            ends[node] = (state, reason)
            values[node] = f"do {node}"
        if state == "UNKNOWN":
            doubtful.add(node)
        elif (state == "SUCCEEDED" and outcome is not None) or state == "ROLLED_BACK":
            doubtful.discard(node)
        call = calls.get(("do" if state == "RUNNING" else "undo", node, attempt))
        if call is None or state not in ("RUNNING", "ROLLING_BACK"):
            continue
        before = [values[one] for one in saga.parents[node]] or [7]
        suffix = f"/{turn}" if turn > 1 else ""
        assert call.key == f"{run.id}/{node}/{call.kind}{suffix}"
        assert call.handed[0] == before, f"{call} was to be handed {before}"
        if call.kind == "undo":
            _judge_told(call, ends, values, cause, node in doubtful)


def _judge_told(call: Call, ends: dict[str, Any], values: dict[str, Any], cause: str, doubtful: bool) -> None:
    _, result, error, ended = call.handed
    state, _ = ends[call.name]
    truth = "UNKNOWN" if doubtful else state
    assert ended == truth, f"{call.name} ended {truth}, and its rollback was told {ended}"
    assert result == (f"do {call.name}" if state == "SUCCEEDED" else None)
    whose = call.name if state != "SUCCEEDED" else cause
    if not whose:
        assert error is None
    else:
        assert error is not None, f"the rollback of {call.name} was not told what went wrong"
        why = ends[whose][1]
        words = GONE if ends[whose][0] == "UNKNOWN" else f"do {whose}"
        assert words in str(error) or why.startswith("CancelledError") or why == NOT_CALLED, (words, error)


def _turned_back(one: Round) -> set[str]:
    """What was lost for good, because the run turned back all the same."""
    return {name for name, nth in one.lost if one.calls[name] == nth}


def _judge_as_without_deaths(lived: Lived, states: dict[str, str], rounds: list[Round]) -> None:
    """Where everything can be called again, and was, a death changes nothing of how it ends."""
    plot, names = lived.plot, frozenset(lived.plot.saga.parents)
    plain = plot.policies == Policies(idempotent=names) and lived.life.person == "nobody"
    plain = plain and not any(map(_turned_back, rounds))
    lost = {node for one in rounds for node, _ in one.lost}
    plain = plain and (plot.saga.rollback_failed or not lost & plot.saga.fails)  # which of its calls failed?
    bounded = plot.max_parallel is not None or lived.life.narrow
    if plain and not plot.saga.eager and not bounded and not plot.saga.stop:
        want, ending, *_ = model_outcome(plot.saga)
        assert (states, str(lived.run.state)) == (want, ending)
        lived.features["as without a death"] += lived.crashes > 0


def _judge_looked_at_again(lived: Lived, kept: Kept, path: Path) -> None:
    """A run that has ended is given as it ended, and nothing is done for it."""
    run, world = lived.run, lived.world
    calls = len(world.calls)
    again = Mortal(lived.plot, lived.life, world, Process(), run.flow.name).flow.resume(path, run.id)
    assert (again.states, again.state, again.id) == (run.states, run.state, run.id)
    assert again.results == run.results
    assert list(again.errors) == list(run.errors)
    assert list(again.rollback_errors) == list(run.rollback_errors)
    assert again.skipped == run.skipped
    assert len(world.calls) == calls
    assert Kept(path, run.id, run.plan.names).rows == kept.rows
    if lived.life.tells:
        assert [(e.kind, e.key) for e in again.ledger.entries] == [
            (e.kind, e.key) for e in run.ledger.entries
        ]


def features_of(lived: Lived, kept: Kept, rounds: list[Round]) -> dict[str, int]:
    """Count what has happened, so that a sweep can say what it tried."""
    plot, run, died = lived.plot, lived.run, lived.crashes
    states = set(map(str, run.states.values()))
    turns = [state for _, node, state, *_ in kept.story if node is None]
    again = sum(reason.startswith("called again") for *_, reason in kept.story)
    retried = [state for _, _, state, _, reason in kept.story if reason.startswith("retry")]
    return {
        "plots": 1,
        "deaths": died,
        str(run.state).lower(): 1,
        "calls again": again,
        "lost actions turned back": sum(state == "ROLLING_BACK" for state in turns if died)
        and bool(rounds[-1].lost),
        "lost rollbacks": sum(len(one.undo_lost) for one in rounds),
        "eager": plot.saga.eager,
        "bounded": plot.max_parallel is not None,
        "stopped": plot.saga.stop and "ROLLBACK_FAILED" in states,
        "textbook": not plot.saga.rollback_failed and bool(run.errors),
        "own order": plot.policies.order is not None and "ROLLING_BACK" in turns,
        "kept": "KEPT" in states,
        "no effect": bool(plot.saga.no_effect),
        "rollbacks failed": "ROLLBACK_FAILED" in states,
        "retries": retried.count("RUNNING"),
        "rollback retries": retried.count("ROLLING_BACK"),
        "past a pivot": run.pivot is not None,
        "stood past a pivot": str(run.state) == "RUNNING",
        "ways back to a save point": turns.count("RECOVERING"),
        "ways back after a death": turns.count("RECOVERING") if died else 0,
        "values by hand": sum(len(one.skipped) for one in rounds),
        "tried by hand": sum(len(one.by_hand) for one in rounds),
        "aborted": lived.life.person == "aborts" and "ROLLING_BACK" in turns,
        "cut by a cancel": sum(len(one.cut) for one in rounds),
        "effects told": len(lived.world.effects),
    }
