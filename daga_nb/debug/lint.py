"""A look at the design of a flow before it runs: every rule, and what they find together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from daga_nb.debug import lint_reads, lint_rules
from daga_nb.debug.finding import SEVERITIES, Finding, Findings
from daga_nb.debug.lint_facts import FlowFacts, facts_of
from daga_nb.debug.lint_rules import Doubt

if TYPE_CHECKING:
    from daga_nb.designed import Designed

__all__ = ["RULES", "Rule", "findings_of", "lint"]


class Rule(NamedTuple):
    """A rule: its name, what it is about, and the function that finds what breaks it."""

    name: str
    about: str
    check: Callable[[FlowFacts], Iterator[Doubt]]


RULES = (
    Rule("no-rollback", "an effect that nothing undoes", lint_rules.no_rollback),
    Rule("no-such-input", "asking for a predecessor that is none", lint_reads.no_such_input),
    Rule("result-unchecked", "a rollback that relies on a lost result", lint_reads.result_unchecked),
    Rule("failure-not-undone", "a failed action that is left as it is", lint_rules.failure_not_undone),
    Rule("stop-leaves-rest", "one failed rollback that stops the others", lint_rules.stop_leaves_rest),
    Rule("thread-timeout", "a timeout of what cannot be stopped", lint_rules.thread_timeout),
    Rule("not-idempotent", "a retry that may do it twice", lint_rules.not_idempotent),
    Rule("no-retry-past-pivot", "no way back, and no second try", lint_rules.no_retry_past_pivot),
    Rule("beside-pivot", "an action at the same time as the pivot", lint_rules.beside_pivot),
    Rule("two-pivots", "two points of no return at the same time", lint_rules.two_pivots),
    Rule("rollback-never-called", "a rollback for nothing", lint_rules.rollback_never_called),
    Rule("save-point-at-the-end", "a save point for nothing", lint_rules.save_point_at_the_end),
    Rule("kept-after-save-point", "an effect that bars the way back", lint_rules.kept_after_save_point),
)
"""All the rules. The list is closed; docs/lint.md says more of each."""


def lint(flow: Designed) -> Findings:
    """Give what is doubtful in the design of a flow. See `DagaFlow.lint`."""
    return findings_of(facts_of(flow))


def findings_of(facts: FlowFacts) -> Findings:
    """Give what the rules find in what is known of a flow: the worst first, then in plan order."""
    found = [(rule.name, doubt) for rule in RULES for doubt in rule.check(facts)]
    worst = list(SEVERITIES)

    def order(one: tuple[str, Doubt]) -> tuple[int, int]:
        action = one[1].action
        return worst.index(one[1].severity), -1 if action is None else action.number

    return Findings(
        Finding(name, None if on is None else on.name, severity, why, do)
        for name, (on, severity, why, do) in sorted(found, key=order)
    )
