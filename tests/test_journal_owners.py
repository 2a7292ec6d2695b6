"""A file has one process, and a run one object that goes on with it: others are told so, and harm nothing."""

import asyncio
import gc
import json
import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from helpers import Gate, flow_of, play, told, words
from journals import everything, files_of, in_a_fork, python, said
from long import LONG

from daga_nb import journaled, list_runs
from daga_nb.errors import DagaError, FaultError, JournalBusy, JournalError, JournalValueError
from daga_nb.journal import file, kinds, run_log

CHAIN = [("a", "b"), ("b", "c")]

pytestmark = pytest.mark.timeout(300 if LONG else 60)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runs.db"


def begun(flow, path, steps=1):
    """Give a run that stands after its first steps."""
    run = flow.start(17, journal=path)
    for _ in range(steps):
        play(run.step())
    return run


def is_free(path):
    return Path(path).resolve() not in file._open


# ------------------------------------------------------------------- another process has the file

HOLDS = """
import asyncio, sys
from helpers import flow_of
run = flow_of([], [("a", "b"), ("b", "c")]).start(17, journal=sys.argv[1])
asyncio.run(run.step())
print(f'"{run.id}"', flush=True)
sys.stdin.read()
"""


def test_another_process_is_refused_soon_and_can_go_on_after_a_kill(path, done):
    owner = python(HOLDS, path)
    run_id = json.loads(owner.stdout.readline())
    flow = flow_of(done, CHAIN)
    began = time.monotonic()
    for refused in (
        lambda: flow.start(17, journal=path),
        lambda: flow.resume(path, run_id),
        lambda: list_runs(path),
    ):
        with pytest.raises(
            JournalBusy, match=r"runs\.db is in use by another process .*end that one, or take"
        ):
            refused()
    assert time.monotonic() - began < 3 * 2
    owner.kill()
    owner.communicate()
    run = flow.resume(path, run_id)
    assert play(run.finish()) == ["c"]
    assert done == ["do b", "do c"]


RESUMES = """
import asyncio, json, sys, time
from pathlib import Path
from daga_nb import DagaAction, DagaFlow
from daga_nb.errors import JournalBusy
path, run_id, world = sys.argv[1:4]

def note(what):
    with open(world, "a") as file:
        file.write(what + "\\n")

def named(name):
    async def do(results):
        note(f"do {name}")
        return name
    async def undo(results):
        note(f"undo {name}")
        await asyncio.sleep(0.002)  # so that both have begun before one is through
    made = DagaAction(do, name=name)
    made.on_rollback(undo)
    return made

a, b, c = map(named, "abc")
flow = DagaFlow([(a, b), (b, c)])
if not run_id:
    run = flow.start(17, journal=path)
    for _ in range(2):
        asyncio.run(run.step())
    print(json.dumps(run.id), flush=True)
    sys.stdin.read()
print('"ready"', flush=True)
sys.stdin.readline()
began = time.monotonic()
try:
    run = flow.resume(path, run_id)
except JournalBusy as error:
    print(json.dumps(["busy", time.monotonic() - began, str(error)]))
else:
    print('"mine"', flush=True)
    sys.stdin.readline()
    asyncio.run(run.rollback())
    print(json.dumps(["worked", run.state.word]))
"""


@pytest.mark.parametrize("round_", range(50 if LONG else 2))
def test_of_two_processes_that_resume_a_run_one_works(tmp_path, round_, counts):
    path, world = tmp_path / "runs.db", tmp_path / "world"
    first = python(RESUMES, path, "", world)
    run_id = json.loads(first.stdout.readline())
    first.kill()
    first.communicate()
    both = [python(RESUMES, path, run_id, world) for _ in range(2)]
    for process in both:
        assert json.loads(process.stdout.readline()) == "ready"
    for process in both[:: -1 if round_ % 2 else 1]:
        process.stdin.write("go\n")
        process.stdin.flush()
    heard = [json.loads(process.stdout.readline()) for process in both]
    (winner,) = [at for at, first_word in enumerate(heard) if first_word == "mine"]
    what, seconds, words_ = heard[1 - winner]
    assert what == "busy"
    assert seconds < 2
    assert "in use by another process" in words_
    both[winner].stdin.write("go\n")
    assert said(both[winner]) == [["worked", "rolled back"]]
    assert said(both[1 - winner]) == []
    assert world.read_text().split("\n") == ["do a", "do b", "undo b", "undo a", ""]
    (run,) = list_runs(path)
    assert (run.condition, run.resumed) == ("finished", 1)
    counts("two processes resume one run", rounds=1)


