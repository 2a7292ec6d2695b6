"""A planted fault in words, and in the word of its badge."""

from __future__ import annotations

import pytest

from daga_nb import Fault, When
from daga_nb.page.fault_words import badge_word, deed, fault_words, is_plain

SAID = [
    ("raise(Timeout)", "after", "raises TimeoutError"),
    ('raise(Value, "no")', "after", "raises ValueError: no"),
    ("2*raise(Timeout)->off", "2×", "raises TimeoutError, in the first 2 calls"),
    ("1*raise(Timeout)->off", "1×", "raises TimeoutError, in the first call"),
    ("20%raise(Timeout) seed 7", "20%", "raises TimeoutError, in 20% of the calls"),
    ("2*off->1*raise(Timeout)->off", "call\xa03", "raises TimeoutError, in call 3"),
    ("2*off->2*hang->off", "hang call\xa03", "never ends, in calls 3 to 4"),
    ("2*off->hang", "hang call\xa03", "never ends, from call 3 on"),
    ("raise(Timeout) if quote > 5", "if", "raises TimeoutError, if quote > 5"),
    ("delay(2)", "2\xa0s", "waits 2 s"),
    ("12.5%delay(0.25)", "0.25\xa0s 12.5%", "waits 0.25 s, in 12.5% of the calls"),
    ("hang", "hang", "never ends"),
    ("corrupt(1)", "wrong", "gives a wrong value"),
    ("repeat", "again", "calls 2 times"),
    ("repeat(3)", "again\xa03", "calls 3 times"),
    ("cancel", "cancel", "cancels the run"),
    ("1*delay(1)->hang", "several", "one thing after the other"),
]


@pytest.mark.parametrize(("what", "word", "words"), SAID, ids=lambda text: text)
def test_a_fault_is_said_in_a_word_and_in_words(what, word, words):
    fault = Fault.parse(f"pay.after: {what}")
    assert badge_word(fault) == word
    assert deed(fault) == words
    assert is_plain(fault) == what.startswith("raise(") * (" if " not in what)


def test_what_was_struck_is_told_and_what_never_was():
    fault = Fault.hanging(at="pay", where="rollback")
    told = [fault_words(fault, struck) for struck in (-1, 0, 1, 3)]
    assert told == [
        f"failure planted in the rollback: never ends{more}"
        for more in ("; never struck", "", "; struck once", "; struck 3 times")
    ]


def test_functions_and_errors_of_ones_own_are_said_too():
    class Own(Exception):
        pass

    fault = Fault.raising(Own("x" * 500), at="pay", when=When.holds(lambda inputs: True))
    assert badge_word(fault) == "if"
    assert deed(fault).startswith("raises Own: x")
    assert deed(fault).endswith(", if a function says so")
    assert len(deed(fault)) < 120
