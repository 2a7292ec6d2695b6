"""The one-line text of a fault: ``charge.after: 1*raise(Timeout)->off``, in the manner of fail-rs.

```
faults    fault, or several: one a line, or with ; in between
fault     name.place: term->term...  [if name operator value]  [seed number]
place     before | after | rollback
term      [percent%][times*]task
task      raise(Name, value...) | raise(Name()) | delay(seconds) | hang | corrupt(value)
          | repeat | repeat(times) | cancel | off
operator  < <= == != >= >
```

A name stands as it is if it has only letters, digits, ``_``, blanks and ``-`` in it, else in quotes. Values
are JSON. ``raise(Timeout)`` means the class `TimeoutError`: the ``Error`` at the end of the name of a builtin
exception may be left out.
"""

from __future__ import annotations

import difflib
from typing import Any, NamedTuple, get_args

from daga_nb.engine.exact import check_text, short
from daga_nb.engine.fault_errors import BUILTIN, error_from_json
from daga_nb.engine.fault_tasks import OFF, Cancel, Corrupt, Delay, Hang, Raise, Repeat, Task, Term, Where
from daga_nb.engine.scanner import LONGEST, Scanner, as_name
from daga_nb.engine.triggers import Comparison, Condition, check_seed, read_comparison
from daga_nb.errors import FaultError

__all__ = ["FaultParts", "fault_text", "read_fault"]

# No two builtin exceptions differ in the "Error" at the end alone.
_NAMES = {short_name: name for name in BUILTIN for short_name in (name.removesuffix("Error"), name)}

_SUCH_AS = ", as in 'charge.after: raise(Timeout)'"
_TASKS = ("raise", "delay", "hang", "corrupt", "repeat", "cancel", "off")


class FaultParts(NamedTuple):
    """What a fault is made of; see `Fault`."""

    terms: tuple[Term, ...]
    at: Any
    where: Where
    condition: Condition | None
    seed: int


def fault_text(parts: FaultParts) -> str:
    """Give the text of a fault.

    Raises
    ------
    FaultError
        If it has none: no text carries a function, an action that is not named, an error that is not builtin.
    """
    at = check_text(parts.at, "the name of the action", FaultError)
    text = f"{as_name(at)}.{parts.where}: {'->'.join(map(str, parts.terms))}"
    if parts.condition is not None:
        if not isinstance(parts.condition, Comparison):
            raise FaultError(
                "its condition is a function, which no text carries: write a comparison, 'quote > 500'"
            )
        text += f" if {parts.condition}"
    if parts.seed:
        text += f" seed {parts.seed}"
    if len(text) > LONGEST:
        raise FaultError(f"its text has {len(text):,} characters: at most {LONGEST:,} are read")
    return text


def read_fault(scanner: Scanner) -> FaultParts:
    """Read a fault, where the scanner stands.

    Raises
    ------
    FaultError
        If none stands there; the message says where, and what is meant.
    """
    at = scanner.name()
    scanner.expect(".", _SUCH_AS)
    where: Any = scanner.word()
    if where not in get_args(Where):
        raise scanner.wrong(f"before this, {' or '.join(get_args(Where))} is meant, and not {short(where)}")
    scanner.expect(":", _SUCH_AS)
    terms = [_term(scanner)]
    while scanner.accept("->"):
        terms.append(_term(scanner))
    condition, seed = None, 0
    following = scanner.word()
    if following == "if":
        condition = read_comparison(scanner)
        following = scanner.word()
    if following == "seed":
        seed = scanner.made(check_seed, scanner.count("a seed"))
        following = ""
    if following:
        raise scanner.wrong(f"before this, 'if' or 'seed' is meant, and not {short(following)}")
    return FaultParts(tuple(terms), at, where, condition, seed)


def _term(scanner: Scanner) -> Term:
    percent: Any = 100
    times: Any = None
    number = scanner.number()
    if number is not None and scanner.accept("%"):
        percent, number = number, scanner.number()
    if number is not None:
        scanner.expect("*")
        times = number
    return scanner.made(Term, _task(scanner), times, percent)


def _task(scanner: Scanner) -> Task:
    word = scanner.word()
    simple: dict[str, Task] = {"hang": Hang(), "cancel": Cancel(), "off": OFF}
    if word in simple:
        return simple[word]
    if word not in _TASKS:
        near = difflib.get_close_matches(word[:40], _TASKS, n=1)
        meant = f"{near[0]} is meant" if near else f"one of {', '.join(_TASKS)} is meant"
        raise scanner.wrong(f"before this, {meant}, and not {short(word)}")
    if word == "repeat" and not scanner.accept("("):
        return Repeat()
    if word != "repeat":
        scanner.expect("(")
    task = _READERS[word](scanner)
    scanner.expect(")")
    return task


def _raise(scanner: Scanner) -> Task:
    name = scanner.word()
    if name not in _NAMES:
        near = difflib.get_close_matches(name[:40], _NAMES, n=2) or ["TimeoutError"]
        meant = " or ".join(dict.fromkeys(_NAMES[one] for one in near))
        raise scanner.wrong(
            f"before this, the name of a builtin exception is meant ({meant}), and not {short(name)}"
        )
    args: list[Any] = []
    empty = scanner.accept("(")
    if empty:
        scanner.expect(")")
    else:
        while scanner.accept(","):
            args.append(scanner.json())
    error = scanner.made(error_from_json, _NAMES[name], args if args or empty else None, "what it raises")
    return scanner.made(Raise, error)


def _delay(scanner: Scanner) -> Task:
    return scanner.made(Delay, scanner.number())


def _corrupt(scanner: Scanner) -> Task:
    return scanner.made(Corrupt.by, scanner.json())


def _repeat(scanner: Scanner) -> Task:
    return scanner.made(Repeat, scanner.count("how often it is called"))


_READERS = {"raise": _raise, "delay": _delay, "corrupt": _corrupt, "repeat": _repeat}
