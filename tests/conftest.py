"""Fixtures for all tests, and the summary of what they tried."""

from __future__ import annotations

import pytest
from counts import counted, counts, lines
from long import extent

from daga_nb.meta import DagaMeta

__all__ = ["counts"]


@pytest.fixture(autouse=True)
def _registry_of_its_own(monkeypatch):
    """Give each test an empty registry of action classes, and leave the real one as it was."""
    monkeypatch.setattr(DagaMeta, "REGISTERED_ACTIONS", {})


@pytest.fixture
def done():
    """Give the list in which the actions of a test write down what they do."""
    return []


def pytest_terminal_summary(terminalreporter):
    """Print how much the sweeps have tried."""
    said = lines(counted(report for reports in terminalreporter.stats.values() for report in reports))
    if said:
        terminalreporter.section(f"what was tried ({extent()})")
        for line in said:
            terminalreporter.line(line)