# ------------------------------------------------------------------------- within one process


def test_who_resumes_takes_the_run_over(path, done):
    flow = flow_of(done, CHAIN)
    older = begun(flow, path)
    newer = flow.resume(path, older.id)
    refuses(older, path)
    assert done == ["do a"]
    assert play(newer.finish()) == ["c"]
    refuses(older, path)
    assert done == ["do a", "do b", "do c"]


def refuses(run, path):
    """All that would go on with a run says that another object does, and writes nothing."""
    before = everything(path)
    for work in (run.step, run.step_action, run.go, run.finish, run.rollback, run.cancel):
        with pytest.raises(JournalBusy, match=f"run {run.id} was resumed since, and goes on there"):
            play(work())
    with pytest.raises(JournalBusy, match="was resumed since"):
        run.release()
    assert not run.released
    assert everything(path) == before


def test_a_failure_is_no_more_decided_by_the_older_object(path, done):
    flow = flow_of(done, CHAIN, how={"b": {"fails": ValueError("no")}})
    older = flow.start(17, journal=path, on_failure="pause")
    play(older.go())
    newer = flow.resume(path, older.id, on_failure="pause")
    assert newer.undecided == ("b",)
    with pytest.raises(JournalBusy, match="was resumed since"):
        play(older.retry())
    with pytest.raises(JournalBusy, match="was resumed since"):
        older.skip("b", 5)
    assert words(older)["b"] == "failed"
    newer.skip("b", "by hand")
    assert play(newer.finish()) == ["c"]
    assert done == ["do a", "do b", "do c"]


@pytest.mark.parametrize("resumed", [False, True])
def test_a_run_that_is_driven_is_not_taken_over(path, done, resumed):
    gate = Gate()
    flow = flow_of(done, CHAIN, how={"b": {"before": gate.wait}})

    async def main():
        run = flow.start(17, journal=path)
        if resumed:
            run = flow.resume(path, (await run.step()) and run.id)
        driving = asyncio.create_task(run.finish())
        await gate.reached.wait()
        with pytest.raises(JournalBusy, match=f"run {run.id} goes on in this process"):
            flow.resume(path, run.id)
        gate.open()
        return await driving

    assert play(main()) == ["c"]
    assert done == ["do a", "do b", "do c"]


def test_what_cannot_be_resumed_is_not_taken_over(path, done, monkeypatch):
    @journaled(name="ticket")
    @dataclass
    class Ticket:
        number: int

    flow = flow_of(done, CHAIN, how={"a": {"result": Ticket(17)}})
    older = begun(flow, path)
    with pytest.raises(FaultError):
        flow.resume(path, older.id, faults="nobody.before: raise")
    with monkeypatch.context() as patch:
        patch.setattr(kinds, "_BY_NAME", {})
        with pytest.raises(JournalValueError, match="of the class 'ticket', which is not defined here"):
            flow.resume(path, older.id)
    assert play(older.finish()) == ["c"]
    assert done == ["do a", "do b", "do c"]


def test_two_runs_in_one_file_at_once(path, done):
    gates = [Gate(), Gate()]
    flows = [
        flow_of(done, CHAIN, how={"b": {"before": gate.wait}}, name=name)
        for gate, name in zip(gates, "xy", strict=True)
    ]

    async def main():
        both = asyncio.gather(*(flow.run(17, journal=path) for flow in flows))
        for gate in gates:
            await gate.reached.wait()
        assert len(list_runs(path).open) == 2
        gates[1].open()
        gates[0].open()
        return await both

    assert play(main()) == [["c"], ["c"]]
    assert sorted((run.flow, run.condition, run.events) for run in list_runs(path)) == [
        ("x", "finished", 8),
        ("y", "finished", 8),
    ]
    assert is_free(path)


