"""What is wrong with the rollbacks of a flow, told from all cases of a sweep together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from daga_nb.debug.sweep_cases import Case
from daga_nb.debug.sweep_signs import Mode, Sign, Wrong
from daga_nb.debug.sweep_suspects import Part, Seen, culprits
from daga_nb.debug.sweep_trial import Outcome

__all__ = ["ADVICE", "Problem", "problems_of"]

ADVICE: dict[Wrong, tuple[str, str]] = {
    Wrong.NEVER_UNDONE: (
        "its rollback returned, and the effect is still there: it does nothing, or swallows its error",
        "Undo the effect in the rollback, and let it raise if it cannot.",
    ),
    Wrong.TRUSTS_REPLY: (
        "its rollback undoes what succeeded, and not what was done when the reply was lost (no result)",
        "Undo by a key that is known without the reply: context.key, or one made from context.inputs.",
    ),
    Wrong.IN_PART: (
        "its rollback undid some of its effects, and left others",
        "Undo each effect of the action.",
    ),
    Wrong.OTHER_KEY: (
        "its rollback undid something of the same name that was never done, and left its own effect",
        "Undo with the key that the effect was done with.",
    ),
    Wrong.OTHERS: (
        "its rollback undid what another action has done",
        "Undo the action's own effect, and no other: the other one has its own rollback.",
    ),
    Wrong.TWICE: (
        "its rollback undid the effect more than once",
        "Undo once; look first whether the effect is there, or hand the service a key that it heeds.",
    ),
    Wrong.NEVER_DONE: (
        "its rollback undid what had not been done: the action failed before its effect",
        "Look first whether there is anything to undo (context.has_effect, or the service by its key).",
    ),
    Wrong.DOES_AGAIN: (
        "its rollback did the effect once more",
        "The rollback is to call what takes the effect back.",
    ),
    Wrong.NOT_AGAIN: (
        "its rollback is right when called once, and not when called again, as after a reply that was lost",
        "Make it idempotent: what is undone already is left as it is, without an error.",
    ),
    Wrong.TOO_EARLY: (
        "an effect was undone while one that stands on it was still there; that one was undone later",
        "A rollback is to return when its own effect is undone, and not before, and to leave others' alone.",
    ),
    Wrong.NEEDS_REPLY: (
        "its rollback raises if the action failed: it asks for a result that is then missing",
        "Expect result to be None, and undo by a key that is known without the reply.",
    ),
    Wrong.RAISES_AT_NOTHING: (
        "its rollback raises if the action failed before its effect",
        "Return where there is nothing to undo: the run is put right then.",
    ),
    Wrong.RAISES: (
        "its rollback raises",
        "Mend it; what it was to undo stays.",
    ),
    Wrong.NOT_ALIKE: (
        "its rollback undoes the same in one run, and not in another",
        "Let it keep nothing from one run to the next; if the world does, give the sweep reset=.",
    ),
    Wrong.LEAVES: (
        "its rollback has an effect of its own, which stays",
        "If it is to stay, do not write it into the ledger as an effect.",
    ),
    Wrong.NO_ROLLBACK: (
        "it has no rollback: what it has done stays",
        "Give it a rollback (on_rollback), or say that there is nothing to undo (no_effect=True).",
    ),
    Wrong.NOT_CALLED: (
        "it failed after its effect, and is not rolled back when it failed (rollback_failed=False)",
        "Leave rollback_failed at True: a failed action may have half happened.",
    ),
    Wrong.HAS_EFFECT: (
        "it says no_effect=True, and tells of an effect",
        "Give it a rollback in place of no_effect=True.",
    ),
    Wrong.DONE_TWICE: (
        "it did the effect again while it was there, as after a reply that was lost",
        "Hand the service context.key, which stays the same when it is tried again.",
    ),
    Wrong.UNKNOWN: (
        "it was started, and how it ended is not known",
        "Give a plain function a way to end: a thread cannot be stopped.",
    ),
    Wrong.WORLD: (
        "what was observed after the rollback is not what was observed before",
        "Compare what its rollback undoes with what the action does.",
    ),
}  # fmt: skip
"""What each kind of problem means, and what to do about it."""

_MODES: dict[Mode, str] = {
    "nothing": "when it failed before its effect",
    "lost": "when its reply was lost",
    "done": "when it had succeeded",
    "again": "when its rollback was called twice",
}


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with one action, and all cases in which it is seen.

    Attributes
    ----------
    action
        The display name of the action; None if it may be one of several.
    what
        The kind of problem, in a few words.
    words
        What was seen.
    do
        What to do about it.
    cases
        The cases in which it is seen, in the order of the sweep.
    """

    action: str | None
    what: Wrong
    words: str
    do: str
    cases: tuple[Case, ...]

    @property
    def case(self) -> Case:
        """The first case in which it is seen."""
        return self.cases[0]

    def __str__(self) -> str:
        more = f", and {len(self.cases) - 1} more" if len(self.cases) > 1 else ""
        head = f"{self.action or 'one of several'}: {self.what} ({self.case}{more})"
        return f"{head}\n    {self.words}\n    {self.do}"


