"""Estimates how long a regular expression may take: the most steps that a backtracking engine can need on a text.

Before it fails, Python's engine tries every way to divide a text among the repetitions of a pattern, and a worker that
waits for it cannot be interrupted. So the steps are counted in advance, and a pattern that can need too many is not
used.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from re import _constants, _parser  # type: ignore[attr-defined] # the standard library's own parser
from typing import Any

_LENGTH = 1000
"""Length of the texts for which steps are counted, in characters."""
_MOST_STEPS = 5_000_000
_ENOUGH = 64
"""Two ways, repeated this many times, are always too many."""
_ASCII = range(128)
_REPEATS = (_constants.MAX_REPEAT, _constants.MIN_REPEAT, _constants.POSSESSIVE_REPEAT)
_NO_LETTER = (_constants.AT, _constants.ASSERT, _constants.ASSERT_NOT)
"""Parts of a pattern that consume no character."""


def slow(pattern: str) -> str | None:
    """Why a pattern may take too long or cannot be used at all; None if it can be used."""
    try:
        parsed = _parser.parse(pattern)
        items = list(parsed)
        steps = _steps(items, _NOTHING, 1, fold=_FOLDS.search(pattern) is not None)
    except _Uncountable as error:
        return str(error)
    except (re.error, OverflowError, RecursionError) as error:
        return str(error)
    lines = parsed.state.flags & re.MULTILINE
    anchored = bool(items) and items[0][0] is _constants.AT and items[0][1] in _BEGINNINGS and not lines
    if steps * (1 if anchored else _LENGTH) > _MOST_STEPS:
        return (
            "its repetitions can divide a text in too many ways; begin it with ^, and let other letters follow "
            "each repetition than it takes itself"
        )
    return None


_FOLDS = re.compile(r"\(\?[a-zA-Z]*i")
"""A pattern without this is case-sensitive."""
_BEGINNINGS = (_constants.AT_BEGINNING, _constants.AT_BEGINNING_STRING)


class _Uncountable(Exception):
    """The pattern has a part whose number of ways depends on the text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _First:
    """The possible first characters: ASCII ones by code, and whether there are `others`; `empty` if none may come."""

    letters: frozenset[int]
    others: bool
    empty: bool

    def meets(self, other: _First) -> bool:
        """Whether the same character may come first in both."""
        return bool(self.letters & other.letters) or (self.others and other.others)

    def or_(self, other: _First) -> _First:
        """The possible first characters of either."""
        return _First(
            letters=self.letters | other.letters,
            others=self.others or other.others,
            empty=self.empty or other.empty,
        )

    def then(self, other: _First) -> _First:
        """The possible first characters if `other` follows."""
        if not self.empty:
            return self
        both = self.or_(other)
        return _First(letters=both.letters, others=both.others, empty=other.empty)


_NOTHING = _First(letters=frozenset(), others=False, empty=True)
_ANYTHING = _First(letters=frozenset(_ASCII), others=True, empty=True)


def _steps(items: Sequence[Any], follows: _First, rest: int, *, fold: bool) -> int:
    """Most steps of the items of a pattern from one position on, if `follows` comes after them and needs `rest`."""
    steps = rest
    for place in reversed(range(len(items))):
        operation, argument = items[place]
        behind = _first(items[place + 1 :], fold=fold).then(follows)
        if operation in _REPEATS:
            ways = _ways_of_repeat(argument, behind, fold=fold)
            ends = behind == _NOTHING and place == len(items) - 1  # without anything after it, it never backtracks
            steps = ways * steps if ways > 1 else steps + (0 if ends else min(int(argument[1]), _LENGTH))
        elif operation is _constants.BRANCH:
            steps = sum(_steps(list(branch), behind, steps, fold=fold) for branch in argument[1])
        elif operation in (_constants.ASSERT, _constants.ASSERT_NOT):
            steps += sum(_steps(body, _NOTHING, 1, fold=fold) for body in _bodies(argument))
        elif operation in (_constants.GROUPREF, _constants.GROUPREF_EXISTS):
            raise _Uncountable("it refers to a part of itself")
        else:
            for body in _bodies(argument):
                steps = _steps(body, behind, steps, fold=fold)
        if steps > _MOST_STEPS:
            break
    return steps


def _ways_of_repeat(argument: Any, behind: _First, *, fold: bool) -> int:
    """The number of ways in which a repetition can be tried before it fails."""
    low, high, body = argument
    first = _first(list(body), fold=fold)
    within = _ways(list(body), first.or_(behind), fold=fold) + first.empty
    most = min(int(high), _LENGTH)
    counts = most - min(int(low), most) + 1 if first.meets(behind) or first.empty else 1
    return counts * (within ** min(most, _ENOUGH) if within > 1 else 1)