def test_from_two_threads_at_once(path):
    wrong = []

    def many():
        try:
            for _ in range(20):
                assert flow_of([], CHAIN).run_sync(17, journal=path) == ["c"]
                list_runs(path)
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=many) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert [run.condition for run in list_runs(path)] == ["finished"] * 60
    assert is_free(path)


def test_the_file_stays_open_for_who_has_just_come(path, done, monkeypatch):
    """The last run of before ends between the opening of the file and the holding of it."""
    older = begun(flow_of(done, CHAIN), path, steps=2)

    def token(size):
        threading.Thread(target=lambda: play(older.finish())).run()
        return "newer"

    monkeypatch.setattr(run_log.secrets, "token_hex", token)
    newer = flow_of(done, CHAIN).start(17, journal=path)
    assert older.state.word == "succeeded"
    assert play(newer.finish()) == ["c"]
    assert len(list_runs(path)) == 2


# --------------------------------------------------------------------------- letting the file go


def test_the_file_is_let_go_when_the_last_run_has_ended(path, done):
    flow = flow_of(done, CHAIN)
    one, other = begun(flow, path), begun(flow, path)
    play(one.finish())
    assert not is_free(path)
    play(other.finish())
    assert is_free(path)
    assert list(files_of(path)) == ["runs.db"], "and nothing is left beside it"


def test_the_file_is_let_go_when_the_object_of_the_run_is_gone(path, done):
    run = begun(flow_of(done, CHAIN), path)
    assert not is_free(path)
    del run
    gc.collect()
    assert is_free(path)


def test_the_file_is_let_go_at_exit(path):
    owner = python(HOLDS, path)
    run_id = json.loads(owner.stdout.readline())
    owner.communicate("", timeout=30)
    assert owner.returncode == 0
    assert list(files_of(path)) == ["runs.db"]
    (run,) = list_runs(path)
    assert (run.run_id, run.condition) == (run_id, "open")


def test_a_run_that_could_not_begin_does_not_keep_the_file(path, done):
    flow = flow_of(done, CHAIN)
    with pytest.raises(JournalValueError):
        flow.start(object(), journal=path)
    with pytest.raises(FaultError):
        flow.start(17, faults="nobody.before: raise", journal=path)
    gc.collect()
    assert is_free(path)
    assert len(list_runs(path)) == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"input": object()},
        {"faults": "nobody.before: raise"},
        {"on_failure": "hope"},
        {"observe": 17},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_nor_while_somebody_looks_at_the_error(path, done, wrong):
    """As a notebook does, in sys.last_value, until the next error."""
    with pytest.raises(DagaError) as kept:
        flow_of(done, CHAIN).start(**{"input": 17, **wrong}, journal=path)
    assert kept.value.__traceback__ is not None
    assert is_free(path)


@pytest.mark.parametrize(
    "wrong", [{"replace": {"nobody": abs}}, {"on_failure": "hope"}], ids=lambda wrong: next(iter(wrong))
)
def test_a_fork_that_could_not_begin_has_adopted_nothing_and_does_not_keep_the_file(path, done, wrong):
    run = flow_of(done, CHAIN).start(17)
    play(run.step())
    run.release()
    with pytest.raises(DagaError) as kept:
        run.fork(2, adopt=True, journal=path, **wrong)
    assert kept.value.__traceback__ is not None
    assert is_free(path)
    forked = run.fork(2, adopt=True, journal=path)
    play(forked.rollback())
    assert done == ["do a", "undo a"]


def test_what_a_fork_adopts_is_in_its_journal_before_it_does_anything(path, done):
    """The run that it is taken from undoes it no more: a crash now would leave it for ever."""
    flow = flow_of(done, CHAIN)
    run = flow.start(17)
    play(run.step())
    run.release()
    forked = run.fork(2, adopt=True, journal=path)
    (kept,) = list_runs(path)
    assert (kept.run_id, kept.condition, kept.state.word) == (forked.id, "open", "ready")
    del forked
    gc.collect()
    resumed = flow.resume(path, kept.run_id)
    assert words(resumed) == {"a": "succeeded", "b": "pending", "c": "pending"}
    play(resumed.rollback())
    assert done == ["do a", "undo a"]
    assert words(resumed) == {"a": "rolled back", "b": "abandoned", "c": "abandoned"}


