"""What the documents show is what the code says."""

from __future__ import annotations

from pathlib import Path

import pytest

from daga_nb.core.states import NodeState, diagram

DOCS = Path(__file__).parent.parent / "docs"


@pytest.mark.parametrize("of_run", [False, True])
def test_the_state_diagrams_are_drawn_from_the_tables(of_run):
    assert f"```mermaid\n{diagram(of_run=of_run)}\n```" in (DOCS / "states.md").read_text(encoding="utf-8")


def test_every_state_is_explained():
    text = (DOCS / "states.md").read_text(encoding="utf-8")
    assert [state for state in NodeState if f"| `{state}` |" not in text] == []
