"""What a fault does where it strikes: the kinds, and the terms of a chain."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from daga_nb.engine.exact import plain, short
from daga_nb.engine.fault_errors import error_to_json, fresh
from daga_nb.engine.scanner import as_json, as_number
from daga_nb.errors import FaultError, describe

__all__ = [
    "OFF",
    "PLACES",
    "Cancel",
    "Corrupt",
    "Delay",
    "Hang",
    "Off",
    "Raise",
    "Repeat",
    "Task",
    "Term",
    "Where",
]

Where = Literal["before", "after", "rollback"]

PLACES: dict[Where, str] = {
    "before": "before the effect",
    "after": "after the effect",
    "rollback": "in the rollback",
}
"""Each place, in words."""

_MOST_CALLS = 100


class Task:
    """What is done where a fault strikes."""

    word: ClassVar[str]
    """What it is called in texts and files."""

    story: ClassVar[dict[Where, str]] = {}
    """What the story of a run says of it, by place."""

    def told(self, where: Where) -> str:
        """Say, for the story of a run, what happened."""
        return self.story[where].format(self)

    def text(self) -> str:
        """Give it as it is written in a text.

        Raises
        ------
        FaultError
            If no text could carry it.
        """
        args = self._args()
        return f"{self.word}({', '.join(args)})" if args else self.word

    def to_json(self) -> dict[str, Any]:
        """Give what a file says of it, besides its word.

        Raises
        ------
        FaultError
            If no file could carry it.
        """
        return {}

    def _args(self) -> list[str]:
        return []


@dataclass(frozen=True)
class Off(Task):
    """Nothing is done."""

    word: ClassVar[str] = "off"


OFF = Off()


@dataclass(frozen=True)
class Hang(Task):
    """It waits for ever, until a timeout, a deadline or a cancel ends it."""

    word: ClassVar[str] = "hang"
    story: ClassVar[dict[Where, str]] = {place: f"it hung {words}" for place, words in PLACES.items()}


@dataclass(frozen=True)
class Cancel(Task):
    """The whole run is cancelled."""

    word: ClassVar[str] = "cancel"
    story: ClassVar[dict[Where, str]] = {place: f"cancelled {words}" for place, words in PLACES.items()}


@dataclass(frozen=True, eq=False)
class Raise(Task):
    """An error is raised: a copy of this exception, or a new one of this class."""

    error: BaseException | type[BaseException]
    word: ClassVar[str] = "raise"
    story: ClassVar[dict[Where, str]] = {place: f"raised {words}" for place, words in PLACES.items()}

    def __post_init__(self) -> None:
        kind = self.error if isinstance(self.error, type) else type(self.error)
        if not issubclass(kind, BaseException):
            raise FaultError(f"a fault raises an exception, and {self.error!r} is none")
        if isinstance(self.error, type):
            try:
                self.error()
            except Exception as refused:
                raise FaultError(
                    f"{self.error.__name__} cannot be made without arguments ({describe(refused)}): "
                    "give an instance"
                ) from None

    def __eq__(self, other: object) -> bool:
        # Exceptions are equal only to themselves; those that a text could carry are equal if their texts are.
        if not isinstance(other, Raise):
            return NotImplemented
        if self.error is other.error:
            return True
        try:
            return self.text() == other.text()
        except FaultError:
            return False

    def __hash__(self) -> int:
        return hash(self.error if isinstance(self.error, type) else type(self.error))

    def fresh(self) -> BaseException:
        """Give what is to be raised, each time another one: the runs that it strikes do not share it."""
        return self.error() if isinstance(self.error, type) else fresh(self.error)

    def to_json(self) -> dict[str, Any]:
        """Give the name of its class, and what it is made with (None for the class itself)."""
        return error_to_json(self.error, "what it raises")

    def _args(self) -> list[str]:
        name, args = self.to_json().values()
        return [name, *map(as_json, args)] if args else [name if args is None else f"{name}()"]


@dataclass(frozen=True)
class Delay(Task):
    """It waits for some seconds."""

    seconds: float
    word: ClassVar[str] = "delay"
    story: ClassVar[dict[Where, str]] = {
        "before": "it was delayed by {0.seconds:g} s",
        "after": "its reply was delayed by {0.seconds:g} s",
        "rollback": "its rollback was delayed by {0.seconds:g} s",
    }

    def __post_init__(self) -> None:
        if type(self.seconds) not in (int, float) or not 0 < self.seconds < math.inf:
            raise FaultError(f"a delay of {short(self.seconds)}: it is a number of seconds above 0")
        object.__setattr__(self, "seconds", float(self.seconds))

    def to_json(self) -> dict[str, Any]:
        """Give its seconds."""
        return {"seconds": self.seconds}

    def _args(self) -> list[str]:
        return [as_number(self.seconds)]


@dataclass(frozen=True)
class Corrupt(Task):
    """A value is wrong: another one stands for it, or a function gives the wrong one of the right one.

    Attributes
    ----------
    code
        The wrong value, as JSON text; None if there is a function.
    function
        Gives the wrong value.
    """

    code: str | None
    function: Callable[[Any], Any] | None = None
    word: ClassVar[str] = "corrupt"
    story: ClassVar[dict[Where, str]] = {
        "before": "its inputs were corrupted",
        "after": "its result was corrupted",
        "rollback": "the result that its rollback got was corrupted",
    }

    @classmethod
    def by(cls, change: Any) -> Corrupt:
        """Make it of a JSON value, or of a function of the right value.

        Raises
        ------
        FaultError
            If it is neither.
        """
        if callable(change):
            return cls(None, change)
        return cls(as_json(plain(change, "what stands for the right value", FaultError)))

    def wrong(self, right: Any) -> Any:
        """Give the wrong value, each time another copy of it.

        Raises
        ------
        FaultError
            If the function fails.
        """
        if self.function is None:
            assert self.code is not None
            return json.loads(self.code)
        try:
            return self.function(right)
        except Exception as error:
            raise FaultError(f"the function that is to corrupt a value failed: {describe(error)}") from error

    @property
    def value(self) -> Any:
        """What stands for the right value, or the function that changes it."""
        return self.function if self.code is None else json.loads(self.code)

    def to_json(self) -> dict[str, Any]:
        """Give what stands for the right value."""
        return {"value": json.loads(self._args()[0])}

    def _args(self) -> list[str]:
        if self.code is None:
            raise FaultError("it corrupts by a function, which no text carries: give a value in place of it")
        return [self.code]


@dataclass(frozen=True)
class Repeat(Task):
    """It is called more than once, with the same key."""

    times: int = 2
    word: ClassVar[str] = "repeat"
    story: ClassVar[dict[Where, str]] = {
        "before": "it was called {0.times} times at once",
        "after": "it was called again, {0.times} times in all",
        "rollback": "its rollback was called {0.times} times",
    }

    def __post_init__(self) -> None:
        if type(self.times) is not int or not 2 <= self.times <= _MOST_CALLS:
            raise FaultError(f"called {short(self.times)} times: it is a number from 2 to {_MOST_CALLS}")

    def to_json(self) -> dict[str, Any]:
        """Give how often it is called."""
        return {"times": self.times}

    def _args(self) -> list[str]:
        return [str(self.times)]


@dataclass(frozen=True)
class Term:
    """One term of a chain: what is done, how often at most, and in how many of a hundred calls.

    >>> print(Term(Delay(0.5), times=3, percent=20))
    20%3*delay(0.5)
    """

    task: Task
    times: int | None = None
    percent: float = 100.0

    def __post_init__(self) -> None:
        if not isinstance(self.task, Task):
            raise FaultError(f"{short(self.task)} is nothing that a fault does")
        if self.times is not None and (type(self.times) is not int or not 1 <= self.times <= 10**9):
            raise FaultError(f"{short(self.times)} times: it is a whole number from 1, or None for always")
        if type(self.percent) not in (int, float) or not 0 < self.percent <= 100:
            raise FaultError(f"{short(self.percent)} percent: it is a number above 0, up to 100")
        object.__setattr__(self, "percent", float(self.percent))

    def __str__(self) -> str:
        share = "" if self.percent == 100 else f"{as_number(self.percent)}%"
        return f"{share}{'' if self.times is None else f'{self.times}*'}{self.task.text()}"