# ----------------------------------------------------------------------------------------- forks

FORKS = """
import asyncio, json, os, signal, sys
from helpers import flow_of
from daga_nb import list_runs
from daga_nb.errors import JournalBusy

path, how = sys.argv[1:]
flow = flow_of([], [("a", "b"), ("b", "c")])
run = flow.start(17, journal=path)
asyncio.run(run.step())
child = os.fork()
if not child:
    refused = 0
    for work in (
        lambda: asyncio.run(run.step()),
        lambda: flow.resume(path, run.id),
        lambda: flow.start(1, journal=path),
        lambda: list_runs(path),
    ):
        try:
            work()
        except JournalBusy:
            refused += 1
    del run
    import gc
    gc.collect()
    print(refused, flush=True)
    if how == "raise":
        raise SystemExit
    os._exit(0) if how == "_exit" else sys.exit()
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
asyncio.run(run.step())
print(json.dumps(run.id), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
@pytest.mark.parametrize("how", ["exit", "_exit"])
def test_a_forked_child_is_refused_and_harms_nothing(path, done, how):
    """Also not by its end: what the parent commits after that is in the file."""
    refused, run_id = said(python(FORKS, path, how))
    assert refused == 4
    run = flow_of(done, CHAIN).resume(path, run_id)
    assert words(run) == {"a": "succeeded", "b": "succeeded", "c": "pending"}
    assert play(run.finish()) == ["c"]
    assert done == ["do c"]


# ------------------------------------------------------------------------- what is no file, and no run


@pytest.mark.parametrize("wrong", ["/", "y" * 300, "\ud800.db", "loop"], ids=["root", "long", "half", "loop"])
def test_where_no_file_can_be_there_is_no_journal(tmp_path, done, wrong):
    if wrong == "loop":
        (tmp_path / "loop").symlink_to(tmp_path / "loop")
    path = os.path.join(tmp_path, wrong)
    flow = flow_of(done, CHAIN)
    for work in (
        lambda: flow.start(17, journal=path),
        lambda: flow.resume(path, "0123456789ab"),
        lambda: list_runs(path),
    ):
        with pytest.raises(JournalError, match=r"cannot be opened|no file|no folder|no journal"):
            work()
    assert done == []


@pytest.mark.parametrize(
    "wrong", [None, 5, object(), b"0123456789ab", "\ud800"], ids=lambda wrong: type(wrong).__name__
)
def test_a_wrong_id_is_told_to_be_wrong(path, done, wrong):
    flow = flow_of(done, CHAIN)
    play(flow.run(17, journal=path))
    with pytest.raises(JournalError, match=r"list_runs\(\.\.\.\) shows what there is"):
        flow.resume(path, wrong)


def test_a_flow_whose_name_has_halves_of_characters_is_found(path, done):
    play(flow_of(done, CHAIN, name="half \ud83d").run(17, journal=path))
    assert len(list_runs(path, flow="half \ud83d")) == 1
    assert len(list_runs(path, flow="\ud83d")) == 0


# ---------------------------------------------------------------- a run that had ended, rolled back


def test_a_run_that_had_succeeded_takes_the_file_again_to_be_rolled_back(path, done):
    run = flow_of(done, CHAIN).start(17, journal=path)
    play(run.finish())
    assert is_free(path)
    play(run.rollback())
    assert done[3:] == ["undo c", "undo b", "undo a"]
    assert is_free(path)
    (kept,) = list_runs(path)
    assert (kept.condition, kept.state.word) == ("finished", "rolled back")


def test_what_another_process_has_rolled_back_is_not_rolled_back_again(path, done):
    flow = flow_of(done, CHAIN)
    run = flow.start(17, journal=path)
    play(run.finish())
    other = in_a_fork(lambda: told(play(flow.resume(path, run.id).rollback())))
    assert other[-1] == "run ROLLED_BACK"
    before = files_of(path)
    with pytest.raises(
        JournalError, match=rf"run {run.id} was gone on with elsewhere: flow.resume\(\.\.\.\) shows"
    ):
        play(run.rollback())
    assert done == ["do a", "do b", "do c"], "the child's list is its own"
    assert files_of(path) == before
    assert flow.resume(path, run.id).state.word == "rolled back"
