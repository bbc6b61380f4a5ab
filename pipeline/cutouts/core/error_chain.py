"""An error and all that led to it, with texts that may be shown.

Libraries put addresses with passwords and tokens into what they raise. An error of ours has none in its own text, but a
traceback also prints the errors that it was raised from.
"""

from __future__ import annotations

import re
from typing import Any, TypeVar, cast

from cutouts.core.text.display import HIDDEN, printable, redacted

E = TypeVar("E", bound=BaseException)

_INPUT = re.compile(r"(\binput_value=).*?(, input_type=)", re.DOTALL)
"""How pydantic shows what it refuses, cut in the middle, so that nobody can tell what it was."""


def without_secrets(error: E) -> E:
    """The same error with its causes, contexts and notes; each text with a secret or a control character is replaced.

    An error whose text has to be replaced becomes one of a class of the same name that is derived from its own, so
    whoever sorts errors by class sorts it as before. (A class that nothing can be derived from becomes an Exception.)
    """
    return cast(E, _told(error, {}))


def _told(error: BaseException, known: dict[int, BaseException]) -> BaseException:
    if id(error) in known:
        return known[id(error)]
    told = _replaced(error, known)
    known[id(error)] = known[id(told)] = told
    cause, context = error.__cause__, error.__context__
    told.__cause__ = None if cause is None else _told(cause, known)
    told.__context__ = None if context is None else _told(context, known)
    told.__suppress_context__, told.__traceback__ = error.__suppress_context__, error.__traceback__
    if notes := getattr(error, "__notes__", None):
        told.__notes__ = [_shown(str(note)) for note in notes]
    return told


def _replaced(error: BaseException, known: dict[int, BaseException]) -> BaseException:
    """The error itself, if its text may be shown as it is."""
    if isinstance(error, BaseExceptionGroup):
        return BaseExceptionGroup(_shown(error.message), [_told(one, known) for one in error.exceptions])
    if _shown(str(error)) == str(error):
        return error
    text, kind = _shown(str(error)), type(error)
    names: dict[str, Any] = {"__module__": kind.__module__, "__str__": lambda _: text, "__repr__": lambda _: text}
    told = _blank(kind, names)
    told.args = (text,)
    return told


def _blank(kind: type[BaseException], names: dict[str, Any]) -> BaseException:
    """An error of a class of that name, derived from it if that is possible, without what it was made of."""
    try:
        made: BaseException = kind.__new__(type(kind.__name__, (kind,), names))
    except TypeError:
        made = Exception.__new__(type(kind.__name__, (Exception,), names))
    return made


def _shown(text: str) -> str:
    return printable(redacted(_INPUT.sub(rf"\g<1>{HIDDEN}\g<2>", text)), lines=True)
