"""The picture of a simulation: it says in words what its colours mean, and text of others stays text."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from itertools import pairwise
from typing import Any

import matplotlib as mpl
import pytest
from helpers import action, flow_of
from matplotlib.figure import Figure

from daga_nb import DagaFlow, simulate
from daga_nb.debug.simulation import Exponential


def words_of(simulation: Any) -> list[str]:
    svg = simulation._repr_mimebundle_()[0]["image/svg+xml"]
    return ["".join(one.itertext()) for one in ET.fromstring(svg).iter() if one.tag.endswith("}text")]


def test_it_says_how_the_runs_ended_how_long_they_took_and_what_matters():
    flow = flow_of([], name="trip", how={"d": {"pivot": True}})
    simulation = simulate(flow, Exponential(1), 0.1, rollback_failure_rates=0.3, n=500)
    words = words_of(simulation)
    assert {"trip", "500 simulated runs, seed 0", "how the runs ended", "how long they took"} <= set(words)
    for word, share in simulation.shares.items():
        assert (f"{word} {share}" in words) is (share.share > 0)
    assert {"a", "b", "c", "d", "rollback of a"} <= set(words)
    assert any(word.startswith("half within ") and "going back takes" in word for word in words)


def test_it_is_a_figure_that_is_shown_by_itself():
    simulation = simulate(flow_of([]), 1.0, 0.2, n=50)
    assert isinstance(simulation.picture(), Figure)
    data, metadata = simulation._repr_mimebundle_()
    assert set(data) == {"image/svg+xml", "image/png", "text/plain"}
    assert data["text/plain"] == str(simulation)
    assert metadata["image/png"]["width"] >= 860
    assert simulation._repr_mimebundle_(include=["text/plain"])[0].keys() == {"text/plain"}
    assert simulation._repr_mimebundle_()[0] == data


@pytest.mark.parametrize(
    ("durations", "rates"), [(0.0, 0.0), (1.0, 0.0), (3.2e9, 1.0), (1e-9, 1.0), ((0, 1), 0.5)]
)
def test_any_simulation_can_be_drawn(durations, rates):
    words = words_of(simulate(flow_of([]), durations, rates, n=3))
    assert ("nothing failed" in words) is (rates == 0)


def test_where_no_action_alone_would_help_it_says_so():
    assert "no single action would change how the runs end" in words_of(simulate(flow_of([]), 1.0, 1.0, n=3))


def test_a_failure_past_the_pivot_is_drawn_as_standing_still():
    names = ["a", "b", "c"]
    flow = flow_of([], list(pairwise(names)), how={"a": {"pivot": True}})
    simulation = simulate(flow, 1.0, {"c": 1.0}, n=9)
    assert any(word.startswith("stands still 100.0 %") for word in words_of(simulation))


def test_names_of_others_are_text():
    bad = "<script>alert(1)</script> $x^2$ \ud83d \n&amp;"
    flow = DagaFlow([(action([], bad), action([], "b" * 300))], name=bad)
    simulation = simulate(flow, 1.0, 0.5, n=20)
    data = simulation._repr_mimebundle_()[0]
    assert "<script" not in data["image/svg+xml"]
    ET.fromstring(data["image/svg+xml"])
    assert "\n&amp" not in str(simulation)
    str(simulation).encode()


def test_it_disturbs_nobodys_settings():
    before = dict(mpl.rcParams)
    simulate(flow_of([]), 1.0, 0.5, n=20)._repr_mimebundle_()
    assert dict(mpl.rcParams) == before