def _ways(items: Sequence[Any], follows: _First, *, fold: bool) -> int:
    """The number of ways in which the items of a pattern can match from one position on, if `follows` comes next."""
    ways = 1
    for place, (operation, argument) in enumerate(items):
        behind = _first(items[place + 1 :], fold=fold).then(follows)
        if operation in _REPEATS:
            ways *= _ways_of_repeat(argument, behind, fold=fold)
        elif operation is _constants.BRANCH:
            ways *= sum(_ways(list(branch), behind, fold=fold) for branch in argument[1])
        elif operation in (_constants.GROUPREF, _constants.GROUPREF_EXISTS):
            raise _Uncountable("it refers to a part of itself")
        else:
            for body in _bodies(argument):
                ways *= _ways(body, behind, fold=fold)
    return min(ways, _MOST_STEPS + 1)


def _first(items: Sequence[Any], *, fold: bool) -> _First:
    """The possible first characters of a text that these items match."""
    found = _NOTHING
    for operation, argument in items:
        found = found.then(_first_of(operation, argument, fold=fold))
        if not found.empty:
            break
    return found


def _first_of(operation: Any, argument: Any, *, fold: bool) -> _First:
    if operation in (_constants.LITERAL, _constants.NOT_LITERAL, _constants.ANY, _constants.IN):
        letters = _letters(operation, argument)
        return _both_cases(letters) if fold else letters
    if operation in _REPEATS:
        low, _, body = argument
        return _first(list(body), fold=fold).or_(_NOTHING) if low == 0 else _first(list(body), fold=fold)
    if operation is _constants.BRANCH:
        branches = [_first(list(branch), fold=fold) for branch in argument[1]]
        found = branches[0]
        for branch in branches[1:]:
            found = found.or_(branch)
        return found
    if operation in _NO_LETTER:
        return _NOTHING if operation is _constants.AT else _ANYTHING
    found = _NOTHING
    for body in _bodies(argument):
        found = found.then(_first(body, fold=fold))
    return found


def _letters(operation: Any, argument: Any) -> _First:
    """The single characters that this item matches; the engine itself is asked for those of a category."""
    if operation is _constants.ANY:
        return _First(letters=frozenset(_ASCII), others=True, empty=False)
    if operation in (_constants.LITERAL, _constants.NOT_LITERAL):
        own = frozenset({argument} & set(_ASCII))
        if operation is _constants.LITERAL:
            return _First(letters=own, others=not own, empty=False)
        return _First(letters=frozenset(_ASCII) - own, others=True, empty=False)
    letters, others = frozenset[int](), False
    for kind, value in argument:
        if kind is _constants.RANGE:
            letters |= frozenset(_ASCII) & frozenset(range(value[0], min(value[1], 127) + 1))
            others |= value[1] > 127
        elif kind is _constants.LITERAL:
            letters |= frozenset({value} & set(_ASCII))
            others |= value > 127
        elif kind is _constants.CATEGORY:
            letters |= frozenset(letter for letter in _ASCII if _CATEGORIES[value].match(chr(letter)))
            others = True
    if argument and argument[0][0] is _constants.NEGATE:
        return _First(letters=frozenset(_ASCII) - letters, others=True, empty=False)
    return _First(letters=letters, others=others, empty=False)


def _both_cases(first: _First) -> _First:
    """The same in lower and upper case. Some letters have a third form beyond ASCII."""
    letters = [chr(letter) for letter in first.letters]
    cases = frozenset(ord(one) for letter in letters for one in (letter.lower(), letter.upper()))
    return _First(letters=cases, others=first.others or not cases.isdisjoint(map(ord, "iks")), empty=first.empty)


_CATEGORIES = {
    _constants.CATEGORY_DIGIT: re.compile(r"\d"),
    _constants.CATEGORY_NOT_DIGIT: re.compile(r"\D"),
    _constants.CATEGORY_SPACE: re.compile(r"\s"),
    _constants.CATEGORY_NOT_SPACE: re.compile(r"\S"),
    _constants.CATEGORY_WORD: re.compile(r"\w"),
    _constants.CATEGORY_NOT_WORD: re.compile(r"\W"),
}


def _bodies(argument: Any) -> Iterator[list[Any]]:
    """The patterns in a part of a pattern."""
    if isinstance(argument, _parser.SubPattern):
        yield list(argument)
    elif isinstance(argument, tuple | list):
        for part in argument:
            yield from _bodies(part)
