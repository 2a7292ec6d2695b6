"""A journal stays with the process that has it, and if it is gone, that is noticed."""

import gc
import os
import shutil
import sys

import pytest
from helpers import flow_of, play
from journals import python, said

from daga_nb import list_runs
from daga_nb.errors import JournalError

CHAIN = [("a", "b"), ("b", "c")]

posix = pytest.mark.skipif(sys.platform == "win32", reason="an open file stays there")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runs.db"


LOOKS = """
import json, sys
from daga_nb import list_runs
from daga_nb.errors import JournalError
try:
    print(json.dumps([run.condition for run in list_runs(sys.argv[1])]))
except JournalError as error:
    print(json.dumps(type(error).__name__))
"""


def seen_by_another(path):
    (told,) = said(python(LOOKS, path))
    return told


def begun(done, path):
    run = flow_of(done, CHAIN).start(17, journal=path)
    play(run.step())
    return run


# --------------------------------------------------------------------- the lock that POSIX lets go


@posix
def test_reading_the_file_here_does_not_give_it_to_others(path, done):
    """Closing any descriptor of a file drops all of the process's POSIX locks on it; SQLite has no others."""
    run = begun(done, path)
    path.read_bytes()
    shutil.copy(path, path.with_name("copy.db"))
    assert seen_by_another(path) == "JournalBusy"
    assert play(run.finish()) == ["c"]
    assert done == ["do a", "do b", "do c"]
    assert seen_by_another(path) == ["finished"]


DIES = """
import asyncio, os, signal, sys, time
from pathlib import Path
from helpers import flow_of
run = flow_of([], [("a", "b"), ("b", "c")]).start(17, journal=sys.argv[1])
asyncio.run(run.step())
if not os.fork():
    os.close(1)
    Path(sys.argv[2]).touch()
    time.sleep(60)
while not Path(sys.argv[2]).exists():
    time.sleep(0.01)
os.kill(os.getpid(), signal.SIGKILL)
"""


@posix
def test_a_forked_child_that_outlives_its_parent_does_not_keep_the_file(path, tmp_path):
    owner = python(DIES, path, tmp_path / "forked", start_new_session=True)
    try:
        owner.communicate(timeout=30)
        (run,) = list_runs(path)
        assert run.condition == "open"
    finally:
        os.killpg(owner.pid, 9)


# ------------------------------------------------------------------------- the file that is not there


def moved(path):
    path.rename(path.with_name("elsewhere.db"))


def deleted(path):
    path.unlink()


def replaced(path):
    shutil.copy(path, path.with_name("copy.db"))
    path.with_name("copy.db").replace(path)


def without_its_wal(path):
    path.with_name("runs.db-wal").unlink()


@posix
@pytest.mark.parametrize("gone", [moved, deleted, replaced, without_its_wal])
def test_nothing_is_called_that_would_be_written_where_nobody_finds_it(path, done, gone):
    run = begun(done, path)
    gone(path)
    with pytest.raises(JournalError, match=r"runs\.db(-wal)? was moved, deleted or replaced"):
        play(run.finish())
    assert done == ["do a"]


@posix
def test_put_back_it_goes_on(path, done):
    run = begun(done, path)
    moved(path)
    with pytest.raises(JournalError, match="Put it back"):
        play(run.finish())
    path.with_name("elsewhere.db").rename(path)
    assert play(run.finish()) == ["c"]
    assert done == ["do a", "do b", "do c"]
    assert [kept.condition for kept in list_runs(path)] == ["finished"]


@posix
def test_what_was_written_is_there_when_its_wal_was_deleted(path, done):
    run = begun(done, path)
    without_its_wal(path)
    with pytest.raises(JournalError):
        play(run.finish())
    run_id = run.id
    del run
    gc.collect()
    run = flow_of(done, CHAIN).resume(path, run_id)
    assert play(run.finish()) == ["c"]
    assert done == ["do a", "do b", "do c"]
