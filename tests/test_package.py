"""The wheel: built, installed with its dependencies into an empty environment, and tried there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

import daga_nb

ROOT = Path(__file__).parent.parent
pytestmark = [pytest.mark.package, pytest.mark.timeout(300)]


def call(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Give the wheel, built from the source distribution."""
    folder = tmp_path_factory.mktemp("dist")
    call(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Give a function that runs code in an environment that has the wheel and what it requires."""
    folder = tmp_path_factory.mktemp("empty")
    call(sys.executable, "-m", "venv", folder / "venv")
    python = folder / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    call(python, "-m", "pip", "install", "--quiet", "--no-compile", wheel)

    def run(code):
        bare = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COV"))}
        # No `dot` on this PATH: a fresh machine has none.
        bare |= {"PATH": str(python.parent), "MPLCONFIGDIR": str(folder / "matplotlib")}
        return json.loads(call(python, "-I", "-c", code, cwd=folder, env=bare))

    return run


def test_the_wheel_holds_the_package_and_nothing_else(wheel):
    source = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "daga_nb").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert held == source
    assert {"daga_nb/py.typed"} <= held
    assert {Path(name).suffix for name in held if "/static/" in name} == {".js", ".css"}


def test_the_wheel_says_what_it_is(wheel):
    archive = zipfile.ZipFile(wheel)
    (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
    told = Parser().parsestr(archive.read(name).decode())
    assert (told["Name"], told["Version"]) == ("daga-nb", daga_nb.__version__)
    assert told["License-Expression"] == "BSD-3-Clause"
    assert told["Description-Content-Type"] == "text/markdown"
    assert any(name.endswith("licenses/LICENSE") for name in archive.namelist())


def test_it_is_imported_from_there_and_loads_nothing_of_jupyter(installed):
    found = installed(
        """
import json, sys
import daga_nb
heavy = "IPython ipywidgets anywidget matplotlib sqlite3 graphviz pygraphviz nest_asyncio2".split()
print(json.dumps([sys.prefix in daga_nb.__file__, daga_nb.__version__, sorted({*heavy} & {*sys.modules})]))
"""
    )
    assert found == [True, daga_nb.__version__, []]


def test_a_flow_runs_rolls_back_and_is_drawn_without_dot(installed):
    state, undone, svg = installed(
        """
import json, shutil
from daga_nb import DagaAction, DagaFlow, DagaFlowError, Fault

undone = []

@DagaAction[int, int]
async def book(results):
    return results[0] + 1

@book.on_rollback
async def cancel(results, result):
    undone.append(result)

def pay(results):
    raise TimeoutError("no answer")

flow = DagaFlow([(book, pay)])
try:
    flow.run_sync(41)
except DagaFlowError as error:
    run = error.run
assert shutil.which("dot") is None
print(json.dumps([run.states["book"], undone, run.picture().svg]))
"""
    )
    assert (state, undone) == ("ROLLED_BACK", [42])
    assert "book" in svg


def test_the_lab_is_loaded_on_first_use_with_its_static_files(installed):
    before, kind, esm, css = installed(
        """
import json, sys
import daga_nb

async def book(results): ...
async def pay(results): ...

flow = daga_nb.DagaFlow([(book, pay)])
before = "anywidget" in sys.modules
lab = daga_nb.lab(flow)
print(json.dumps([before, type(lab).__name__, str(lab._esm), str(lab._css)]))
"""
    )
    assert (before, kind) == (False, "FlowLab")
    assert "export default" in esm
    assert "{" in css
