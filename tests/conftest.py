"""Fixtures for all tests, and the summary of what they tried."""

from __future__ import annotations

import gc

import pytest
from counts import counted, counts, lines
from long import extent

from daga_nb.journal import kinds
from daga_nb.meta import DagaMeta

__all__ = ["counts"]


def pytest_collection_finish(session):
    """Keep the collector from looking through all the tests and libraries, each time that a test asks it."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _registry_of_its_own(monkeypatch):
    """Give each test an empty registry of action classes, and leave the real one as it was."""
    monkeypatch.setattr(DagaMeta, "REGISTERED_ACTIONS", {})


@pytest.fixture(autouse=True)
def _journaled_classes_as_they_were(monkeypatch):
    """Let a test mark classes for the journal, and forget them."""
    for name in ("_BY_NAME", "_BY_CLASS"):
        monkeypatch.setattr(kinds, name, dict(getattr(kinds, name)))


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
