"""The file of a journal: how it is opened, what is refused, and disks that are really full or read-only."""

import gc
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from helpers import flow_of, play
from journals import files_of, python, said

from daga_nb import list_runs
from daga_nb.errors import JournalError
from daga_nb.journal import file
from daga_nb.journal.file import opened
from daga_nb.journal.schema import APPLICATION, SCHEMA, VERSION

CHAIN = [("a", "b"), ("b", "c")]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runs.db"


@pytest.mark.parametrize(
    ("pragma", "value"),
    [
        ("journal_mode", "wal"),
        ("synchronous", 2),  # FULL
        ("locking_mode", "exclusive"),
        ("trusted_schema", 0),
        ("cell_size_check", 1),
        ("foreign_keys", 1),
        ("recursive_triggers", 1),
        ("application_id", APPLICATION),
        ("user_version", VERSION),
        ("integrity_check", "ok"),
    ],
)
@pytest.mark.parametrize("again", [False, True])
def test_how_the_database_is_set(path, pragma, value, again):
    with opened(path, create=True) as journal:
        found = journal.read(f"PRAGMA {pragma}")
    if again:
        with opened(path, create=False) as journal:
            found = journal.read(f"PRAGMA {pragma}")
    assert found == [(value,)]


def test_it_says_what_it_is_and_has_these_tables_alone(path):
    assert APPLICATION.to_bytes(4, "big") == b"daga"
    with opened(path, create=True) as journal:
        rows = journal.read("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL")
    assert sorted(sql for (sql,) in rows) == sorted(SCHEMA)


def test_nothing_can_be_attached(path, tmp_path):
    with (
        opened(path, create=True) as journal,
        pytest.raises(JournalError, match="too many attached databases"),
    ):
        journal.read(f"ATTACH '{tmp_path / 'other.db'}' AS other")


def test_the_same_file_is_the_same_journal_by_any_path(path, tmp_path, monkeypatch):
    link = tmp_path / "link.db"
    monkeypatch.chdir(tmp_path)
    with opened(path, create=True) as journal:
        link.symlink_to(path)
        for other in (str(path), "runs.db", Path("./runs.db"), link, os.fspath(path)):
            with opened(other, create=False) as same:
                assert same is journal


def test_an_empty_file_becomes_a_journal(path):
    path.touch()
    play(flow_of([], CHAIN).run(17, journal=path))
    assert len(list_runs(path)) == 1


# -------------------------------------------------------------------------- paths that are none


@pytest.mark.parametrize("wrong", ["", ":memory:", "a\0b", 17, b"runs.db", object(), None])
def test_what_is_no_path(wrong):
    with pytest.raises(JournalError, match=r"it is the path of a file, like 'runs\.db'"):
        list_runs(wrong)


def test_a_folder(tmp_path):
    with pytest.raises(JournalError, match="is no file: a journal is one"):
        flow_of([], CHAIN).start(17, journal=tmp_path)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(JournalError, match=r"there is no folder .*nowhere for the journal runs\.db"):
        flow_of([], CHAIN).start(17, journal=tmp_path / "nowhere" / "runs.db")
    assert list(tmp_path.iterdir()) == []


def test_a_journal_that_is_not_there_is_not_made_to_be_read(path, tmp_path):
    for work in (lambda: list_runs(path), lambda: flow_of([], CHAIN).resume(path, "abc")):
        with pytest.raises(JournalError, match=r"there is no journal .*runs\.db"):
            work()
    assert list(tmp_path.iterdir()) == []


def test_a_pipe(path):
    os.mkfifo(path)
    with pytest.raises(JournalError, match="is no file"):
        list_runs(path)


def test_a_sqlite_that_is_too_old(path, monkeypatch):
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 36, 0))
    with pytest.raises(JournalError, match=r"a journal needs SQLite 3\.37, and this Python has"):
        flow_of([], CHAIN).start(17, journal=path)


# ---------------------------------------------------------------------------------- real disks

