"""Values of a scenario that come back from its file exactly as they were, or are refused."""

from __future__ import annotations

from functools import partial

from daga_nb.engine import exact
from daga_nb.errors import ScenarioError

__all__ = ["check_text", "fields_of", "plain"]

check_text = partial(exact.check_text, refuse=ScenarioError)
fields_of = partial(exact.fields_of, refuse=ScenarioError)
plain = partial(exact.plain, refuse=ScenarioError)
