"""The README: its code runs and gives what it says, its table shows the looks, its links lead somewhere."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
from pathlib import Path

import pytest

from daga_nb.core.states import NodeState, RunState
from daga_nb.render.theme import LOOKS

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
VALUE = re.compile(r".*?#\s+(['\[({].*|[A-Z_]+)$")


def shown(value):
    return str(value) if isinstance(value, NodeState | RunState) else repr(value)


def compare(block, names, said):
    """Run a block, and note each value that a comment behind an expression states, with what it really is."""

    async def run():
        for statement in ast.parse(block).body:
            told = VALUE.match(block.splitlines()[statement.end_lineno - 1])
            is_value = isinstance(statement, ast.Expr)
            tree = ast.Expression(statement.value) if is_value else ast.Module([statement], [])
            flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
            value = eval(compile(tree, "<README>", "eval" if is_value else "exec", flags), names)
            if inspect.isawaitable(value):
                value = await value
            if is_value and told:
                said.append((told[1], shown(value)))

    asyncio.run(run())


def test_the_code_does_what_it_says(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    names, said = {}, []
    for block in BLOCKS:
        compare(block, names, said)
    assert [told for told, _ in said] == [found for _, found in said]
    assert len(said) == 21
    assert capsys.readouterr().out.splitlines() == ["refund None", "cancel room 17"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "run.html",
        "run.json",
        "runs.db",
        "silent-bank.scenario.json",
    ]
    assert names["Story"].load("run.json") == names["story"]
    assert names["Scenario"].load("silent-bank.scenario.json").name == "silent bank"


@pytest.mark.parametrize("state", NodeState)
def test_the_table_shows_each_state_with_its_glyph(state):
    assert f"| {LOOKS[state].glyph} | `{state}` |" in TEXT


@pytest.mark.parametrize("state", RunState)
def test_each_state_of_a_run_is_named(state):
    assert f"`{state}`" in TEXT


PAGES = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs/states.md", "docs/journal.md"]


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    file = ROOT / page
    text = file.read_text(encoding="utf-8")
    headings = {
        "#" + re.sub(r"[^\w -]", "", line).strip().lower().replace(" ", "-") for line in headlines(text)
    }
    for target in re.findall(r"\]\(([^)]+)\)", text):
        if target.startswith("#"):
            assert target in headings
        elif not target.startswith("https://"):
            assert (file.parent / target).exists(), target


def headlines(text):
    return [line.lstrip("#") for line in text.splitlines() if line.startswith("#")]


def test_the_commands_are_targets_of_the_makefile():
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert {"lab", "test", "bench", "notebooks", "picture"} <= set(targets)
    assert set(re.findall(r"\bmake (\w+) +#", TEXT)) == {"lab", "test"}
