"""The counts of the sweeps, and the share of their points that is tried."""

import subprocess
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import long
import pytest
from counts import counted, lines


def report(*properties: Any, when: str = "call") -> SimpleNamespace:
    return SimpleNamespace(when=when, user_properties=list(properties))


def test_numbers_of_one_name_are_added_up():
    sums = counted(
        [
            report(("counts", ["kills", {"points": 1000, "flows": 1}])),
            report(("counts", ["kills", {"points": 500, "flows": 1}]), ("other", 17)),
            report(("counts", ["cancels", {"points_tried": 3}])),
            report(("counts", ["kills", {"points": 500}]), when="teardown"),
            SimpleNamespace(),
        ]
    )
    assert sums == {"kills": {"points": 1500, "flows": 2}, "cancels": {"points_tried": 3}}
    assert lines(sums) == ["cancels: 3 points tried", "kills: 1,500 points, 2 flows"]


def test_a_share_is_seeded_and_in_order(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(long, "LONG", False)
    some = long.share(range(95))
    assert len(some) == 10
    assert some == sorted(set(some)) == long.share(range(95))
    assert some != long.share(range(95), about="another sweep")
    assert long.share([7]) == [7]
    assert long.share([]) == []
    monkeypatch.setattr(long, "SEED", "2")
    assert some != long.share(range(95))


def test_a_long_run_tries_everything(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(long, "LONG", True)
    assert long.share(range(95)) == [*range(95)]
    assert long.extent() == "everything"


def test_the_summary_says_what_was_tried_also_by_other_processes(tmp_path: Path):
    here = Path(__file__).parent
    (tmp_path / "test_sweeps.py").write_text(
        textwrap.dedent("""
            import pytest

            @pytest.mark.parametrize("graph", range(4))
            def test_one(graph, counts):
                counts("kills", points=300, graphs=1)
        """)
    )
    (tmp_path / "conftest.py").write_text((here / "conftest.py").read_text())
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", f"pythonpath={here}"]
    command += ["-c", "/dev/null", "--rootdir", str(tmp_path), "--import-mode=importlib", "-n", "2"]
    found = subprocess.run([*command, str(tmp_path)], capture_output=True, text=True, timeout=50, check=False)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "what was tried" in found.stdout
    assert "kills: 1,200 points, 4 graphs" in found.stdout.splitlines()
