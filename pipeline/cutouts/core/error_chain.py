"""An error and the errors that led to it, with texts that are safe to show.

Libraries put addresses with passwords and tokens into their errors. The text of our own errors has none, but a
traceback also prints the errors that they were raised from.
"""

from __future__ import annotations

import re
from typing import Any, TypeVar, cast

from cutouts.core.text.display import HIDDEN, printable, redacted

E = TypeVar("E", bound=BaseException)

_INPUT = re.compile(r"(\binput_value=).*?(, input_type=)", re.DOTALL)
"""The way pydantic shows a refused value: cut in the middle, so a secret can no longer be recognised."""


def without_secrets(error: E) -> E:
    """The same error with its causes, contexts and notes. Every text with a secret or a control character is replaced.

    An error whose text has to be replaced becomes an instance of a class with the same name, derived from its own
    class with the same errno, so code that sorts errors still works. If nothing can be derived from its class, it
    becomes an Exception.
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
    """The error itself, if its text is safe to show."""
    if isinstance(error, BaseExceptionGroup):
        return BaseExceptionGroup(_shown(error.message), [_told(one, known) for one in error.exceptions])
    if _shown(str(error)) == str(error):
        return error
    text, kind = _shown(str(error)), type(error)
    names: dict[str, Any] = {"__module__": kind.__module__, "__str__": lambda _: text, "__repr__": lambda _: text}
    told = _blank(kind, names)
    told.args = (text,)
    if isinstance(error, OSError) and isinstance(told, OSError):
        told.errno = error.errno
    return told


def _blank(kind: type[BaseException], names: dict[str, Any]) -> BaseException:
    """An error of a class with that name, derived from its own class if possible, without the original arguments."""
    try:
        made: BaseException = kind.__new__(type(kind.__name__, (kind,), names))
    except TypeError:
        made = Exception.__new__(type(kind.__name__, (Exception,), names))
    return made


def _shown(text: str) -> str:
    return printable(redacted(_INPUT.sub(rf"\g<1>{HIDDEN}\g<2>", text)), lines=True)