def problems_of(outcomes: Sequence[Outcome]) -> tuple[Problem, ...]:
    """Give what is wrong, each problem once, in the order in which they are first seen."""
    right, returned = _right(outcomes)
    unlike = {
        sign.action
        for outcome in outcomes
        for sign in outcome.signs
        if (sign.wrong is Wrong.NEVER_UNDONE and (sign.action, sign.mode) in right)
        or (sign.wrong is Wrong.RAISES and (sign.action, sign.mode) in returned)
    }
    at_lost = {sign.action for one in outcomes for sign in one.signs if _raised(sign, "lost")}
    found: dict[tuple[str | None, Wrong], _Found] = {}
    for outcome in outcomes:
        for sign in outcome.signs:
            wrong = _named(sign, unlike, right, returned, at_lost)
            found.setdefault((sign.action, wrong), _Found([], sign.of)).add(outcome.case)
    for outcome, parts in _in_the_world(outcomes):
        names = sorted({part.action for part in parts})
        action = names[0] if len(names) == 1 else None
        of = outcome.changes[0]
        if action is None:
            of += f"; it may be {', '.join(names[:6])}" if names else ""
        else:
            of += f", {', '.join(sorted(_MODES[part.mode] for part in parts))}"
        found.setdefault((action, Wrong.WORLD), _Found([], of)).add(outcome.case)
    return tuple(_problem(action, wrong, one) for (action, wrong), one in found.items())


@dataclass
class _Found:
    """The cases in which one problem was seen, and what it was about in the first."""

    cases: list[Case]
    of: str

    def add(self, case: Case) -> None:
        if not self.cases or self.cases[-1] is not case:
            self.cases.append(case)


def _problem(action: str | None, wrong: Wrong, found: _Found) -> Problem:
    words, do = ADVICE[wrong]
    return Problem(action, wrong, f"{words} ({found.of})" if found.of else words, do, tuple(found.cases))


def _raised(sign: Sign, mode: Mode) -> bool:
    return sign.wrong is Wrong.RAISES and sign.mode == mode


def _right(outcomes: Iterable[Outcome]) -> tuple[set[tuple[str, Mode]], set[tuple[str, Mode]]]:
    """Give whose rollback put things right, and whose returned, each with what it had to undo."""
    right, returned = set(), set()
    for outcome in outcomes:
        wrong = {sign.action for sign in outcome.signs}
        for one in outcome.undone:
            if one.returned:
                returned.add((one.action, one.mode))
                if one.told and one.action not in wrong:
                    right.add((one.action, one.mode))
    return right, returned


def _named(
    sign: Sign,
    unlike: set[str],
    right: set[tuple[str, Mode]],
    returned: set[tuple[str, Mode]],
    at_lost: set[str],
) -> Wrong:
    """Give the name of what is wrong, now that it is known how the same rollback does elsewhere."""
    action, mode = sign.action, sign.mode
    known = right if sign.wrong is not Wrong.RAISES else returned
    well = (action, "done") in known
    if sign.wrong in (Wrong.NEVER_UNDONE, Wrong.RAISES) and action in unlike:
        return Wrong.NOT_ALIKE
    once = well or (action, "lost") in known  # a pivot is only rolled back if it failed
    if mode == "again" and once and sign.wrong in (Wrong.NEVER_UNDONE, Wrong.RAISES, Wrong.TWICE):
        return Wrong.NOT_AGAIN
    if sign.wrong is Wrong.NEVER_UNDONE and mode == "lost" and well:
        return Wrong.TRUSTS_REPLY
    if sign.wrong is Wrong.RAISES and well and mode in ("lost", "nothing"):
        return Wrong.NEEDS_REPLY if action in at_lost else Wrong.RAISES_AT_NOTHING
    return sign.wrong


def _in_the_world(outcomes: Sequence[Outcome]) -> list[tuple[Outcome, frozenset[Part]]]:
    """Give the runs that left a world other than before without a reason known, each with who it may be."""
    usable = [one for one in outcomes if not one.accounted and not one.signs]
    seen = [
        Seen(frozenset(Part(part.action, part.mode) for part in one.undone), bool(one.changes))
        for one in usable
    ]
    return [(one, parts) for one, parts in zip(usable, culprits(seen), strict=True) if one.changes]