FULL = """
import asyncio, json, resource, signal, sys
from helpers import flow_of
from daga_nb.errors import JournalError

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # then a write gives EFBIG
done, path = [], sys.argv[1]
how = {name: {"result": name * 4000} for name in "abcdefgh"}
run = flow_of(done, [*zip("abcdefg", "bcdefgh")], how=how).start(17, journal=path)
asyncio.run(run.step())
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    asyncio.run(run.finish())
except JournalError as error:
    print(json.dumps(str(error)))
at = len(done)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
result = asyncio.run(run.finish())
print(json.dumps([at, done, result == ["h" * 4000], run.state.word]))
"""


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="a process cannot bound its files here")
def test_a_file_that_may_grow_no_more_and_then_may_again(path):
    told, (at, done, right, word) = said(python(FULL, path, 30_000))
    assert f"the journal {path} cannot be " in told
    assert 1 <= at < 8
    assert done == [f"do {name}" for name in "abcdefgh"], "each once"
    assert (right, word) == (True, "succeeded")
    assert list_runs(path)[0].condition == "finished"


@pytest.fixture
def small_disk(tmp_path):
    """Give a folder on a disk of 1 MB, where this system lets one be mounted."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = sys.platform == "linux" and _call("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder)
    if not mounted:
        pytest.skip("no small disk can be mounted here")
    yield folder
    _call("umount", "--lazy", folder)  # after a test that failed, its files may still be open


def test_a_disk_that_is_full_and_then_is_not(small_disk, done):
    path = small_disk / "runs.db"
    run = flow_of(done, CHAIN, how={name: {"result": name * 20_000} for name in "abc"}).start(
        17, journal=path
    )
    play(run.step())
    filler = small_disk / "filler"
    with filler.open("wb") as some, pytest.raises(OSError, match="No space left"):
        os.posix_fallocate(some.fileno(), 0, 2**20)
    with filler.open("ab", buffering=0) as some, suppress(OSError):  # what was still left
        while some.write(bytes(512)):
            pass
    for work in (run.finish, run.rollback):
        with pytest.raises(JournalError, match="cannot be written: the disk is full"):
            play(work())
    # A row of some bytes, that b is about to be called, may still have found room in the file's last block.
    assert done in (["do a"], ["do a", "do b"]), "what is not written down is neither done nor undone"
    did = [*done]
    filler.unlink()
    play(run.rollback())
    assert done == [*did, *(f"un{one}" for one in reversed(did))]
    assert [kept.condition for kept in list_runs(path)] == ["finished"]


def test_a_file_that_is_read_only(path, tmp_path):
    flow = flow_of([], CHAIN)
    run = flow.start(17, journal=path)
    play(run.step())
    run_id = run.id
    del run
    gc.collect()
    before = files_of(path)
    with _kept_from_writing(path, tmp_path) as where:
        for work in (
            lambda: flow.start(17, journal=where),
            lambda: flow.resume(where, run_id),
            lambda: list_runs(where),
        ):
            with pytest.raises(JournalError, match=r"read-only|cannot be opened|cannot be used"):
                work()
        assert where.resolve() not in file._open
    assert files_of(path) == before


class _kept_from_writing:
    """Keep even root from writing into a folder: it is mounted read-only elsewhere, if that can be done."""

    def __init__(self, path, tmp_path):
        self._path, self._there = path, tmp_path / "there"

    def __enter__(self):
        if os.geteuid():
            self._path.chmod(0o400)
            self._path.parent.chmod(0o500)
            return self._path
        self._there.mkdir()
        bound = _call("mount", "--bind", self._path.parent, self._there)
        if not bound or not _call("mount", "-o", "remount,bind,ro", self._there):
            self._leave()
            pytest.skip("root writes everywhere, and no folder can be mounted read-only here")
        return self._there / self._path.name

    def __exit__(self, *_):
        self._leave()

    def _leave(self):
        if os.geteuid():
            self._path.parent.chmod(0o700)
            self._path.chmod(0o600)
        else:
            _call("umount", self._there)


def _call(*words):
    try:
        return (
            subprocess.run([*map(str, words)], capture_output=True, check=False, timeout=10).returncode == 0
        )
    except OSError:
        return False
