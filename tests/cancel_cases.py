"""The flows that are cancelled everywhere, with what goes wrong in them."""

from cancel_model import Case


def names(text: str) -> frozenset[str]:
    return frozenset(text.split())


CHAIN = {"a": (), "b": ("a",), "c": ("b",), "d": ("c",)}
DIAMOND = {"a": (), "b": ("a",), "c": ("a",), "d": ("b", "c")}
WIDE = {"a": (), **dict.fromkeys("bcdef", ("a",))}
LAYERED = {"a": (), "b": (), "c": ("a", "b"), "d": ("a",), "e": ("b",), "f": ("c", "d"), "g": ("d", "e")}
UNEVEN = {"a": (), "b": ("a",), "c": ("b",), "d": ("c",), "e": (), "f": ("e", "d")}
ISLANDS = {"a": (), "b": ("a",), "c": (), "d": ("c",), "e": ()}
TRIP = {
    "quote": (),
    "flight": ("quote",),
    "hotel": ("quote",),
    "car": ("quote",),
    "pay": ("flight", "hotel", "car"),
}
ORDER = {
    "check": (),
    "reserve": ("check",),
    "charge": ("check",),
    "label": ("reserve",),
    "ship": ("charge", "label"),
    "mail": ("ship",),
}

CASES = {
    "one action": Case({"a": ()}),
    "chain": Case(CHAIN),
    "chain, the last fails": Case(CHAIN, fails=names("d")),
    "chain, eager, undos fail": Case(CHAIN, fails=names("d"), undo_fails=names("b d"), eager=True),
    "diamond, undone along the graph": Case(DIAMOND, fails=names("d"), order="graph"),
    "diamond, in threads": Case(DIAMOND, fails=names("d"), threads=names("b d")),
    "diamond, a failed one is left": Case(DIAMOND, fails=names("b"), rollback_failed=False),
    "wide": Case(WIDE, fails=names("c")),
    "wide, two at a time": Case(WIDE, fails=names("f"), max_parallel=2),
    "wide, a rollback stops the others": Case(WIDE, fails=names("e"), undo_fails=names("c"), stop=True),
    "layered": Case(LAYERED, fails=names("g")),
    "layered, eager": Case(LAYERED, fails=names("f g"), eager=True),
    "layered, some without a rollback": Case(
        LAYERED, fails=names("f"), no_undo=names("a d f"), no_effect=names("a")
    ),
    "uneven, eager, one at a time": Case(
        UNEVEN, fails=names("f"), eager=True, max_parallel=1, threads=names("b e")
    ),
    "uneven, what ended last first": Case(UNEVEN, fails=names("f"), eager=True, order="completion"),
    "islands, retries": Case(
        ISLANDS,
        fails=names("d"),
        flaky={"b": 1, "c": 2},
        retries={"b": 1, "c": 2, "d": 1},
        undo_flaky={"a": 1, "e": 1},
        undo_retries={"a": 1},
    ),
    "trip, from a save point": Case(TRIP, fails=names("pay"), save_points={"quote": 1}),
    "trip, past a pivot": Case(TRIP, pivots=names("quote"), threads=names("car")),
    "chain, a save point past the pivot": Case(
        CHAIN, flaky={"d": 1}, pivots=names("a"), save_points={"b": 2}
    ),
    "order, a pivot in the middle": Case(
        ORDER, flaky={"ship": 1, "charge": 1}, retries={"ship": 1, "charge": 1}, pivots=names("charge")
    ),
}

# Here something does not end by itself.
LATE = {
    "a rollback hangs": Case(DIAMOND, undo_hangs=names("b")),
    "rollbacks hang after a failure": Case(CHAIN, fails=names("d"), undo_hangs=names("b d")),
    "a rollback hangs, and is called again": Case(CHAIN, undo_hangs=names("b"), undo_retries={"b": 1}),
    "a rollback hangs, and stops the others": Case(WIDE, fails=names("e"), undo_hangs=names("c"), stop=True),
    "actions do their work all the same": Case(DIAMOND, fails=names("d"), stubborn=names("b d")),
    "an action does not end": Case(DIAMOND, deaf=names("c")),
    "an action does not end, and rollbacks hang": Case(LAYERED, deaf=names("c g"), undo_hangs=names("a d")),
    "an action does not end, eager": Case(ISLANDS, deaf=names("b"), undo_hangs=names("c"), eager=True),
}
