"""Fixtures for all tests."""

from __future__ import annotations

import pytest

from daga_nb.meta import DagaMeta


@pytest.fixture(autouse=True)
def _registry_of_its_own(monkeypatch):
    """Give each test an empty registry of action classes, and leave the real one as it was."""
    monkeypatch.setattr(DagaMeta, "REGISTERED_ACTIONS", {})


@pytest.fixture
def done():
    """Give the list in which the actions of a test write down what they do."""
    return []
